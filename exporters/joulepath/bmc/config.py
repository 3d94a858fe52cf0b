# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath bmc`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from joulepath import secret
from joulepath.bmc.login import Login
from joulepath.bounds import MAX_ROWS
from joulepath.config import Model
from joulepath.errors import UsageError

LOCAL = "ipmi+local"
PORTS = {"redfish": 443, "redfish+http": 80, "ipmi": 623, LOCAL: 0}
"""The schemes of an address, with their default ports."""

Privilege = Literal["user", "operator", "administrator"]


@dataclass(frozen=True)
class Endpoint:
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
        """Of Redfish."""
        return f"{'http' if self.scheme == 'redfish+http' else 'https'}://{self._host}:{self.port}"

    def __str__(self) -> str:
        if self.scheme == LOCAL:
            return LOCAL
        return f"{self.scheme}://{self._host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


class TargetConfig(Model):
    """One BMC."""

    address: str
    """`redfish://HOST[:PORT]`, `redfish+http://HOST[:PORT]` (without a login), `ipmi://HOST[:PORT]`, `ipmi+local:`."""
    user: str | None = None
    password_file: Path | None = None
    """File whose only line is the password; a relative path starts at the configuration's folder."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    ca_file: Path | None = None
    """Certificates of the authorities that are trusted, in PEM; the system's where not stated."""
    verify: bool = True
    """Whether the BMC's certificate is checked."""
    privilege: Privilege = "user"
    """Of the IPMI session."""
    timeout: Annotated[float, Field(ge=1, le=300)] | None = None
    """Seconds to wait for one answer of Redfish."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = MAX_ROWS
    """So many chassis, parts and supplies of the BMC are published within an hour; others are left out and counted."""
    interval: Annotated[float, Field(ge=1, le=3600)] | None = None
    """Seconds between polls."""

    @model_validator(mode="after")
    def _complete(self) -> "TargetConfig":
        where = endpoint(self.address)
        if self.user is not None and (self.password_file is None) == (self.password_env is None):
            raise ValueError("user needs either password_file or password_env")
        if self.user is None and (self.password_file or self.password_env):
            raise ValueError("a password needs user")
        mistake = login_mistake(where, self.user)
        if mistake:
            raise ValueError(mistake)
        if where.scheme != "redfish" and (self.ca_file or not self.verify):
            raise ValueError("ca_file and verify belong to redfish://")
        if where.collector != "redfish" and self.timeout is not None:
            raise ValueError("timeout belongs to redfish:// and redfish+http://; that of IPMI is fixed")
        return self


class BmcConfig(Model):
    """`bmc.yaml`."""

    targets: Mapping[str, TargetConfig] = Field(min_length=1)


def endpoint(address: str) -> Endpoint:
    """The parts of an address. Raises ValueError."""
    complaint = (
        f"{address!r} is none of redfish://HOST[:PORT], redfish+http://HOST[:PORT], ipmi://HOST[:PORT], ipmi+local:; "
        "write an IPv6 host in brackets"
    )
    if address == f"{LOCAL}:":
        return Endpoint(LOCAL, "", 0)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(complaint) from None
    if parts.username or parts.password:
        raise ValueError("the address holds a user or a password: state user and password_file instead")
    if (
        parts.scheme not in PORTS
        or parts.scheme == LOCAL
        or not host
        or parts.path not in {"", "/"}
        or parts.query
        or port == 0
    ):
        raise ValueError(complaint)
    return Endpoint(parts.scheme, host, port or PORTS[parts.scheme])


def login_mistake(where: Endpoint, user: str | None) -> str:
    """Why this user, or none, cannot be right for the address; empty if it may be."""
    if where.scheme == "redfish+http" and user is not None:
        return "redfish+http:// would send the password in clear text: use redfish://, or leave out the user"
    if where.scheme == "redfish" and user is not None and ":" in user:
        return "user: Basic authentication admits no colon in it"
    if where.scheme == LOCAL and user is not None:
        return "ipmi+local: is this machine's own BMC, which asks for no user"
    if where.scheme == "ipmi" and user is None:
        return "ipmi:// needs user and password_file"
    return ""


def login(target: TargetConfig, folder: Path) -> Login | None:
    """The target's login. Raises UsageError that names the key, never the secret."""
    if target.user is None:
        return None
    if target.password_env is not None:
        return Login(target.user, secret.of_environment(target.password_env, "password_env"))
    if target.password_file is None:
        raise UsageError("user needs either password_file or password_env")
    return Login(target.user, secret.of_file(folder / target.password_file, "password_file"))
