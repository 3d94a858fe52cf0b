# SPDX-License-Identifier: Apache-2.0
"""Names of pods and containers, from files that their engines keep: no socket, no API, no credentials.

/var/log/pods/NAMESPACE_POD_UID/                     the kubelet's folder of a pod's logs
/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log   its link to the log of a container
/var/lib/docker/containers/ID/config.v2.json         Docker's container, for root alone
/var/lib/containers/storage/overlay-containers/containers.json   Podman's and CRI-O's containers, for root alone
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from joulepath import files

_POD_LOGS = re.compile(r"(?P<namespace>[^_]+)_(?P<pod>[^_]+)_(?P<uid>[0-9a-f-]+)")
_CONTAINER_LOG = re.compile(r"(?P<pod>[^_]+)_(?P<namespace>[^_]+)_(?P<container>.+)-(?P<id>[0-9a-f]{64})\.log")
LOOK_SECONDS = 5.0
"""A list is read again for an unknown id, no more often than this."""


class Names:
    """Names by UID or id. `rootfs` is where the host's root is mounted."""

    def __init__(self, rootfs: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._pods = _Lists(clock, lambda: _logged(rootfs / "var/log/pods", _POD_LOGS, "uid", "{namespace}/{pod}"))
        self._containers = _Lists(
            clock,
            lambda: _stored(rootfs / "var/lib/containers/storage/overlay-containers/containers.json"),
            lambda: _logged(rootfs / "var/log/containers", _CONTAINER_LOG, "id", "{namespace}/{pod}/{container}"),
        )
        self._docker = rootfs / "var/lib/docker/containers"

    def pod(self, uid: str) -> str | None:
        """NAMESPACE/POD; None if the kubelet's folder does not have the UID."""
        return self._pods.get(uid)

    def container(self, identity: str) -> str | None:
        """The name of a container: Docker's or Podman's own, or NAMESPACE/POD/CONTAINER. None if it is unknown."""
        return self._containers.get(identity) or _docker(self._docker / identity / "config.v2.json")


class _Lists:
    """Lists of names, read again where an id is not in them."""

    def __init__(self, clock: Callable[[], float], *read: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._clock = clock
        self._read = read
        self._names: Mapping[str, str] = {}
        self._looked_at = -LOOK_SECONDS

    def get(self, identity: str) -> str | None:
        now = self._clock()
        if identity not in self._names and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._names = dict(pair for read in self._read for pair in read())
        return self._names.get(identity)


def _logged(folder: Path, form: re.Pattern[str], key: str, name: str) -> Iterable[tuple[str, str]]:
    try:
        entries = os.listdir(folder)  # noqa: PTH208  # names alone
    except OSError:
        return
    for entry in entries:
        if match := form.fullmatch(entry):
            yield match[key], name.format_map(match.groupdict())


def _stored(path: Path) -> Iterable[tuple[str, str]]:
    found = _json(path)
    for entry in found if isinstance(found, list) else ():
        names = entry.get("names") if isinstance(entry, dict) else None
        if isinstance(names, list) and names and isinstance(entry.get("id"), str):
            yield entry["id"], str(names[0])


def _docker(path: Path) -> str | None:
    found = _json(path)
    name = found.get("Name") if isinstance(found, dict) else None
    return name.removeprefix("/") if isinstance(name, str) and name.strip("/") else None


def _json(path: Path) -> Any:
    """The data of a file; None if it cannot be read, or is not JSON."""
    try:
        return json.loads(files.read(path, "data"))
    except (OSError, ValueError, RecursionError):
        return None
