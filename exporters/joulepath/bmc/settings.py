# SPDX-License-Identifier: Apache-2.0
"""Holds the settings of all BMCs in memory; `config.py` reads them from a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from joulepath import secret
from joulepath.bmc.login import Login
from joulepath.errors import UsageError
from joulepath.reading.bounds import MAX_ROWS

LOCAL = "ipmi+local"
PORTS = {"redfish": 443, "redfish+http": 80, "ipmi": 623, LOCAL: 0}
"""The schemes of an address, with their default ports."""

Privilege = Literal["user", "operator", "administrator"]


@dataclass(frozen=True)
class BmcEndpoint:
    """Where a BMC answers, and in which protocol."""

    scheme: str
    host: str
    port: int

    @property
    def collector(self) -> str:
        """redfish or ipmi."""
        return self.scheme.partition("+")[0]

    @property
    def base_url(self) -> str:
        """The base URL, for Redfish."""
        return f"{'http' if self.scheme == 'redfish+http' else 'https'}://{self._host}:{self.port}"

    def __str__(self) -> str:
        if self.scheme == LOCAL:
            return LOCAL
        return f"{self.scheme}://{self._host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True)
class TargetSettings:
    """One BMC; the checked keys of `config.BmcTargetConfig`."""

    address: str
    user: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    ca_file: Path | None = None
    verify: bool = True
    privilege: Privilege = "user"
    timeout: float | None = None
    interval: float | None = None
    max_rows: int = MAX_ROWS


def parse_address(address: str) -> BmcEndpoint:
    """The parts of an address. Raises ValueError."""
    complaint = (
        f"{address!r} is not redfish://HOST[:PORT], redfish+http://HOST[:PORT], ipmi://HOST[:PORT] or ipmi+local:; "
        "write an IPv6 host in brackets"
    )
    if address == f"{LOCAL}:":
        return BmcEndpoint(LOCAL, "", 0)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(complaint) from None
    if parts.username or parts.password:
        raise ValueError(
            "the address holds a user or a password: state user and password_file (--user and --password-file) instead"
        )
    if (
        parts.scheme not in PORTS
        or parts.scheme == LOCAL
        or not host
        or parts.path not in {"", "/"}
        or parts.query
        or port == 0
    ):
        raise ValueError(complaint)
    return BmcEndpoint(parts.scheme, host, port or PORTS[parts.scheme])


def login_mistake(where: BmcEndpoint, user: str | None) -> str:
    """The reason why this user (None: no user) cannot be right for the address; empty if it can be."""
    if where.scheme == "redfish+http" and user is not None:
        return "redfish+http:// would send the password in clear text: use redfish://, or leave out the user"
    if where.scheme == "redfish" and user is not None and ":" in user:
        return "user: must not contain a colon (Basic authentication)"
    if where.scheme == LOCAL and user is not None:
        return "ipmi+local: is this machine's own BMC, which asks for no user"
    if where.scheme == "ipmi" and user is None:
        return "ipmi:// needs a login: user and password_file (--user and --password-file)"
    return ""


def login(target: TargetSettings, folder: Path) -> Login | None:
    """The target's login. Raises UsageError that names the key, never the secret."""
    if target.user is None:
        return None
    if target.password_env is not None:
        return Login(target.user, secret.of_environment(target.password_env, "password_env"))
    if target.password_file is None:
        raise UsageError("user needs either password_file or password_env")
    return Login(target.user, secret.of_file(folder / target.password_file, "password_file"))
