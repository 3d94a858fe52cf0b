# SPDX-License-Identifier: Apache-2.0
"""The keys of the HTTP configuration file, named like those of Prometheus' own `http_config`.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config
A key of Prometheus that cannot be honoured here is a mistake in the file, never ignored.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, SecretStr, model_validator

from joulepath.config import Model

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.1
_RESERVED = {
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "user-agent",
    "www-authenticate",
}
"""Headers that other keys state, or that the HTTP library sets."""
_PROXY = "state the proxy in the environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY"


class _HttpModel(Model):
    """A part of the file."""

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {}
    """Keys of Prometheus that cannot be honoured here, each with a remedy."""

    @model_validator(mode="before")
    @classmethod
    def _honoured(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key in cls.UNSUPPORTED:
                raise ValueError(f"{key}: is not supported here: {cls.UNSUPPORTED[key]}")
        return data


class AuthorizationModel(_HttpModel):
    """`authorization`."""

    UNSUPPORTED: ClassVar = {"credentials_ref": "state credentials_file"}

    type: str = "Bearer"
    """The scheme."""
    credentials: SecretStr | None = None
    """The token itself, in place of a file."""
    credentials_file: Path | None = None
    """File with the token; a relative path starts at this file's folder."""

    @model_validator(mode="after")
    def _coherent(self) -> "AuthorizationModel":
        if (self.credentials is None) == (self.credentials_file is None):
            raise ValueError("state either credentials_file or credentials")
        if not _NAME.fullmatch(self.type):
            raise ValueError("type: must be one word, such as Bearer")
        if self.type.lower() == "basic":
            raise ValueError("type: for Basic state basic_auth in place of authorization")
        return self


class BasicAuthModel(_HttpModel):
    """`basic_auth`."""

    UNSUPPORTED: ClassVar = {"username_ref": "state username_file", "password_ref": "state password_file"}

    username: str | None = None
    """The user."""
    username_file: Path | None = None
    """File with the user, in place of `username`."""
    password: SecretStr | None = None
    """The password itself, in place of a file."""
    password_file: Path | None = None
    """File with the password."""

    @model_validator(mode="after")
    def _coherent(self) -> "BasicAuthModel":
        for key in ("username", "password"):
            if (getattr(self, key) is None) == (getattr(self, f"{key}_file") is None):
                raise ValueError(f"state either {key}_file or {key}")
        return self


class TlsModel(_HttpModel):
    """`tls_config`."""

    UNSUPPORTED: ClassVar = {
        **{key: f"write it to a file and state {key}_file" for key in ("ca", "cert", "key")},
        **dict.fromkeys(("ca_ref", "cert_ref", "key_ref"), "use files"),
        "server_name": "ask the server by the name in its certificate",
        "min_version": "TLS 1.2 is the oldest version spoken; leave the key out",
        "max_version": "leave the key out",
    }

    ca_file: Path | None = None
    """File with the authorities that sign the server's certificate, in PEM; without it the usual public ones."""
    cert_file: Path | None = None
    """File with the client's certificate, in PEM."""
    key_file: Path | None = None
    """File with the certificate's private key, in PEM, without a passphrase."""
    insecure_skip_verify: bool = False
    """Whether any certificate of the server will do."""

    @model_validator(mode="after")
    def _coherent(self) -> "TlsModel":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("state both cert_file and key_file, or neither")
        return self


class HeaderModel(_HttpModel):
    """One of `http_headers`: several values become one, with commas between them."""

    values: tuple[str, ...] = ()
    """Values."""
    secrets: tuple[SecretStr, ...] = ()
    """Values that appear in no message."""
    files: tuple[Path, ...] = ()
    """Files with a value each."""

    @model_validator(mode="after")
    def _coherent(self) -> "HeaderModel":
        if not (self.values or self.secrets or self.files):
            raise ValueError("state values, secrets or files")
        return self


class HttpModel(_HttpModel):
    """The whole file."""

    UNSUPPORTED: ClassVar = {
        "oauth2": "let a proxy obtain the token, or state authorization.credentials_file",
        "bearer_token": "state authorization.credentials_file",
        "bearer_token_file": "state authorization.credentials_file",
        "follow_redirects": "redirects within the server are followed and others are not; leave the key out",
        "enable_http2": "HTTP/1.1 is spoken; leave the key out",
        "proxy_url": _PROXY,
        "no_proxy": _PROXY,
        "proxy_from_environment": "it always holds; leave the key out",
        "proxy_connect_header": _PROXY,
    }

    authorization: AuthorizationModel | None = None
    """A token."""
    basic_auth: BasicAuthModel | None = None
    """User and password."""
    tls_config: TlsModel = TlsModel()
    """Certificates."""
    http_headers: Mapping[str, HeaderModel] = Field(default_factory=dict)
    """Further headers by name, such as `X-Scope-OrgID`."""

    @model_validator(mode="after")
    def _coherent(self) -> "HttpModel":
        if self.authorization and self.basic_auth:
            raise ValueError("state either authorization or basic_auth")
        for name in self.http_headers:
            if not _NAME.fullmatch(name):
                raise ValueError(f"http_headers: {name!r} cannot be the name of a header")
            if name.lower() in _RESERVED:
                raise ValueError(f"http_headers: {name} cannot be stated here: authorization and basic_auth do logins")
        return self
