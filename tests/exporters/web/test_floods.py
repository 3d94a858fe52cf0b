# SPDX-License-Identifier: Apache-2.0
"""A scrape is answered beside clients that do not read, clients with wrong passwords and clients that read slowly."""

import base64
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import bcrypt
import pytest
from prometheus_client.core import Metric

from joulepath.metrics import gauge
from joulepath.web.auth import MAX_LOGINS, Passwords
from joulepath.web.events import Events, Reason
from joulepath.web.rules import read
from joulepath.web.security import Security
from joulepath_lab.run.waiting import until
from tests.exporters.pki import Pki
from tests.exporters.process import Exporter
from tests.exporters.rapl.tree import write_zone
from tests.exporters.web.test_server import REQUEST, answers, connected, connections
from tests.exporters.web.things import Things, serving

pytestmark = pytest.mark.unit

CLIENTS = 140
SECONDS = 4.0


def count_refused(events: Events, reason: Reason) -> float:
    return {s.labels["reason"]: s.value for family in events.collect() for s in family.samples}[reason]


@contextmanager
def clients(attack: Callable[[int], None]) -> Iterator[None]:
    """CLIENTS threads that do the same again and again until the context ends."""
    ended = threading.Event()

    def run(number: int) -> None:
        while not ended.is_set():
            try:
                attack(number)
            except OSError:
                ended.wait(0.02)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def share_in_time(exporter: Exporter) -> float:
    """The share of scrapes, each over a connection of its own, that are answered within a second."""
    results = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            status, _ = exporter.get("/metrics")
        except OSError:
            status = 0
        results.append(status == 200 and time.monotonic() - began < 1)
        time.sleep(0.1)
    return sum(results) / len(results)


def port(exporter: Exporter) -> int:
    return int(exporter.url.rpartition(":")[2])


@pytest.mark.lab
def test_clients_that_ask_again_and_again_and_never_read(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    with Exporter("rapl", "--path.sysfs", tmp_path) as exporter:

        def attack(_: int) -> None:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.settimeout(1)
                client.connect(("127.0.0.1", port(exporter)))
                for _ in range(20):
                    client.sendall(REQUEST * 100)
                    time.sleep(0.1)

        with clients(attack):
            time.sleep(0.5)
            assert share_in_time(exporter) >= 0.95
        assert "Traceback" not in "".join(exporter.log)


@pytest.mark.lab
def test_clients_with_ever_new_passwords(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    config = tmp_path / "web-config.yml"
    config.write_text(f"basic_auth_users: {{prometheus: '{bcrypt.hashpw(b'right', bcrypt.gensalt(10)).decode()}'}}\n")
    right = "Basic " + base64.b64encode(b"prometheus:right").decode()
    with Exporter("rapl", "--path.sysfs", tmp_path, "--web.config.file", config, authorization=right) as exporter:
        assert exporter.get("/metrics")[0] == 200

        def attack(_: int) -> None:
            with socket.create_connection(("127.0.0.1", port(exporter)), timeout=5) as client:
                for _ in range(5):
                    wrong = base64.b64encode(b"prometheus:" + os.urandom(8)).decode()
                    client.sendall(REQUEST[:-2] + f"Authorization: Basic {wrong}\r\n\r\n".encode())
                    if not client.recv(4096):
                        return

        with clients(attack):
            time.sleep(0.5)
            assert share_in_time(exporter) >= 0.95
        # One line a minute of each kind, whatever the flood.
        assert sum("reason=login " in line for line in exporter.log) == 1
        assert (exporter.value("joulepath_web_turned_away_total", reason="logins") or 0) > 1


def test_clients_that_read_slowly_share_one_body() -> None:
    large = gauge("thing_value", "One of many.", "number")
    bodies = []

    class Large(Things):
        def collect(self) -> Iterable[Metric]:
            bodies.append(time.monotonic())
            family = large.family()
            for number in range(20_000):
                family.add_metric([f"{number:0200}"], number)
            return [family]

    with serving(Large()) as server:
        slow = []
        for _ in range(20):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.ports[0]))
            client.sendall(REQUEST)
            slow.append(client)
        for client in slow:
            assert client.recv(1)
        assert len(bodies) <= 1 + 20 * 0.5  # those that came within a second of one body have it
        for client in slow:
            client.close()


def test_a_later_scrape_is_not_given_an_earlier_body() -> None:
    values = iter([1.0, 2.0])
    with serving(Things(lambda: next(values))) as server:
        for value in (b"1.0", b"2.0"):
            with connected(server) as client:
                client.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                ((_, body),) = answers(client)
                assert b"thing_up " + value in body


