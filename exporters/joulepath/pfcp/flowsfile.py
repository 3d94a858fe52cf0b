# SPDX-License-Identifier: Apache-2.0
"""Writes the key `flows_file` of `joulepath ioam`: the sessions of each group, by their addresses or tunnels."""

import ipaddress
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from joulepath.pfcp.sessions.groups import Groups
from joulepath.pfcp.sessions.session import Session
from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.settings import FlowsFile, Network

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_HEAD = "# Written by joulepath pfcp, which replaces it when sessions come and go.\n"
Match = dict[str, list[str] | list[int]]


class Written(NamedTuple):
    """Counts of the writings of the file, and its flows."""

    flows: int = 0
    times: int = 0
    errors: int = 0


class FlowsWriter:
    """Writes the file when sessions changed, in a thread of its own. Before the first change it leaves it alone."""

    def __init__(self, tracker: Tracker, file: FlowsFile, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = file
        self.written = Written()
        self._tracker = tracker
        self._clock = clock
        self._changes = 0
        self._last: float | None = None
        self._text = ""
        self._failed = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to look for changes."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="flows", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what has changed, and ends. The file stays."""
        if self._thread is not None:
            self._ending.set()
            self._thread.join()
            self._thread = None
            self.look(at_once=True)

    def look(self, *, at_once: bool = False) -> None:
        """Writes the file where sessions changed and the last writing is long enough ago."""
        changes, now = self._tracker.changes, self._clock()
        if changes == self._changes:
            return
        if not at_once and self._last is not None and now - self._last < self.file.seconds:
            return
        self._changes, self._last = changes, now
        with self._tracker.lock:
            found = flows(self._tracker.groups, self._tracker.sessions, by_teid=self.file.match == "teid")
        text = render(found)
        if text == self._text:
            return
        try:
            _replace(self.file.path, text)
        except OSError as error:
            if not self._failed:
                logger.error("%s: cannot be written: %s", self.file.path, error.strerror)  # noqa: TRY400  # one line
            self._failed, self._changes = True, -1  # again the next time
            self.written = self.written._replace(errors=self.written.errors + 1)
            return
        self._text, self._failed = text, False
        self.written = self.written._replace(flows=len(found), times=self.written.times + 1)

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            self.look()


def flows(groups: Groups, sessions: Sequence[Session], *, by_teid: bool = False) -> dict[str, list[Match]]:
    """Flows by name in the order of the groups.

    An address belongs to the latest of its sessions. A session without an address has its tunnels, and with `by_teid`
    every one. Tunnels at different nodes may have the same TEID: one that two groups would have is left out.
    """
    owners = {_network(ue.address, ue.bits): session for session in sessions for ue in session.users()}
    addresses: dict[tuple[str, frozenset[int]], list[Network]] = {}
    tunnels: dict[tuple[str, frozenset[int]], set[int]] = {}
    holders: dict[int, set[str]] = {}
    for session in sessions:
        own = [] if by_teid else [network for ue in session.users()
                                  if owners[network := _network(ue.address, ue.bits)] is session]  # fmt: skip
        whole = groups.label(session).group
        teids = set() if own or (not by_teid and any(True for _ in session.users())) else set(session.teids())
        for teid in session.teids():
            holders.setdefault(teid, set()).add(whole)
        for part in groups.parts(session):
            addresses.setdefault(part, []).extend(own)
            tunnels.setdefault(part, set()).update(teids)
    single = {teid for teid, names in holders.items() if len(names) == 1}
    found: dict[str, list[Match]] = {}
    for name, qfis in sorted(addresses, key=lambda part: groups.order(part[0])):
        carried: Match = {"qfi": sorted(qfis)} if qfis else {}
        if networks := addresses[name, qfis]:
            found.setdefault(name, []).append({"ue": [str(network) for network in _joined(networks)], **carried})
        if teids := tunnels[name, qfis] & single:
            found.setdefault(name, []).append({"teid": sorted(teids), **carried})
    return found


def render(found: dict[str, list[Match]]) -> str:
    """The text of the file: YAML, one line for each match."""
    if not found:
        return f"{_HEAD}flows: {{}}\n"
    lines = []
    for name, matches in found.items():
        lines.append(f"  {json.dumps(name)}:")
        lines.extend(f"    - {json.dumps(match)}" for match in matches)
    return f"{_HEAD}flows:\n" + "\n".join(lines) + "\n"


def _network(address: bytes, bits: int) -> Network:
    if len(address) == 4:
        return ipaddress.IPv4Network((address, bits), strict=False)
    return ipaddress.IPv6Network((address, bits), strict=False)


def _joined(networks: Iterable[Network]) -> Iterable[Network]:
    """Sorted, neighbours joined: users' addresses come from a few pools."""
    four = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    six = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    yield from ipaddress.collapse_addresses(four)
    yield from ipaddress.collapse_addresses(six)


def _replace(path: Path, text: str) -> None:
    """Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
