# SPDX-License-Identifier: Apache-2.0
"""`web-config.yml`, the file that Prometheus' exporters share (web-configuration.md of exporter-toolkit).

A setting that Python cannot honour is a mistake in the file, never ignored. `rules.py` has the result.
"""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from joulepath.config import Model, load
from joulepath.web.auth import MAX_COST, cost
from joulepath.web.rules import Rules
from joulepath.web.tls import CIPHER_SUITES, CURVES, VERSIONS, Pem, Tls

_VERIFY = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_HEADERS = {
    "Strict-Transport-Security": r"[\x20-\x7e]+",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "(?i:deny|sameorigin)",
    "X-XSS-Protection": r"[\x20-\x7e]+",
    "Content-Security-Policy": r"[\x20-\x7e]+",
}
"""Those that exporter-toolkit knows, and what they may say."""
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _choice(key: str, value: str, known: Mapping[str, object]) -> str:
    if value not in known:
        raise ValueError(f"{key}: {value!r} is not one that can be honoured here: {', '.join(filter(None, known))}")
    return value


class TlsModel(Model):
    """`tls_server_config`."""

    cert_file: Path | None = None
    """File with the server's certificate, in PEM; a relative path starts at this file's folder."""
    cert: str | None = None
    """The certificate itself, in place of a file."""
    key_file: Path | None = None
    """File with the certificate's private key, in PEM."""
    key: str | None = None
    """The private key itself, in place of a file."""
    client_auth_type: str = ""
    """Whether clients show certificates: `NoClientCert`, `VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`."""
    client_ca_file: Path | None = None
    """File with the authorities that sign the clients' certificates, in PEM."""
    client_ca: str | None = None
    """Those authorities' certificates themselves, in place of a file."""
    client_allowed_sans: tuple[str, ...] = ()
    """Subject alternative names, one of which a client's certificate must have; without it any."""
    min_version: str = "TLS12"
    """Oldest version of TLS: `TLS12` or `TLS13`."""
    max_version: str = "TLS13"
    """Newest version of TLS: `TLS12` or `TLS13`."""
    cipher_suites: tuple[str, ...] = ()
    """Cipher suites of TLS 1.2, by Go's names; without it the library's choice."""
    prefer_server_cipher_suites: bool = True
    """Whether the server's order of cipher suites wins over the client's."""
    curve_preferences: tuple[str, ...] = ()
    """Elliptic curve of the key exchange, one at most; without it the library's choice."""

    @model_validator(mode="after")
    def _coherent(self) -> "TlsModel":
        for key in ("cert", "key"):
            if (getattr(self, key) is None) == (getattr(self, f"{key}_file") is None):
                raise ValueError(f"state either {key}_file or {key}")
        for version in ("min_version", "max_version"):
            _choice(version, getattr(self, version), VERSIONS)
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        for suite in self.cipher_suites:
            _choice("cipher_suites", suite, CIPHER_SUITES)
        if len(self.curve_preferences) > 1:
            raise ValueError("curve_preferences: only one curve can be honoured here; state one or leave the key out")
        for curve in self.curve_preferences:
            _choice("curve_preferences", curve, CURVES)
        self._client()
        return self

    def _client(self) -> None:
        verifies = _VERIFY[_choice("client_auth_type", self.client_auth_type, _VERIFY)] != ssl.CERT_NONE
        if self.client_ca_file is not None and self.client_ca is not None:
            raise ValueError("state either client_ca_file or client_ca")
        if verifies and self.client_ca_file is None and self.client_ca is None:
            raise ValueError(f"client_auth_type: {self.client_auth_type} needs client_ca_file")
        if not verifies and (self.client_ca_file is not None or self.client_ca is not None):
            raise ValueError("client_ca_file needs a client_auth_type that verifies")
        if not verifies and self.client_allowed_sans:
            raise ValueError("client_allowed_sans needs a client_auth_type that verifies")
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            raise ValueError(
                "client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert; "
                f"with {self.client_auth_type} a client without a certificate would be let in"
            )

    def tls(self, folder: Path) -> Tls:
        """As `joulepath.web.tls` takes it; relative paths start at `folder`."""

        def pem(path: Path | None, text: str | None) -> Pem:
            return Pem(folder / path) if path is not None else Pem(text=text or "")

        has_ca = self.client_ca_file is not None or self.client_ca is not None
        return Tls(
            certificate=pem(self.cert_file, self.cert),
            key=pem(self.key_file, self.key),
            minimum=self.min_version,
            maximum=self.max_version,
            client_ca=pem(self.client_ca_file, self.client_ca) if has_ca else None,
            verify=_VERIFY[self.client_auth_type],
            cipher_suites=self.cipher_suites,
            curve=next(iter(self.curve_preferences), None),
            prefer_server_cipher_suites=self.prefer_server_cipher_suites,
        )


