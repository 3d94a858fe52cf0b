# SPDX-License-Identifier: Apache-2.0
"""Real connections on loopback: TLS, redirects, slow and endless answers, proxies. A login stays with its server."""

import gzip
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath_lab.run.ports import free_port
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import NoAnswerError, PrometheusError
from joulepath_prometheus.settings import Access
from joulepath_prometheus.transport import base_url
from tests.exporters.pki import Pki

pytestmark = pytest.mark.unit

LOGIN = Access({"Authorization": "Bearer hunter2", "X-Key": "hunter2"})
EMPTY = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as its server is told, and notes what it was asked."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        length = int(self.headers.get("Content-Length", 0))
        self.server.bodies.append(self.rfile.read(length))
        self.server.answer(self)

    do_POST = do_GET  # noqa: N815  # the name in the library

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the library
        pass


class Server(ThreadingHTTPServer):
    """A server on loopback."""

    daemon_threads = True

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that goes away is what these tests are about


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server(answer, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fine(handler: Handler) -> None:
    handler.reply(200, EMPTY)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy this machine has is not asked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("length", [1, 9000])
def test_a_redirect_within_the_server_keeps_question_and_login(status: int, length: int) -> None:
    def answer(handler: Handler) -> None:
        if handler.path.startswith("/prometheus/"):
            fine(handler)
        else:
            handler.reply(status, Location=f"/prometheus{handler.path}")

    with serving(answer) as server:
        assert Prometheus(server.url, LOGIN).query("x" * length) == []
    method = "GET" if length == 1 else "POST"
    assert [asked[0] for asked in server.asked] == [method, method]
    assert all(asked[2]["Authorization"] == "Bearer hunter2" for asked in server.asked)
    questions = [
        asked[1].partition("?")[2].encode() or body for asked, body in zip(server.asked, server.bodies, strict=True)
    ]
    assert questions[0] == questions[1] == b"query=" + b"x" * length + b"&timeout=30.000"


@pytest.mark.parametrize("other", ["http://127.0.0.1:{port}", "http://localhost:{port}", "//127.0.0.1:{port}"])
def test_a_redirect_to_another_server_is_not_followed(other: str) -> None:
    with serving(fine) as stranger:
        there = other.format(port=stranger.server_port)
        location = f"{there}/p/api/v1/query?token=a"
        with (
            serving(lambda handler: handler.reply(302, Location=location)) as server,
            pytest.raises(PrometheusError) as raised,
        ):
            Prometheus(server.url, LOGIN).query("x")
    (line,) = raised.value.messages
    shown = there if there.startswith("http") else f"http:{there}"
    assert line.startswith(f"{server.url}: redirects to {shown}/p, which is not followed")
    assert stranger.asked == []


def test_redirects_end_in_one_error() -> None:
    with (
        serving(lambda handler: handler.reply(302, Location="/api/v1/query")) as server,
        pytest.raises(PrometheusError, match="redirects without end"),
    ):
        Prometheus(server.url).query("x")
    assert len(server.asked) == 4


def test_a_netrc_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login ann password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(fine) as server:
        Prometheus(server.url).query("x")
        Prometheus(server.url, Access({"Authorization": "Bearer own"})).query("x")
    assert [headers.get("Authorization") for _, _, headers in server.asked] == [None, "Bearer own"]


def tls_server(pki: Pki, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pki.issue("server", "127.0.0.1"))
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pki.ca)
    return context


