# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath bmc`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from joulepath.bmc.settings import Privilege, TargetSettings, login_mistake, parse_address
from joulepath.config import Model, load
from joulepath.reading.bounds import MAX_ROWS


class BmcTargetConfig(Model):
    """One BMC."""

    address: str
    """`redfish://HOST[:443]`, `redfish+http://HOST[:80]` (without a login), `ipmi://HOST[:623]` or `ipmi+local:`."""
    user: str | None = None
    """Name of the login; `ipmi://` needs one. Never put it into the address."""
    password_file: Path | None = None
    """A file with the password as its only line; a relative path starts at the configuration's folder."""
    password_env: str | None = None
    """Environment variable that holds the password, in place of a file."""
    ca_file: Path | None = None
    """Certificates of the authorities that sign the BMC's, in PEM; without it the system's."""
    verify: bool = True
    """Whether the BMC's certificate is checked; `false` accepts any (`--insecure`)."""
    privilege: Privilege = "user"
    """Privilege level of the IPMI session."""
    timeout: Annotated[float, Field(ge=1, le=300)] | None = None
    """Seconds to wait for one answer of Redfish (`--timeout`); without it 40."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = MAX_ROWS
    """The most chassis, parts and supplies that have series within an hour; others are left out and counted
    (docs/guides/serving.md, Rows of devices)."""
    interval: Annotated[float, Field(ge=1, le=3600)] | None = None
    """Seconds between polls; without it 10."""

    @property
    def settings(self) -> TargetSettings:
        """The same without pydantic."""
        return TargetSettings(**self.model_dump())

    @model_validator(mode="after")
    def _complete(self) -> "BmcTargetConfig":
        where = parse_address(self.address)
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

    targets: Mapping[str, BmcTargetConfig] = Field(min_length=1)
    """The BMCs, each by the name that becomes its label `instance`."""


def read(path: Path, text: str | None = None) -> Mapping[str, TargetSettings]:
    """The BMCs in a file, or in its text as read, by name. Raises UsageError with one line per mistake."""
    targets = load(path, BmcConfig, text).targets
    return {name: target.settings for name, target in targets.items()}
