# SPDX-License-Identifier: Apache-2.0
"""`web-config.yml`: what is honoured is tried over real connections, what cannot be is an error that names the key."""

import base64
import http.client
import socket
import ssl
import time
from pathlib import Path

import bcrypt
import pytest
from cryptography.hazmat.primitives import serialization

from joulepath.errors import UsageError
from joulepath.web.auth import Passwords
from joulepath.web.config import read
from joulepath.web.security import RateLimit, Security
from joulepath.web.server import Server
from tests.exporters.pki import Pki
from tests.exporters.web.things import Things, get, serving

pytestmark = pytest.mark.unit

TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key"
PASSWORD = "correct horse"  # noqa: S105  # of this test alone
HASHED = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def security(folder: Path, text: str) -> Security:
    path = folder / "web-config.yml"
    path.write_text(text, encoding="utf-8")
    return read(path).security(path, Passwords())


def complaints(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as fault:
        security(folder, text)
    assert all(message.startswith(str(folder / "web-config.yml")) for message in fault.value.messages)
    return "\n".join(fault.value.messages)


def client(pki: Pki, identity: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pki.ca)
    if identity is not None:
        context.load_cert_chain(*identity)
    return context


def fetch(server: Server, context: ssl.SSLContext, path: str = "/metrics") -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", server.ports[0], context=context, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def has_answer(plain: socket.socket) -> bool:
    """Whether anything like HTTP came back; a TLS alert, the end and a reset do not count."""
    try:
        return b"HTTP" in plain.recv(4096)
    except ConnectionResetError:
        return False


def authorization(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "web-config.yml"
    assert security(tmp_path, "") == Security(files=(path,))
    assert security(tmp_path, "{}") == Security(files=(path,))


def test_tls_paths_are_relative_to_the_file(pki: Pki) -> None:
    with serving(Things(), security=security(pki.folder, TLS + "}")) as server:
        assert fetch(server, client(pki)) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch(server, ssl.create_default_context())


def test_certificate_and_key_may_stand_in_the_file_itself(pki: Pki) -> None:
    def block(path: Path) -> str:
        return "|\n" + "".join(f"    {line}\n" for line in path.read_text().splitlines())

    pem, key, ca = (block(pki.folder / name) for name in ("server.pem", "server.key", "ca.pem"))
    text = (
        f"tls_server_config:\n  cert: {pem}  key: {key}  client_ca: {ca}"
        "  client_auth_type: RequireAndVerifyClientCert\n"
    )
    rules = security(pki.folder, text)
    assert rules.files == (pki.folder / "web-config.yml",)
    with serving(Things(), security=rules) as server:
        assert fetch(server, client(pki, pki.issue("scraper", "prometheus.example"))) == 200


def test_a_client_that_speaks_plain_http_or_nothing_harms_no_other(pki: Pki) -> None:
    with serving(Things(), security=security(pki.folder, TLS + "}")) as server:
        plain = socket.create_connection(("127.0.0.1", server.ports[0]))
        plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        silent = [socket.create_connection(("127.0.0.1", server.ports[0])) for _ in range(20)]
        began = time.monotonic()
        assert fetch(server, client(pki)) == 200
        assert time.monotonic() - began < 1
        assert not has_answer(plain)
        for each in (plain, *silent):
            each.close()


@pytest.mark.parametrize(
    ("minimum", "maximum", "offered", "accepted"),
    [
        ("TLS13", "TLS13", ssl.TLSVersion.TLSv1_2, False),
        ("TLS13", "TLS13", ssl.TLSVersion.TLSv1_3, True),
        ("TLS12", "TLS12", ssl.TLSVersion.TLSv1_3, False),
        ("TLS12", "TLS13", ssl.TLSVersion.TLSv1_2, True),
    ],
)
def test_tls_versions_are_limited_to_the_stated_ones(
    pki: Pki, minimum: str, maximum: str, offered: ssl.TLSVersion, accepted: bool
) -> None:
    rules = security(pki.folder, f"{TLS}, min_version: {minimum}, max_version: {maximum}}}")
    context = client(pki)
    context.minimum_version = context.maximum_version = offered
    with serving(Things(), security=rules) as server:
        if accepted:
            assert fetch(server, context) == 200
        else:
            with pytest.raises(ssl.SSLError):
                fetch(server, context)


@pytest.mark.parametrize("suite", ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"])
def test_cipher_suites_and_curves_have_their_names_in_go(pki: Pki, suite: str) -> None:
    names = {"GCM": "ECDHE-ECDSA-AES256-GCM-SHA384", "CBC": "ECDHE-ECDSA-AES128-SHA"}
    willing = client(pki)
    willing.set_ciphers("ALL")
    text = f"{TLS}, max_version: TLS12, cipher_suites: [{suite}], curve_preferences: [CurveP384]}}"
    with serving(Things(), security=security(pki.folder, text)) as server:
        with (
            socket.create_connection(("127.0.0.1", server.ports[0])) as plain,
            willing.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            cipher = secured.cipher()
        assert cipher is not None
        assert cipher[0] == next(name for key, name in names.items() if key in suite)
        weak = client(pki)
        weak.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
        with pytest.raises(ssl.SSLError):
            fetch(server, weak)


def test_a_client_certificate_of_another_authority_is_refused(pki: Pki) -> None:
    text = f"{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}}"
    stranger_folder = pki.folder / "stranger"
    stranger_folder.mkdir()
    stranger = Pki(stranger_folder).issue("scraper", "prometheus.example")
    with serving(Things(), security=security(pki.folder, text)) as server:
        assert fetch(server, client(pki, pki.issue("scraper", "prometheus.example"))) == 200
        for context in (client(pki), client(pki, stranger)):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                fetch(server, context)


@pytest.mark.parametrize(
    "allowed",
    ["prometheus.example", "192.0.2.7", "2001:db8::7", "scraper@example.org"],
    ids=["dns", "v4", "v6", "mail"],
)
def test_client_certificates_are_checked_for_allowed_names(pki: Pki, allowed: str) -> None:
    text = (
        f"{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert,"
        f" client_allowed_sans: ['{allowed}', other.example]}}"
    )
    with serving(Things(), security=security(pki.folder, text)) as server:
        assert fetch(server, client(pki, pki.issue("scraper", "x.example", allowed))) == 200
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            fetch(server, client(pki))  # it gave none
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            fetch(server, client(pki, pki.issue("nobody", "x.example", "prometheus.example.org", "192.0.2.70")))


def test_every_page_asks_for_a_known_user_and_password(tmp_path: Path) -> None:
    with serving(Things(), security=security(tmp_path, f"basic_auth_users: {{prometheus: '{HASHED}'}}")) as server:
        status, headers, _ = get(server, "/metrics")
        assert (status, headers["www-authenticate"]) == (401, "Basic")
        for path in ("/metrics", "/-/healthy", "/targets", "/", "/?target=one"):
            assert get(server, path)[0] == 401
            assert get(server, path, **authorization("prometheus", PASSWORD))[0] == 200
            assert get(server, path, **authorization("prometheus", PASSWORD + "x"))[0] == 401
            assert get(server, path, **authorization("nobody", PASSWORD))[0] == 401
        for broken in ("Basic", "Basic !", "Basic " + base64.b64encode(b"prometheus").decode(), f"Bearer {PASSWORD}"):
            assert get(server, "/metrics", Authorization=broken)[0] == 401


def test_headers_stand_in_every_response(tmp_path: Path) -> None:
    text = f"""
basic_auth_users: {{prometheus: '{HASHED}'}}
http_server_config:
  headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=31536000}}
"""
    with serving(Things(), security=security(tmp_path, text)) as server:
        for path, extra in (("/", authorization("prometheus", PASSWORD)), ("/metrics", {})):
            headers = get(server, path, **extra)[1]
            assert headers["x-frame-options"] == "deny"
            assert headers["strict-transport-security"] == "max-age=31536000"


def test_requests_beyond_the_rate_limit_get_429(tmp_path: Path) -> None:
    with serving(Things(), security=security(tmp_path, "rate_limit: {interval: 1h, burst: 3}")) as server:
        assert [get(server, "/metrics")[0] for _ in range(5)] == [200, 200, 200, 429, 429]


def test_a_token_returns_after_each_interval() -> None:
    now = [0.0]
    limit = RateLimit(2.0, 2, clock=lambda: now[0])
    assert [limit.take() for _ in range(3)] == [True, True, False]
    now[0] = 1.9
    assert not limit.take()
    now[0] = 2.0
    assert [limit.take(), limit.take()] == [True, False]
    now[0] = 100.0
    assert [limit.take() for _ in range(3)] == [True, True, False]


UNHONOURED = [
    ("tls_server_config: {}", "state either cert_file or cert"),
    ("tls_server_config: {cert_file: server.pem}", "state either key_file or key"),
    (TLS + ", cert: x}", "state either cert_file or cert"),
    (TLS + ", min_version: TLS11}", "min_version: 'TLS11' is not one that can be honoured here: TLS12, TLS13"),
    (TLS + ", min_version: TLS13, max_version: TLS12}", "min_version is above max_version"),
    (TLS + ", cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}", "cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA' is not one"),
    (TLS + ", curve_preferences: [X25519, CurveP256]}", "curve_preferences: only one curve"),
    (TLS + ", curve_preferences: [X25519]}", "curve_preferences: 'X25519' is not one"),
    (TLS + ", client_auth_type: RequireAnyClientCert, client_ca_file: ca.pem}", "client_auth_type: 'RequireAnyCl"),
    (TLS + ", client_auth_type: RequireAndVerifyClientCert}", "needs client_ca_file"),
    (TLS + ", client_ca_file: ca.pem}", "client_ca_file needs a client_auth_type that verifies"),
    (TLS + ", client_allowed_sans: [a]}", "client_allowed_sans needs a client_auth_type that verifies"),
    (
        TLS + ", client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]}",
        "client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert",
    ),
    ("basic_auth_users: {a: '$2b$15$" + "a" * 53 + "'}", "a: the cost of the bcrypt hash is above 14"),
    (TLS + ", tickets: false}", "tls_server_config.tickets: unknown key"),
    ("http_server_config: {http2: true}", "http2: HTTP/2 cannot be served here"),
    ("http_server_config: {headers: {Server: x}}", "headers: 'Server' is not one"),
    ("http_server_config: {headers: {X-Frame-Options: all}}", "X-Frame-Options cannot be 'all'"),
    ('http_server_config: {headers: {Content-Security-Policy: "a\\r\\nb: c"}}', "Content-Security-Policy cannot be"),
    ("rate_limit: {interval: soon}", "rate_limit.interval: 'soon' is not a duration"),
    ("rate_limit: {interval: 1s, burst: 0}", "rate_limit.burst"),
    ("auth_excluded_paths: [/metrics]", "auth_excluded_paths: unknown key"),
    ("- tls", "must be a mapping"),
]


@pytest.mark.parametrize(("text", "complaint"), UNHONOURED, ids=[complaint for _, complaint in UNHONOURED])
def test_a_setting_that_cannot_be_honoured_is_an_error_with_its_key(pki: Pki, text: str, complaint: str) -> None:
    assert complaint in complaints(pki.folder, text)


def test_a_password_in_clear_is_an_error_that_does_not_repeat_it(tmp_path: Path) -> None:
    mistakes = complaints(tmp_path, "basic_auth_users: {prometheus: correct horse, other: hunter2}")
    assert "prometheus, other: not a bcrypt hash" in mistakes
    assert "horse" not in mistakes
    assert "hunter2" not in mistakes


def test_certificates_that_do_not_fit_or_are_missing_are_one_line(pki: Pki) -> None:
    text = TLS + "}"
    pki.issue("other", "localhost")
    (pki.folder / "server.key").write_bytes((pki.folder / "other.key").read_bytes())
    assert "tls_server_config.cert and key: key values mismatch" in complaints(pki.folder, text)
    (pki.folder / "server.key").unlink()
    assert f"tls_server_config.key_file: {pki.folder / 'server.key'}: cannot be read: No such" in complaints(
        pki.folder, text
    )
    (pki.folder / "ca.pem").write_text("no certificate")
    pki.issue("server", "localhost")
    assert "client_ca_file" in complaints(
        pki.folder, f"{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}}"
    )


def test_an_encrypted_key_is_an_error_and_asks_for_nothing_at_the_terminal(pki: Pki) -> None:
    path = pki.folder / "server.key"
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert "tls_server_config.cert and key" in complaints(pki.folder, TLS + "}")
