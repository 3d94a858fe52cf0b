# SPDX-License-Identifier: Apache-2.0
"""A client that behaves keeps its answer, whatever the others do; nothing that a client says comes back or is kept."""

import errno
import os
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from joulepath.web.auth import Passwords
from joulepath.web.connection import MAX_ANSWERS, MAX_EMPTY_LINES, STALL_SECONDS, Connection, Shared
from joulepath.web.events import Events, Reason
from joulepath.web.http import Request, Response
from joulepath.web.routes import _Expositions
from joulepath.web.rules import read
from joulepath.web.security import Security
from joulepath.web.server import LEAST_SECONDS, Server
from joulepath_lab.run.waiting import until
from tests.exporters.pki import Pki
from tests.exporters.web.test_server import REQUEST, answers, connected
from tests.exporters.web.things import Things, serving

pytestmark = pytest.mark.unit

BIG = b"a" * 2**21


def count(events: Events, reason: Reason) -> float:
    return {s.labels["reason"]: s.value for family in events.collect() for s in family.samples}[reason]


def share_settings(answer: Callable[[Request], Response], security: Security | None = None, **settings: Any) -> Shared:
    known = security or Security()
    return Shared(lambda: known, answer, lambda: False, Events(), **settings)


@contextmanager
def pair(settings: Shared, send_buffer: int | None = None) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection that runs, and its client. TLS takes the socket over as soon as it runs: set options before."""
    ours, client = socket.socketpair()
    if send_buffer is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    connection = Connection(ours, settings)
    thread = threading.Thread(target=connection.run)
    thread.start()
    try:
        yield connection, client
    finally:
        client.close()
        connection.cut()
        thread.join()


def security_of(pki: Pki, more: str = "") -> Security:
    config = pki.folder / "web-config.yml"
    config.write_text(f"tls_server_config: {{cert_file: server.pem, key_file: server.key{more}}}")
    return read(config, Passwords())


@pytest.mark.parametrize(
    "line",
    [b"Authorization : Basic c2VjcmV0", b"Authorization Basic c2VjcmV0", b"Auth\xe9: c2VjcmV0", b": c2VjcmV0"],
)
def test_a_line_that_is_not_a_header_is_not_repeated(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(REQUEST[:-2] + line + b"\r\n\r\n")
        ((status, body),) = answers(client)
    assert status == 400
    assert b"c2VjcmV0" not in body
    assert "c2VjcmV0" not in caplog.text + str([record.__dict__ for record in caplog.records])


def test_an_invalid_request_line_is_not_repeated() -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(b"GET /c2VjcmV0\r\n\r\n")
        ((status, body),) = answers(client)
    assert status == 400
    assert b"c2VjcmV0" not in body


@pytest.mark.parametrize(("lines", "status"), [(1, 200), (MAX_EMPTY_LINES, 200), (MAX_EMPTY_LINES + 1, 400)])
def test_few_empty_lines_may_come_before_a_request(lines: int, status: int) -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(b"\r\n" * lines + REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert [code for code, _ in answers(client)] == [status]


@pytest.mark.parametrize("secure", [False, True])
def test_the_body_of_a_client_that_reads_normally_is_not_shared(pki: Pki, secure: bool) -> None:
    stalls: list[None] = []
    answer = Response(HTTPStatus.OK, BIG, on_stall=lambda: stalls.append(None))
    with pair(share_settings(lambda _: answer, security_of(pki) if secure else None)) as (_, raw):
        raw.settimeout(5)
        context = ssl.create_default_context(cafile=pki.ca)
        client = context.wrap_socket(raw, server_hostname="127.0.0.1") if secure else raw
        client.sendall(REQUEST)
        received = client.recv(65536)
        while not received.endswith(BIG):
            received += client.recv(65536)
        assert not stalls
        client.sendall(REQUEST)
        until(lambda: bool(stalls), 5)  # now the client does not read
        client.close()


@pytest.mark.parametrize("secure", [False, True])
def test_a_client_that_reads_slowly_and_steadily_has_the_whole_answer(pki: Pki, secure: bool) -> None:
    body = BIG[: 2**19]
    settings = share_settings(lambda _: Response(HTTPStatus.OK, body), security_of(pki) if secure else None)
    with pair(settings, send_buffer=4096) as (_, raw):
        raw.settimeout(5)
        context = ssl.create_default_context(cafile=pki.ca)
        client = context.wrap_socket(raw, server_hostname="127.0.0.1") if secure else raw
        client.sendall(REQUEST)
        began = time.monotonic()
        received = 0
        while received < len(body):
            data = client.recv(8192)
            assert data
            received += len(data)
            time.sleep(len(data) / len(body) * (STALL_SECONDS + 1))
        assert time.monotonic() - began > STALL_SECONDS


@pytest.mark.parametrize("octets", [len(REQUEST), 4096])
def test_requests_of_any_length_are_not_answered_ahead(octets: int) -> None:
    expositions: list[None] = []

    def answer(_: Request) -> Response:
        expositions.append(None)
        return Response.text(HTTPStatus.OK, "a" * 300)

    padding = b"X: " + b"a" * (octets - len(REQUEST) - 5) + b"\r\n" if octets > len(REQUEST) else b""
    with pair(share_settings(answer)) as (_, client):
        client.sendall((REQUEST[:-2] + padding + b"\r\n") * 20)
        time.sleep(0.4)
        assert len(expositions) == 1
        assert client.recv(65536)
        until(lambda: len(expositions) == 2)


@pytest.mark.parametrize("unread", [b"", b"y" * 5000], ids=["nothing", "more than one read takes"])
def test_a_client_that_left_is_recognised_whatever_it_sent(unread: bytes) -> None:
    present: list[bool] = []

    class Asking:
        def allowed(self, _: str, is_present: Callable[[], bool]) -> bool:
            present.append(is_present())
            client.close()
            present.append(is_present())
            return False

    with pair(share_settings(lambda _: Response.text(HTTPStatus.OK, ""), Security(users=Asking()))) as (_, client):
        client.sendall(REQUEST + unread)
        until(lambda: len(present) == 2)
    assert present == [True, False]


def test_a_connection_cut_while_it_waits_does_not_cost_an_answer() -> None:
    expositions: list[None] = []

    def answer(_: Request) -> Response:
        expositions.append(None)
        return Response.text(HTTPStatus.OK, "")

    settings = share_settings(answer)
    for _ in range(MAX_ANSWERS):
        settings.turns.acquire()
    with pair(settings) as (connection, client):
        client.sendall(REQUEST)
        until(lambda: connection.state == "waiting")
        connection.cut()
        settings.turns.release()
        assert client.recv(1) == b""
    assert not expositions


def test_a_cut_during_the_change_to_tls_is_not_lost(pki: Pki) -> None:
    real = security_of(pki).context
    assert real is not None
    wrap = real.wrap_socket

    class Cutting:
        def wrap_socket(self, client: socket.socket, **settings: Any) -> ssl.SSLSocket:
            wrapped = wrap(client, **settings)
            connection.cut()
            return wrapped

    settings = share_settings(lambda _: Response.text(HTTPStatus.OK, ""), Security(context=Cutting()))  # type: ignore[arg-type]
    ours, client = socket.socketpair()
    connection = Connection(ours, settings)
    began = time.monotonic()
    connection.run()
    client.close()
    assert time.monotonic() - began < 1
    assert count(settings.events, "tls") == 0


def listener(send_buffer: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    listening.bind(("127.0.0.1", 0))
    listening.listen(16)
    return listening


def test_a_client_that_reads_makes_no_room_while_others_ask_nothing() -> None:
    events = Events()
    server = Server(Things(), [listener(4096)], max_connections=4, events=events)
    server.routes._routes["/big"] = lambda _: Response(HTTPStatus.OK, BIG[: 2**18])
    server.start()
    place = ("127.0.0.1", server.ports[0])
    idle = [socket.create_connection(place, timeout=5) for _ in range(3)]
    try:
        for client in idle:
            client.sendall(REQUEST)
            assert client.recv(65536)
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(5)
            reader.connect(place)
            reader.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received, newest = 0, 0.0
            while data := reader.recv(4096):
                received += len(data)
                time.sleep(0.02)
                if time.monotonic() - newest > LEAST_SECONDS:
                    newest = time.monotonic()
                    idle.append(socket.create_connection(place, timeout=5))
                    idle[-1].sendall(REQUEST)
            assert received > 2**18
        assert count(events, "displaced") >= 2
    finally:
        for client in idle:
            client.close()
        server.stop()


def test_a_lack_of_descriptors_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Full(socket.socket):
        def accept(self) -> Any:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    events = Events()
    full = Full()
    full.bind(("127.0.0.1", 0))
    full.listen(1)
    server = Server(Things(), [full], events=events)
    server.start()
    with connected(server):
        until(lambda: count(events, "no_room") >= 3)
    server.stop()
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_the_same_rules_again_end_no_connection(pki: Pki) -> None:
    context = ssl.create_default_context(cafile=pki.ca)
    with serving(Things(), security=security_of(pki)) as server:
        raw = socket.create_connection(("127.0.0.1", server.ports[0]), timeout=5)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as client:
            for _ in range(3):
                client.sendall(REQUEST)
                assert client.recv(65536)
                server.secure(security_of(pki))
            Path(pki.folder, "server.pem").write_bytes(Path(pki.folder, "server.pem").read_bytes() + b"\n")
            server.secure(security_of(pki))
            with suppress(ssl.SSLError, ConnectionError):
                assert client.recv(1) == b""


def test_a_client_cannot_renegotiate(pki: Pki) -> None:
    context = security_of(pki).context
    assert context is not None
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_defect_in_an_exposition_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> float:
        raise KeyError("a defect")

    with serving(Things(broken)) as server, caplog.at_level("INFO"):
        for _ in range(3):
            with connected(server) as client:
                client.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                assert [status for status, _ in answers(client)] == [500]
    lines = [record for record in caplog.records if "KeyError" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].exc_info is None


def test_clients_that_ask_without_a_pause_make_room() -> None:
    clients = 8
    ended = threading.Event()
    events = Events()

    def slow() -> float:
        time.sleep(0.005)
        return 1.0

    with serving(Things(slow), max_connections=clients, events=events) as server:

        def ask() -> None:
            while not ended.is_set():
                with suppress(OSError), connected(server) as client:
                    while not ended.is_set():
                        client.sendall(REQUEST)
                        if not client.recv(65536):
                            break

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(1)
            waits = []
            for _ in range(5):
                began = time.monotonic()
                with connected(server) as scraper:
                    scraper.sendall(REQUEST)
                    assert scraper.recv(65536)
                waits.append(time.monotonic() - began)
            assert statistics.median(waits) < 1, waits  # one of them may have waited for a busy machine
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert count(events, "displaced") >= 5


def test_a_client_that_reads_an_old_body_does_not_hide_the_new_one() -> None:
    now = [0.0]
    expositions = _Expositions(clock=lambda: now[0])
    request = Request("GET", "/metrics", "", {})
    bodies: list[None] = []

    def ask() -> Response:
        return expositions.response("/metrics", lambda: bodies.append(None) or [], request)  # type: ignore[func-returns-value]

    older = ask()
    now[0] = 2.0
    newer = ask()
    assert newer.on_stall is not None
    assert older.on_stall is not None
    newer.on_stall()
    older.on_stall()
    ask()
    assert len(bodies) == 2
