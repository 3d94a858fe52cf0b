# SPDX-License-Identifier: Apache-2.0
import http.client
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError, UsageError
from joulepath.web import Address, Server
from joulepath.web.listen import passed_by_systemd
from tests.exporters.web.things import Things, serving

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("text", ["9100", ":x", "::1:9100", ":70000", ""])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="not \\[HOST\\]:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(("text", "host", "port"), [(":1", "", 1), ("h:2", "h", 2), ("[::1]:3", "::1", 3)])
def test_an_address_is_parsed(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


def healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=15)
    try:
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status == 200
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "clients"), [("127.0.0.1", ["127.0.0.1"]), ("::1", ["::1"]), ("", ["127.0.0.1", "::1"])]
)
def test_an_address_listens_on_one_protocol_or_both(host: str, clients: list[str]) -> None:
    with serving(Things(), host) as server:
        for client in clients:
            assert healthy(client, server.ports[0])


def test_a_server_listens_on_several_addresses() -> None:
    server = Server(Things(), [Address("127.0.0.1", 0), Address("127.0.0.2", 0)])
    server.start()
    try:
        assert healthy("127.0.0.1", server.ports[0])
        assert healthy("127.0.0.2", server.ports[1])
    finally:
        server.stop()


def test_an_address_in_use_is_one_line() -> None:
    server = Server(Things(), [Address("127.0.0.1", 0)])
    try:
        with pytest.raises(
            JoulepathError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use: .*--web\.listen-address"
        ):
            Server(Things(), [Address("127.0.0.1", server.ports[0])])
    finally:
        server.close()


def test_a_host_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(JoulepathError, match=r"cannot listen on nowhere\.invalid:1: "):
        Server(Things(), [Address("nowhere.invalid", 1)])


@pytest.mark.parametrize("environment", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x"}])
def test_without_a_socket_unit_it_fails_with_the_remedy(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"start it through its \.socket unit"):
        passed_by_systemd(environment)


SERVES_WHAT_SYSTEMD_PASSED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
from joulepath.web import Server
from joulepath.web.listen import passed_by_systemd
from tests.exporters.web.things import Things
server = Server(Things(), passed_by_systemd())
server.start()
sys.stdin.read()
server.stop()
"""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_the_sockets_that_systemd_passes_outlive_the_server(family: socket.AddressFamily, tmp_path: Path) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else f"{tmp_path}/web.sock")
        listener.listen()
        for _ in range(2):
            process = subprocess.Popen(
                [sys.executable, "-c", SERVES_WHAT_SYSTEMD_PASSED, str(listener.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=(listener.fileno(),),
            )
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.settimeout(20)
                client.connect(listener.getsockname())  # systemd holds it: a client waits, it is not refused
                client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
            process.communicate(b"")
            assert process.returncode == 0


def test_a_descriptor_that_is_not_a_listener_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        result = subprocess.run(
            [sys.executable, "-c", SERVES_WHAT_SYSTEMD_PASSED, str(datagrams.fileno())],
            pass_fds=(datagrams.fileno(),),
            capture_output=True,
            text=True,
            check=False,
        )
    assert "file descriptor 3 is not a listening stream" in result.stderr


def test_sockets_that_systemd_activates_are_served(tmp_path: Path) -> None:
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        pytest.skip("systemd-socket-activate is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [activate, "-l", f"127.0.0.1:{port}", *("-E", "PYTHONPATH")]
    command += [sys.executable, "-m", "joulepath", "rapl", f"--path.sysfs={tmp_path}", "--web.systemd-socket"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()  # it listens, and starts the exporter at the first connection
            assert healthy("127.0.0.1", port)
        finally:
            process.terminate()
