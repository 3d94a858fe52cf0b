# SPDX-License-Identifier: Apache-2.0
"""The HTTP configuration file: Prometheus' own keys, a line for each mistake, no secret in any of them."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from joulepath.errors import UsageError
from joulepath_prometheus.settings import Access, read
from tests.exporters.pki import Pki

pytestmark = pytest.mark.unit

SECRET = "hunter2-and-more"  # noqa: S105  # of these tests alone


def written(folder: Path, text: str) -> Path:
    """A configuration file, with a secret beside it."""
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "secret").chmod(0o600)
    path = folder / "http.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        (f"authorization: {{credentials: {SECRET}}}", {"Authorization": f"Bearer {SECRET}"}),
        ("authorization: {type: Token, credentials_file: secret}", {"Authorization": f"Token {SECRET}"}),
        (
            "basic_auth: {username: ann, password_file: secret}",
            {"Authorization": f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"},
        ),
        (
            "basic_auth: {username_file: secret, password: 'pä:ss'}",
            {"Authorization": f"Basic {base64.b64encode(f'{SECRET}:pä:ss'.encode()).decode()}"},
        ),
        ("http_headers: {X-Scope-OrgID: {values: [a, b]}}", {"X-Scope-OrgID": "a, b"}),
        (
            f"http_headers: {{X-Key: {{secrets: [{SECRET}]}}, X-More: {{files: [secret]}}}}",
            {"X-Key": SECRET, "X-More": SECRET},
        ),
    ],
)
def test_logins_and_headers(tmp_path: Path, text: str, headers: dict[str, str]) -> None:
    access = read(written(tmp_path, text))
    assert access.headers == headers
    assert access == Access(headers)
    assert SECRET not in repr(access)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("authorization: {}", "authorization: state either credentials_file or credentials"),
        ("authorization: {credentials: a, credentials_file: b}", "authorization: state either"),
        ("authorization: {credentials_file: missing}", "authorization.credentials_file: {}/missing cannot be read"),
        ("authorization: {credentials: 5}", "authorization.credentials: must be a string: put it in quotes"),
        ("authorization: {type: Basic, credentials: a}", "for Basic state basic_auth"),
        ("authorization: {type: 'a b', credentials: a}", "authorization: type: must be one word"),
        (f"authorization: {{credentials: '{SECRET}\n\n x'}}", "authorization.credentials: must be printable ASCII"),
        (f"authorization: {{credentials: '{SECRET}é'}}", "authorization.credentials: must be printable ASCII"),
        ("basic_auth: {username: ann}", "basic_auth: state either password_file or password"),
        (f"basic_auth: {{username: 'a:b', password: {SECRET}}}", "basic_auth.username: cannot have a colon"),
        (
            "authorization: {credentials: a}\nbasic_auth: {username: a, password: b}",
            "either authorization or basic_auth",
        ),
        ("oauth2: {client_id: a}", "oauth2: is not supported here: let a proxy obtain the token"),
        ("proxy_url: http://user:pass@proxy", "proxy_url: is not supported here: state the proxy in the environment"),
        ("tls_config: {server_name: a}", "tls_config: server_name: is not supported here: ask the server by the name"),
        (f"tls_config: {{key: {SECRET}}}", "tls_config: key: is not supported here: write it to a file"),
        ("tls_config: {cert_file: secret}", "tls_config: state both cert_file and key_file, or neither"),
        ("tls_config: {ca_file: missing}", "tls_config.ca_file: {}/missing cannot be read: No such file"),
        ("tls_config: {ca_file: secret}", "tls_config.ca_file: {}/secret cannot be used: "),
        ("tls_config: {cert_file: missing, key_file: secret}", "tls_config.cert_file: {}/missing cannot be read: No"),
        ("tls_config: {cert_file: secret, key_file: missing}", "tls_config.key_file: {}/missing cannot be read: No"),
        ("tls_config: {cert_file: secret, key_file: secret}", "tls_config.cert_file: {}/secret cannot be used: "),
        ("http_headers: {Authorization: {values: [a]}}", "http_headers: Authorization cannot be stated here"),
        ("http_headers: {'a b': {values: [a]}}", "http_headers: 'a b' cannot be the name of a header"),
        ("http_headers: {X-A: {}}", "http_headers.X-A: state values, secrets or files"),
        (f'http_headers: {{X-A: {{secrets: ["{SECRET}\\r\\nX-B: c"]}}}}', "http_headers.X-A: must be printable ASCII"),
        ("basic_auht: {}", "basic_auht: unknown key 'basic_auht' (did you mean basic_auth?)"),
        ("[]", "must be a mapping of keys"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(tmp_path: Path, text: str, line: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as raised:
        read(path)
    (message,) = raised.value.messages
    assert message.startswith(str(path))
    assert line.format(tmp_path) in message
    assert SECRET not in message
    assert "pass" not in message.replace("password", "")


def test_certificates_are_named_from_the_files_folder(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    certificate, key = pki.issue("client", "client.example")
    key.chmod(0o600)
    text = "tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}"
    access = read(written(tmp_path, text))
    assert access == Access(verify=str(pki.ca), certificate=(str(certificate), str(key)))
    assert read(written(tmp_path, "tls_config: {insecure_skip_verify: true}")).verify is False


def test_a_key_of_another_certificate_or_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    """Without asking for the passphrase at the terminal, which OpenSSL does by default."""
    pki = Pki(tmp_path)
    _, key = pki.issue("client", "client.example")
    pki.issue("other", "other.example")
    path = written(tmp_path, "tls_config: {cert_file: other.pem, key_file: client.key}")
    with pytest.raises(UsageError, match="key values mismatch"):
        read(path)
    private = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass")))
    path = written(tmp_path, "tls_config: {cert_file: client.pem, key_file: client.key}")
    with pytest.raises(UsageError, match="needs a passphrase"):
        read(path)
