# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath pdu`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from joulepath.bmc.config import BmcTargetConfig
from joulepath.config import Model, problems
from joulepath.errors import UsageError
from joulepath.pdu.redfish.target import is_redfish
from joulepath.pdu.snmp.client import Limits, SnmpEndpoint
from joulepath.pdu.snmp.credentials import AuthProtocol, Community, Credentials, PrivacyProtocol, SnmpUser
from joulepath.reading.bounds import MAX_ROWS
from joulepath.secret import of_environment, of_file

VERSIONS: Mapping[str, Literal[1, 2]] = {"1": 1, "2": 2, "2c": 2}
"""Versions of SNMP with a community, as they may be written."""


class PduTargetConfig(Model):
    """One PDU."""

    address: str
    """`HOST`, `HOST:PORT` or `udp://HOST:PORT`, port 161 where not stated; `redfish://` as in `bmc.yaml`."""
    community_file: Path | None = None
    """File with the community on its only line; a relative path starts at the configuration's folder."""
    community_env: str | None = None
    """Environment variable that holds the community, in place of a file."""
    version: Annotated[Literal[1, 2], BeforeValidator(lambda written: VERSIONS.get(str(written), written))] = 2
    """Version of SNMP with a community: 1, 2 or 2c; a `user` means version 3."""
    timeout: Annotated[float, Field(gt=0, le=60)] = Limits.timeout
    """Seconds until a request without an answer is sent again; over Redfish, where the default is 40, until it is
    given up."""
    retries: Annotated[int, Field(ge=0, le=10)] = Limits.retries
    """How often it is sent again."""
    max_repetitions: Annotated[int, Field(ge=1, le=100)] | None = None
    """Rows of one GETBULK, half the objects of one GET: fewer for agents with small buffers. Without it the profile's,
    mostly 25."""
    user: str | None = None
    """Name of the SNMP v3 user, or of the Redfish account."""
    auth_protocol: AuthProtocol = "sha256"
    """Hash with which SNMP v3 messages are signed."""
    auth_file: Path | None = None
    """File with the SNMP v3 user's authentication password; without a password messages are not signed."""
    auth_env: str | None = None
    """Environment variable that holds the authentication password, in place of a file."""
    privacy_protocol: PrivacyProtocol = "aes128"
    """Cipher with which SNMP v3 messages are encrypted."""
    privacy_file: Path | None = None
    """File with the SNMP v3 user's privacy password; without a password messages are not encrypted."""
    privacy_env: str | None = None
    """Environment variable that holds the privacy password, in place of a file."""
    profile: str | None = None
    """Name of the device family's profile; without it the device's sysObjectID selects one."""
    interval: Annotated[float, Field(ge=1, le=3600)] | None = None
    """Seconds between polls; without it the named profile's `interval`, else 5."""
    password_file: Path | None = None
    """File with the Redfish account's password."""
    password_env: str | None = None
    """Environment variable that holds the Redfish account's password, in place of a file."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = MAX_ROWS
    """The most rows of the device that have series within an hour; others are left out and counted
    (docs/guides/serving.md, Rows of devices)."""
    ca_file: Path | None = None
    """Redfish: certificates of the authorities that sign the device's, in PEM; without it the system's."""
    verify: bool = True
    """Redfish: whether the device's certificate is checked."""

    @property
    def redfish(self) -> BmcTargetConfig:
        """The same as a target of `joulepath bmc`, where the address is one of Redfish. Raises ValueError."""
        stated = {key: getattr(self, key) for key in (*REDFISH, "timeout", "max_rows") if key in self.model_fields_set}
        return BmcTargetConfig(address=self.address, user=self.user, interval=self.interval, **stated)

    @model_validator(mode="after")
    def _complete(self) -> "PduTargetConfig":
        if is_redfish(self.address):
            of_snmp = {"profile", "version", "retries", "max_repetitions"} & self.model_fields_set
            if of_snmp or any(_sources(self, key) for key in SECRETS):
                raise ValueError("a profile, secrets, version and retries of SNMP belong to an address udp://HOST")
            try:
                self.redfish  # noqa: B018  # raises what is wrong with it
            except ValidationError as error:
                raise ValueError("; ".join(problems(error, BmcTargetConfig))) from None
            return self
        if any(getattr(self, key) not in {None, True} for key in REDFISH):
            raise ValueError(f"{', '.join(REDFISH)} belong to an address redfish://HOST")
        community, auth, privacy = (_sources(self, key) for key in SECRETS)
        if self.user is None and (community != 1 or auth or privacy):
            raise ValueError("state either community_file or community_env, or an SNMP v3 user")
        if self.user is not None and community:
            raise ValueError("state either a community or a user")
        if auth > 1 or privacy > 1:
            raise ValueError("state a password's file or its environment variable")
        if privacy and not auth:
            raise ValueError("privacy needs authentication: state auth_file or auth_env")
        parse_address(self.address)
        return self