def test_tls_with_certificates_of_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of authorities counts, even where the environment names another."""
    pki = Pki(tmp_path)
    certificate, key = map(str, pki.issue("client", "client.example"))
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Pki(tmp_path / "other").ca))
    with serving(fine, tls_server(pki, client=True)) as server:
        assert Prometheus(server.url, Access(verify=str(pki.ca), certificate=(certificate, key))).query("x") == []
        assert Prometheus(server.url, Access(verify=False, certificate=(certificate, key))).query("x") == []
        with pytest.raises(PrometheusError, match=r"tls_config\.cert_file|the connection broke|Connection reset"):
            Prometheus(server.url, Access(verify=str(pki.ca))).query("x")


def test_an_untrusted_certificate_is_one_line(tmp_path: Path) -> None:
    with (
        serving(fine, tls_server(Pki(tmp_path))) as server,
        pytest.raises(PrometheusError, match=r"cannot be trusted \(.*\): state tls_config.ca_file$"),
    ):
        Prometheus(server.url, LOGIN).query("x")
    assert server.asked == []


def test_a_port_without_tls_is_one_line() -> None:
    with serving(fine) as server, pytest.raises(PrometheusError, match=r"TLS failed \(.*\): is that the port of"):
        Prometheus(server.url.replace("http", "https")).query("x")


def test_a_closed_port_and_an_unknown_name_are_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NoAnswerError, match=f"^{url}: cannot be reached: Connection refused: is Prometheus running"):
        Prometheus(url).query("x")
    assert not Prometheus(url).ready()
    with pytest.raises(NoAnswerError, match="its host name cannot be resolved"):
        Prometheus("http://prometheus.invalid").query("x")
    with pytest.raises(PrometheusError, match=r"cannot be resolved|is not a URL"):
        Prometheus(f"http://{'a' * 70}.example").query("x")


def test_a_proxy_of_the_environment_is_used_and_its_password_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fine) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//ann:hunter2@"))
        assert Prometheus("http://prometheus.invalid/p").query("x") == []
    assert proxy.asked[0][1].startswith("http://prometheus.invalid/p/api/v1/query?")
    assert "Proxy-Authorization" in proxy.asked[0][2]
    with pytest.raises(NoAnswerError) as raised:
        Prometheus("http://prometheus.invalid/p").query("x")
    assert "check HTTPS_PROXY" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@contextmanager
def silent() -> Iterator[str]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends an octet now and then, without end."""

    def answer(handler: Handler) -> None:
        handler.reply(200, Content_Length="100000000")
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    with serving(answer) as server:
        yield server.url


@pytest.mark.parametrize("server", [silent, dripping])
def test_a_server_that_does_not_finish_is_given_up(server: Callable[[], AbstractContextManager[str]]) -> None:
    with server() as url:
        begun = time.monotonic()
        with pytest.raises(NoAnswerError, match=r"no whole answer within 0\.2 s: ask for less"):
            Prometheus(url, timeout=0.2).query("x")
        assert time.monotonic() - begun < 20  # the bound is 2.2 s, on a machine at rest


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_without_end_is_given_up(packed: bool) -> None:
    """Also one that is small on the wire: 8 MiB of spaces are 8 KiB with gzip."""
    piece = b" " * (8 << 20)

    def answer(handler: Handler) -> None:
        if packed:
            handler.reply(200, gzip.compress(piece), Content_Encoding="gzip")
            return
        handler.reply(200, Content_Length=str(1 << 40))
        for _ in itertools.repeat(None):
            handler.wfile.write(piece)

    with serving(answer) as server, pytest.raises(PrometheusError, match="answers with more than 2 MiB: ask for fewer"):
        Prometheus(server.url, most_bytes=2 << 20).query("x")


def test_a_packed_answer_is_unpacked() -> None:
    with serving(lambda handler: handler.reply(200, gzip.compress(EMPTY), Content_Encoding="gzip")) as server:
        assert Prometheus(server.url).query("x") == []


def test_a_damaged_answer_is_one_line() -> None:
    def damaged(handler: Handler) -> None:
        handler.reply(200, EMPTY, Content_Encoding="gzip")

    def cut(handler: Handler) -> None:
        handler.reply(200, EMPTY, Content_Length="1000")
        handler.connection.shutdown(socket.SHUT_RDWR)

    for answer in (damaged, cut):
        with serving(answer) as server, pytest.raises(NoAnswerError, match="the connection broke"):
            Prometheus(server.url).query("x")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://a:9090", "http://a:9090"),
        ("https://a/prometheus/", "https://a/prometheus"),
        ("http://[::1]:9090//", "http://[::1]:9090"),
    ],
)
def test_a_url_loses_its_last_slash(url: str, base: str) -> None:
    assert base_url(url) == base


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "is not the URL of a Prometheus: give http://HOST:9090"),
        ("a:9090", "is not the URL of a Prometheus"),
        ("ftp://a", "is not the URL of a Prometheus"),
        ("http://", "is not the URL of a Prometheus"),
        ("http://a:99999", "is not a URL: Port out of range"),
        ("http://[::1", "is not a URL: "),
        ("http://a/?query=x", "leave out what follows ? or #"),
        ("http://a/graph#x", "leave out what follows ? or #"),
        ("http://ann:hunter2@a/p?x=hunter2", "http://a/p: a URL cannot hold a login: state it as basic_auth"),
        ("http://hunter2@a", "http://a: a URL cannot hold a login"),
        ("http://ann:hunter2@[a", "is not a URL"),
        ("http://ann:hunter2@a:x", "is not a URL"),
    ],
)
def test_a_wrong_url_is_one_line_without_its_password(url: str, text: str) -> None:
    with pytest.raises(UsageError) as raised:
        Prometheus(url)
    (line,) = raised.value.messages
    assert text in line
    assert "hunter2" not in line
