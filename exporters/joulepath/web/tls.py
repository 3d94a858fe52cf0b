# SPDX-License-Identifier: Apache-2.0
"""TLS as `tls_server_config` asks for it, by the names that exporter-toolkit, hence Go, has for versions and suites."""

import hashlib
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from joulepath import files

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
"""TLS 1.0 and 1.1 (RFC 8996) are refused by OpenSSL at its default level of security."""

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}

CIPHER_SUITES = {
    "TLS_AES_128_GCM_SHA256": None,  # TLS 1.3: always offered, here as in Go
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""Go's names, as in exporter-toolkit, and OpenSSL's."""


@dataclass(frozen=True)
class Pem:
    """Certificates or a key: a file, or the text itself."""

    path: Path | None = None
    text: str = ""

    def digest(self) -> bytes:
        """Equal where it says the same. Raises TlsError."""
        with _told("cert, key or client_ca", self):
            return hashlib.sha256(self.text.encode() if self.path is None else self.path.read_bytes()).digest()

    @contextmanager
    def file(self) -> Iterator[str]:
        """A path to read it from; a text never touches a disk."""
        if self.path is not None:
            yield str(self.path)
            return
        number = os.memfd_create("pem")
        try:
            os.write(number, self.text.encode())
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)


@dataclass(frozen=True)
class Tls:
    """The keys of `tls_server_config`, checked."""

    certificate: Pem
    key: Pem
    minimum: str = "TLS12"
    maximum: str = "TLS13"
    client_ca: Pem | None = None
    verify: ssl.VerifyMode = ssl.CERT_NONE
    cipher_suites: tuple[str, ...] = ()
    curve: str | None = None
    prefer_server_cipher_suites: bool = True

    @property
    def pems(self) -> tuple[Pem, ...]:
        """All that it reads."""
        return (self.certificate, self.key, *([self.client_ca] if self.client_ca else []))


class TlsError(Exception):
    """A key cannot be honoured; the message begins with the key."""


def context(tls: Tls) -> ssl.SSLContext:
    """The server's context. Raises TlsError."""
    ssl_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ssl_context.minimum_version, ssl_context.maximum_version = VERSIONS[tls.minimum], VERSIONS[tls.maximum]
    ssl_context.set_alpn_protocols(["http/1.1"])
    ssl_context.options |= ssl.OP_NO_RENEGOTIATION  # OpenSSL before 3.0 lets the client ask for it without end
    _load(ssl_context, tls)
    if tls.client_ca is not None:
        with (
            _told("client_ca_file" if tls.client_ca.path else "client_ca", tls.client_ca),
            tls.client_ca.file() as path,
        ):
            if tls.client_ca.path is not None:
                files.read(tls.client_ca.path)
            ssl_context.load_verify_locations(path)
    ssl_context.verify_mode = tls.verify
    suites = [name for suite in tls.cipher_suites if (name := CIPHER_SUITES[suite])]
    if suites:
        with _told("cipher_suites"):
            ssl_context.set_ciphers(":".join(suites))
    if tls.curve is not None:
        with _told("curve_preferences"):
            ssl_context.set_ecdh_curve(CURVES[tls.curve])
    if not tls.prefer_server_cipher_suites:
        ssl_context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    return ssl_context


def _load(ssl_context: ssl.SSLContext, tls: Tls) -> None:
    for key, pem in (("cert", tls.certificate), ("key", tls.key)):
        if pem.path is not None:
            with _told(f"{key}_file", pem):
                files.read(pem.path, "secret" if key == "key" else "configuration")
    with _told("cert and key"), tls.certificate.file() as certificate, tls.key.file() as key:
        # Without a password of ours OpenSSL would ask for one at the terminal.
        ssl_context.load_cert_chain(certificate, key, password=lambda: b"")


@contextmanager
def _told(key: str, pem: Pem | None = None) -> Iterator[None]:
    """Turns what goes wrong into a TlsError that names the key."""
    name = f"{key}: {pem.path}" if pem is not None and pem.path is not None else key
    try:
        yield
    except ssl.SSLError as error:
        raise TlsError(f"{name}: {(error.reason or str(error)).replace('_', ' ').lower()}") from None
    except OSError as error:
        raise TlsError(f"{name}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise TlsError(f"{name}: {error}") from None


def names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The subject alternative names of a certificate as `getpeercert` gives it: DNS, e-mail, address, URI."""
    return frozenset(_names(certificate.get("subjectAltName", ())))


def _names(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for kind, name in entries:
        if kind == "IP Address":
            yield str(ip_address(name.strip()))
        elif kind in ("DNS", "email", "URI"):
            yield name
