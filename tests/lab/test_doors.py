# SPDX-License-Identifier: Apache-2.0
"""Sockets that lead from one network into another, as those of the demo lead from the host into its namespaces."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from joulepath_lab.run import doors
from joulepath_lab.run.doors import HOST, Door, Place
from joulepath_lab.run.ports import free_port
from joulepath_lab.scenarios import scenario

pytestmark = pytest.mark.unit

PAGE = bytes(range(256)) * 4000
"""A megabyte, in more than one piece."""


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        """Writes nothing."""


@pytest.fixture
def inside() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer((HOST, 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def leading_to(port: int) -> Door:
    door = Door(Place("a server", HOST, port), socket.create_server((HOST, 0)))
    doors.open_all([door])
    return door


def test_a_door_carries_requests_and_answers_of_any_length(inside: ThreadingHTTPServer) -> None:
    door = leading_to(inside.server_port)
    connection = http.client.HTTPConnection(door.url.removeprefix("http://").rstrip("/"), timeout=10)
    for body in (PAGE, b"again", PAGE):  # one connection
        connection.request("POST", "/", body)
        assert connection.getresponse().read() == body
    connection.close()


def test_a_door_passes_on_that_a_client_has_said_all(inside: ThreadingHTTPServer) -> None:
    door = leading_to(inside.server_port)
    with socket.create_connection(door.listener.getsockname(), timeout=10) as client:
        client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while data := client.recv(4096):
            answer += data
    assert answer.endswith(b"hello")


def test_a_door_without_a_server_behind_it_ends_the_connection() -> None:
    door = leading_to(free_port())
    with socket.create_connection(door.listener.getsockname(), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""


@pytest.mark.parametrize("name", scenario.NAMES)
def test_each_server_of_a_scenario_has_a_door_of_its_own(name: str) -> None:
    scene = scenario.load(name)
    places = list(doors.places(scene))
    titles = [place.title for place in places]
    assert {"Prometheus", "Alertmanager", "joulepath pdu"} <= set(titles)
    assert sum(title.startswith("joulepath ioam of ") for title in titles) == len(scene.counted)
    assert len({(place.host, place.port) for place in places}) == len(set(titles)) == len(places)


def test_doors_take_the_server_s_port_where_it_is_free() -> None:
    places = list(doors.places(scenario.load("native")))
    first, second = doors.listen(places), doors.listen(places)
    try:
        ports = [listener.getsockname()[1] for listener in (*first, *second)]
        assert len(set(ports)) == len(ports)
        assert all(listener.getsockname()[0] == HOST for listener in first)
        assert all(listener.get_inheritable() for listener in first)
    finally:
        for listener in (*first, *second):
            listener.close()