def limits(target: PduTargetConfig) -> Limits:
    """The timeout and retries of a target's client."""
    return Limits(timeout=target.timeout, retries=target.retries)


SECRETS = ("community", "auth", "privacy")
REDFISH = ("password_file", "password_env", "ca_file", "verify")
"""Keys of Redfish addresses."""


def _sources(target: PduTargetConfig, key: str) -> int:
    return sum(getattr(target, f"{key}_{where}") is not None for where in ("file", "env"))


class PduConfig(Model):
    """`pdu.yaml`."""

    targets: Mapping[str, PduTargetConfig] = Field(min_length=1)
    """The PDUs, each by the name that becomes its label `instance`."""
    profiles: Path | None = None
    """Folder with further profiles; one of a shipped name replaces it."""


def parse_address(address: str) -> SnmpEndpoint:
    """`udp://HOST:PORT`, `HOST:PORT` or `HOST`. Raises ValueError."""
    complaint = (
        f"{address!r} is not udp://HOST[:PORT], redfish://HOST[:PORT] or redfish+http://HOST[:PORT]; "
        "write an IPv6 host in brackets"
    )
    scheme, separator, _ = address.partition("://")
    try:
        parts = urlsplit(address if separator else f"udp://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(complaint) from None
    if (separator and scheme != "udp") or not host or parts.path or parts.query or parts.username or port == 0:
        raise ValueError(complaint)
    return SnmpEndpoint(host, port or 161)


def credentials(target: PduTargetConfig, folder: Path, environment: Mapping[str, str] = os.environ) -> Credentials:
    """The target's credentials. Raises UsageError that names the key, never the secret."""
    community, auth, privacy = (_secret(target, key, folder, environment) for key in SECRETS)
    if target.user is None:
        return Community(community, target.version)
    for key, secret in (("auth", auth), ("privacy", privacy)):
        if secret and len(secret) < SHORTEST_PASSWORD:
            stated = f"{key}_file" if getattr(target, f"{key}_env") is None else f"{key}_env"
            raise UsageError(f"{stated}: an SNMP v3 password has at least {SHORTEST_PASSWORD} characters")
    return SnmpUser(target.user, auth, target.auth_protocol, privacy, target.privacy_protocol)


SHORTEST_PASSWORD = 8
"""RFC 3414 section 11.2; agents refuse shorter ones."""


def secret_files(target: PduTargetConfig, folder: Path) -> tuple[Path, ...]:
    """The files with the target's secrets."""
    files = (getattr(target, f"{key}_file") for key in SECRETS)
    return tuple(folder / file for file in files if file is not None)


def _secret(target: PduTargetConfig, key: str, folder: Path, environment: Mapping[str, str]) -> str:
    """A secret from its file or variable; empty where neither is stated."""
    variable: str | None = getattr(target, f"{key}_env")
    if variable is not None:
        return of_environment(variable, f"{key}_env", environment)
    file: Path | None = getattr(target, f"{key}_file")
    return "" if file is None else of_file(folder / file, f"{key}_file")


def community_of_file(path: Path, key: str, version: Literal[1, 2] = 2) -> Community:
    """The community in the file that `key` names. Raises UsageError."""
    return Community(of_file(path, key), version)
