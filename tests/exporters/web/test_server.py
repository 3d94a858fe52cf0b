# SPDX-License-Identifier: Apache-2.0
"""Connections: kept alive, bounded in number and time, and ended without loss."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.web import Address, Server
from joulepath.web.auth import Passwords
from joulepath.web.config import read
from joulepath.web.http import BadRequestError, parse
from joulepath_lab.run.waiting import until
from tests.exporters.web.things import Things, get, serving

pytestmark = pytest.mark.unit

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.ports[0]), timeout=5) as client:
        yield client


def answers(client: socket.socket, seconds: float = 5.0) -> list[tuple[int, bytes]]:
    """Every response until the server closes or says nothing more."""
    client.settimeout(seconds)
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except (TimeoutError, ConnectionResetError):
        pass
    responses = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length"))
        responses.append((int(lines[0].split()[1]), rest[:length]))
        received = rest[length:]
    return responses


def connections() -> int:
    return sum(thread.name == "web-connection" for thread in threading.enumerate())


def test_a_connection_serves_one_scrape_after_the_other() -> None:
    with serving(Things()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=5)
        sockets = set()
        for _ in range(5):
            connection.request("GET", "/metrics")
            sockets.add(connection.sock)
            assert connection.getresponse().read()
        assert len(sockets) == 1
        connection.close()


def test_requests_in_one_packet_and_in_single_octets_are_answered() -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(REQUEST * 3)
        for octet in REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"):
            client.sendall(bytes([octet]))
        assert [status for status, _ in answers(client)] == [200] * 4


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 3000 + b"\r\n", 431),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    ],
)
def test_an_unusual_request_gets_its_status(request_: bytes, status: int) -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(request_)
        assert [code for code, _ in answers(client)] == [status]


def test_head_gets_the_headers_alone() -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while data := client.recv(4096):
            received += data
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == b""
    assert b"\r\nContent-Length: 0" not in head


@given(st.binary(max_size=300))
def test_any_octets_are_a_request_or_a_bad_one(head: bytes) -> None:
    try:
        parse(head + b"\r\n\r\n")
    except BadRequestError:
        return


def test_a_request_without_an_end_is_cut_off() -> None:
    with serving(Things()) as server, connected(server) as client:
        try:
            for _ in range(100):
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100)
            assert [status for status, _ in answers(client)] == [431]
        except (BrokenPipeError, ConnectionResetError):
            pass
        until(lambda: connections() == 0)


def test_a_client_that_dawdles_is_cut_off_however_often_it_sends() -> None:
    with serving(Things(), head_seconds=0.5) as server, connected(server) as client:
        began = time.monotonic()

        def dribble() -> None:
            while time.monotonic() - began < 5:
                client.sendall(b"A")
                time.sleep(0.05)

        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            dribble()
        assert time.monotonic() - began < 2


def test_a_second_request_that_dawdles_is_cut_off_too() -> None:
    with serving(Things(), head_seconds=0.3) as server, connected(server) as client:
        client.sendall(REQUEST)
        assert client.recv(65536)
        time.sleep(0.6)  # the second request's time does not include the pause before it
        client.sendall(REQUEST + b"GET")
        assert len(answers(client, 2)) == 1
        until(lambda: connections() == 0)


def test_a_hundred_slow_clients_keep_no_scrape_waiting() -> None:
    with serving(Things()) as server:
        slow = [socket.create_connection(("127.0.0.1", server.ports[0])) for _ in range(100)]
        ended = threading.Event()

        def dribble() -> None:
            while not ended.wait(0.2):
                for client in slow:
                    client.sendall(b"X")

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            for _ in range(10):
                began = time.monotonic()
                assert get(server, "/metrics")[0] == 200
                assert time.monotonic() - began < 1
                time.sleep(0.1)
        finally:
            ended.set()
            thread.join()
            for client in slow:
                client.close()


def test_connections_beyond_the_limit_displace_those_that_never_asked() -> None:
    with serving(Things(), max_connections=8) as server, connected(server) as scraper:
        scraper.sendall(REQUEST)
        assert scraper.recv(65536)
        silent = [socket.create_connection(("127.0.0.1", server.ports[0])) for _ in range(50)]
        assert get(server, "/metrics")[0] == 200
        until(lambda: connections() <= 8)
        scraper.sendall(REQUEST)  # the one that has asked is still there
        assert scraper.recv(65536).startswith(b"HTTP/1.1 200")
        for client in silent:
            client.close()


def test_stopping_lets_an_answer_come_to_its_end_and_ends_idle_connections() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slowly() -> float:
        asked.set()
        go_on.wait(5)
        return 1.0

    things = Things()
    server = Server(things, [Address("127.0.0.1", 0)])
    server.start()
    with connected(server) as idle, connected(server) as busy:
        idle.sendall(REQUEST)
        assert idle.recv(65536)
        things.answer = slowly
        busy.sendall(REQUEST)
        assert asked.wait(5)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert idle.recv(4096) == b""
        until(lambda: is_refused(idle.getpeername()))
        go_on.set()
        ((status, body),) = answers(busy)
        assert status == 200
        assert b"thing_up 1.0\n" in body
        stopping.join()
    assert connections() == 0


def is_refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_new_rules_hold_for_connections_that_were_there_before(tmp_path: Path) -> None:
    path = tmp_path / "web-config.yml"
    path.write_text(f"basic_auth_users: {{a: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}'}}")
    with serving(Things()) as server, connected(server) as client:
        client.sendall(REQUEST)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        server.secure(read(path).security(path, Passwords()))
        assert client.recv(65536) == b""
        assert get(server, "/metrics")[0] == 401


def is_read(client: socket.socket) -> bool:
    """Whether the server has read all that the client has sent: the kernel holds nothing for it (`rx_queue`)."""
    ends = [client.getpeername()[1], client.getsockname()[1]]
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if [int(end.split(":")[1], 16) for end in (local, remote)] == ends:
            return queues.endswith(":00000000")
    return False


def test_a_request_begun_under_old_rules_is_answered_by_the_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "web-config.yml"
    path.write_text(f"basic_auth_users: {{a: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}'}}")
    with serving(Things()) as server, connected(server) as client:
        client.sendall(REQUEST[:10])
        until(lambda: connections() == 1 and is_read(client))
        server.secure(read(path).security(path, Passwords()))
        client.sendall(REQUEST[10:])
        assert [status for status, _ in answers(client)] == [401]