def test_a_pipelined_request_waits_until_the_last_answer_is_read() -> None:
    bodies: list[None] = []

    def large() -> float:
        bodies.append(None)
        return 1.0

    with serving(Things(large)) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect(("127.0.0.1", server.ports[0]))
        client.sendall(REQUEST * 200)
        until(lambda: bool(bodies))
        taken = 0
        while taken < len(bodies):  # a busy machine takes its time to fill the buffers
            taken = len(bodies)
            time.sleep(0.5)
        assert taken < 100


def test_a_client_that_left_does_not_cost_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "web-config.yml"
    path.write_text(f"basic_auth_users: {{a: '{bcrypt.hashpw(b'x', bcrypt.gensalt(11)).decode()}'}}")
    passwords = Passwords()
    with serving(Things(), security=read(path, passwords)) as server:
        for number in range(MAX_LOGINS - 1):
            with connected(server) as client:
                wrong = base64.b64encode(f"a:{number}".encode()).decode()
                client.sendall(REQUEST[:-2] + f"Authorization: Basic {wrong}\r\n\r\n".encode())
        until(lambda: connections() == 0)
    assert len(passwords._wrong) <= 2


def test_a_stricter_file_ends_connections_that_have_not_asked(pki: Pki) -> None:
    plain = "tls_server_config: {cert_file: server.pem, key_file: server.key"
    config = pki.folder / "web-config.yml"
    config.write_text(plain + "}")
    context = ssl.create_default_context(cafile=pki.ca)
    with serving(Things(), security=read(config, Passwords())) as server:

        def connect() -> ssl.SSLSocket:
            return context.wrap_socket(
                socket.create_connection(("127.0.0.1", server.ports[0]), timeout=5), server_hostname="127.0.0.1"
            )

        with connect() as silent, connect() as idle, connect() as begun:
            idle.sendall(REQUEST)
            assert idle.recv(65536)
            begun.sendall(REQUEST[:10])
            until(lambda: all(c.state == "idle" or c._is_open for c in server._connections))
            until(lambda: any(c._buffer for c in server._connections))
            config.write_text(plain + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}")
            server.secure(read(config, Passwords()))
            begun.sendall(REQUEST[10:])
            for client in (silent, idle, begun):
                with suppress(ssl.SSLError, ConnectionError):
                    assert client.recv(65536) == b""


@pytest.mark.parametrize("credentials", [b"\xe9\xe9", b"\xff", b"=====", b"", b"Og==", b"/zp4", b"cHI="])
def test_credentials_of_all_kinds_are_refused_without_a_traceback(
    tmp_path: Path, credentials: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "web-config.yml"
    path.write_text(f"basic_auth_users: {{a: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}'}}")
    events = Events()
    with serving(Things(), security=read(path, Passwords()), events=events) as server, connected(server) as client:
        client.sendall(REQUEST[:-2] + b"Authorization: Basic " + credentials + b"\r\nConnection: close\r\n\r\n")
        assert [status for status, _ in answers(client)] == [401]
    assert count_refused(events, "login") == 1
    assert count_refused(events, "error") == 0
    assert "Traceback" not in caplog.text


def test_each_reason_is_counted_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    events = Events(clock=lambda: now[0])
    with caplog.at_level("WARNING", logger="joulepath.web.events"):
        for second in range(121):
            now[0] = float(second)
            events.add("bad_request", "192.0.2.1:5")
        events.add("tls", "192.0.2.1:5")
    assert count_refused(events, "bad_request") == 121
    assert [record.__dict__["times"] for record in caplog.records] == [1, 60, 60, 1]


def test_refused_requests_are_counted() -> None:
    events = Events()
    with serving(Things(), events=events, head_seconds=0.3, max_connections=2) as server:
        with connected(server) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert answers(client)
        with connected(server) as one, connected(server) as two, connected(server) as three:
            three.sendall(REQUEST)
            assert three.recv(65536)
            assert one.recv(1) == b""
            assert two.recv(1) == b""
    assert count_refused(events, "bad_request") == 1
    assert count_refused(events, "displaced") == 1
    assert count_refused(events, "slow") == 1


def test_an_unexpected_error_ends_one_connection_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def allowed(self, *_: object) -> bool:
            raise KeyError("a defect")

    events = Events()
    with serving(Things(), security=Security(users=Broken()), events=events) as server, connected(server) as client:
        client.sendall(REQUEST)
        assert answers(client) == []
    assert count_refused(events, "error") == 1
    assert "KeyError" in caplog.text
    assert "Traceback" not in caplog.text