class HttpModel(Model):
    """`http_server_config`."""

    http2: bool = False
    """Must be false: the server speaks HTTP/1.1."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Headers that every answer gets, by name: those that exporter-toolkit knows."""

    @model_validator(mode="after")
    def _honoured(self) -> "HttpModel":
        if self.http2:
            raise ValueError("http2: HTTP/2 cannot be served here; say false or leave the key out")
        for name, value in self.headers.items():
            _choice("headers", name, _HEADERS)
            if not re.fullmatch(_HEADERS[name], value):
                raise ValueError(f"headers: {name} cannot be {value!r}")
        return self


class RateLimitModel(Model):
    """`rate_limit`."""

    interval: str
    """Time between two requests once `burst` is used up, such as `500ms`, `1s` or `1m`."""
    burst: Annotated[int, Field(ge=1)] = 1
    """Requests that may come at once."""

    @field_validator("interval")
    @classmethod
    def _duration(cls, value: str) -> str:
        if not _DURATION.fullmatch(value):
            raise ValueError(f"{value!r} is not a duration such as 500ms, 1s or 1m")
        return value

    @property
    def seconds(self) -> float:
        """The interval."""
        match = _DURATION.fullmatch(self.interval)
        return float(match[1]) * _SECONDS[match[2]] if match else 0.0


class WebModel(Model):
    """The whole file."""

    tls_server_config: TlsModel | None = None
    """TLS; without it the server speaks plain HTTP."""
    http_server_config: HttpModel = HttpModel()
    """HTTP itself."""
    basic_auth_users: Mapping[str, str] = Field(default_factory=dict)
    """Users and the bcrypt hashes of their passwords; without it no login is asked for."""
    rate_limit: RateLimitModel | None = None
    """Limit of all requests together; without it none."""

    @field_validator("basic_auth_users")
    @classmethod
    def _hashed(cls, users: Mapping[str, str]) -> Mapping[str, str]:
        wrong = [user for user, hashed in users.items() if not _BCRYPT.fullmatch(hashed)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: not a bcrypt hash; `htpasswd -nBC 10 USER` makes one")
        dear = [user for user, hashed in users.items() if cost(hashed) > MAX_COST]
        if dear:
            raise ValueError(
                f"{', '.join(dear)}: the cost of the bcrypt hash is above {MAX_COST}, and a login would take seconds; "
                "`htpasswd -nBC 10 USER` makes a cheaper one"
            )
        return users


def read(path: Path, text: str | None = None) -> Rules:
    """The rules in a file, or in its text as read. Raises UsageError with one line per mistake."""
    model = load(path, WebModel, text, empty=True)
    tls, limit = model.tls_server_config, model.rate_limit
    return Rules(
        tls=tls.tls(path.parent) if tls else None,
        allowed_sans=frozenset(tls.client_allowed_sans if tls else ()),
        users=dict(model.basic_auth_users),
        interval=limit.seconds if limit else 0.0,
        burst=limit.burst if limit else 1,
        headers=dict(model.http_server_config.headers),
    )
