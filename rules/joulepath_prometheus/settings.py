# SPDX-License-Identifier: Apache-2.0
"""Reads logins, headers and certificates from a YAML file, which `http_config.py` describes."""

import base64
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from joulepath import files, secret
from joulepath.config import load
from joulepath.errors import UsageError
from joulepath_prometheus.http_config import HttpModel, TlsModel

_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True)
class Access:
    """The headers and certificates of every request. The headers never appear in the representation."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool | str = True
    """Whether the server's certificate is checked; a path is the file of the authorities that count, in PEM."""
    certificate: tuple[str, str] | None = None
    """Files of the client's certificate and its private key, in PEM."""


def read(path: Path) -> Access:
    """The file at `path`. Raises UsageError with a line per mistake."""
    model = load(path, HttpModel, empty=True)
    headers = dict(_headers(model, path))
    for key, value in headers.values():
        if not _VALUE.fullmatch(value):
            raise UsageError(f"{path}: {key}: must be printable ASCII on one line")
    verify, certificate = _certificates(model.tls_config, path)
    return Access({name: value for name, (_, value) in headers.items()}, verify, certificate)


def _headers(model: HttpModel, path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each header with the key that states it and its value."""
    if token := model.authorization:
        key = "authorization.credentials"
        credentials = _secret(token.credentials, token.credentials_file, path, key)
        yield "Authorization", (key, f"{token.type} {credentials}")
    if login := model.basic_auth:
        user = _secret(login.username, login.username_file, path, "basic_auth.username")
        if ":" in user:
            raise UsageError(f"{path}: basic_auth.username: cannot have a colon")
        password = _secret(login.password, login.password_file, path, "basic_auth.password")
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        yield "Authorization", ("basic_auth", f"Basic {encoded}")
    for name, header in model.http_headers.items():
        key = f"http_headers.{name}"
        values = [*header.values, *(value.get_secret_value() for value in header.secrets)]
        values += [secret.of_file(path.parent / file, f"{path}: {key}.files") for file in header.files]
        yield name, (key, ", ".join(values))


def _secret(stated: str | SecretStr | None, file: Path | None, path: Path, key: str) -> str:
    """A value of the file itself or of the file that it names."""
    if file is not None:
        return secret.of_file(path.parent / file, f"{path}: {key}_file")
    return stated.get_secret_value() if isinstance(stated, SecretStr) else stated or ""


def _certificates(tls: TlsModel, path: Path) -> tuple[bool | str, tuple[str, str] | None]:
    """`Access.verify` and `Access.certificate`; the files are tried, so that a mistake names its key."""
    verify: bool | str = not tls.insecure_skip_verify
    if tls.ca_file is not None:
        authorities = path.parent / tls.ca_file
        _try(path, "tls_config.ca_file", authorities, lambda: ssl.create_default_context(cafile=authorities))
        verify = str(authorities) if verify else False
    if tls.cert_file is None or tls.key_file is None:
        return verify, None
    cert, key = path.parent / tls.cert_file, path.parent / tls.key_file
    _try(path, "tls_config.key_file", key, lambda: files.read(key, "secret"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _try(path, "tls_config.cert_file", cert, lambda: context.load_cert_chain(cert, key, _refuse))
    return verify, (str(cert), str(key))


def _refuse() -> str:
    raise ValueError("its private key needs a passphrase, and nothing here can type it: remove the passphrase")


def _try(path: Path, key: str, file: Path, use: Callable[[], object]) -> None:
    try:
        use()
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").replace("_", " ").lower()
        raise UsageError(f"{path}: {key}: {file} cannot be used: {reason}") from None
    except OSError as error:
        raise UsageError(f"{path}: {key}: {file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {key}: {file} cannot be used: {error}") from None
