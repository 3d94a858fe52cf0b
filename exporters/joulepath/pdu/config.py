# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath pdu`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from joulepath.config import Model
from joulepath.errors import UsageError
from joulepath.pdu.snmp import Community, Endpoint


class TargetConfig(Model):
    """One PDU."""

    address: str
    """`HOST`, `HOST:PORT` or `udp://HOST:PORT`; the port is 161 where not stated."""
    community_file: Path | None = None
    """File whose only line is the community; a relative path starts at the configuration's folder."""
    community_env: str | None = None
    """Environment variable that holds the community."""
    profile: str | None = None
    """Name of the profile; found by the device's sysObjectID where not stated."""
    interval: Annotated[float, Field(ge=1, le=3600)] | None = None
    """Seconds between polls."""

    @model_validator(mode="after")
    def _complete(self) -> "TargetConfig":
        if (self.community_file is None) == (self.community_env is None):
            raise ValueError("state either community_file or community_env")
        endpoint(self.address)
        return self


class PduConfig(Model):
    """`pdu.yaml`."""

    targets: Mapping[str, TargetConfig] = Field(min_length=1)
    profiles: Path | None = None
    """Folder with further profiles; one of a shipped name replaces it."""


def endpoint(address: str) -> Endpoint:
    """`udp://HOST:PORT`, `HOST:PORT` or `HOST`. Raises ValueError."""
    complaint = f"{address!r} is not udp://HOST[:PORT]; write an IPv6 host in brackets"
    scheme, separator, _ = address.partition("://")
    try:
        parts = urlsplit(address if separator else f"udp://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(complaint) from None
    if (separator and scheme != "udp") or not host or parts.path or parts.query or parts.username or port == 0:
        raise ValueError(complaint)
    return Endpoint(host, port or 161)


def community(target: TargetConfig, folder: Path, environment: Mapping[str, str] = os.environ) -> Community:
    """The target's community. Raises UsageError that names the key, never the secret."""
    if target.community_env is not None:
        secret = environment.get(target.community_env, "")
        if not secret:
            raise UsageError(f"community_env: the environment variable {target.community_env} is not set")
        return Community(secret)
    return community_of_file(folder / (target.community_file or ""), "community_file")


def community_of_file(path: Path, key: str) -> Community:
    """The community in the file that `key` names. Raises UsageError."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{key}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{key}: {path} is not UTF-8 text") from None
    if not secret:
        raise UsageError(f"{key}: {path} is empty")
    return Community(secret)
