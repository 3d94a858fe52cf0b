# SPDX-License-Identifier: Apache-2.0
"""Writes the key `flows_file` of `joulepath ioam`: the sessions of each group, by their addresses or tunnels."""

import ipaddress
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from joulepath.pfcp.flowsbounds import Flow, Kept, keep
from joulepath.pfcp.sessions.groups import Groups
from joulepath.pfcp.sessions.session import Session
from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.settings import FlowsFile, Network
from joulepath.pfcp.wire.content import Ue

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_HEAD = "# Written by joulepath pfcp, which replaces it when sessions come and go.\n"
_KEY = "flows:\n"
_FEWEST_BITS = 32
"""Of a user's prefix. With fewer, as a wrong length gives, one user would have the packets of a whole operator."""
Match = dict[str, Sequence[str | int]]


class Written(NamedTuple):
    """Counts of the writings of the file, and its flows."""

    flows: int = 0
    times: int = 0
    errors: int = 0
    left_out: int = 0


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
        self._why = ""
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
        with self._tracker.lock:  # messages wait meanwhile: no longer than it takes to look at the sessions
            parts = _parts(self._tracker.groups, self._tracker.sessions, by_teid=self.file.match == "teid")
        kept = keep(rendered(_matches(parts)), self.file, len(_HEAD) + len(_KEY))
        self._tell(kept)
        text = joined(kept.flows.values())
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
        self.written = self.written._replace(flows=len(kept.flows), times=self.written.times + 1)

    def _tell(self, kept: Kept) -> None:
        """One line when flows begin to be left out, and when all fit again."""
        self.written = self.written._replace(left_out=len(kept.left_out))
        if kept.why and not self._why:
            logger.error(
                "%s: %d flows are left out, from %s on: with it, joulepath ioam would refuse the file (%s): make "
                "groups larger, or name fewer",
                self.file.path, len(kept.left_out), kept.left_out[0], kept.why,
            )  # fmt: skip
        elif self._why and not kept.why:
            logger.info("%s: all flows fit in it again", self.file.path)
        self._why = kept.why

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            self.look()


def flows(groups: Groups, sessions: Sequence[Session], *, by_teid: bool = False) -> dict[str, list[Match]]:
    """Flows by name in the order of the groups.

    An address belongs to the latest of its sessions. A session without an address has its tunnels, and with `by_teid`
    every one. Tunnels at different nodes may have the same TEID: one that two groups would have is left out.
    """
    return _matches(_parts(groups, sessions, by_teid=by_teid))


class _Part(NamedTuple):
    """The packets of one group, or those of some QFIs in it."""

    name: str
    qfis: frozenset[int]
    users: list[Ue]
    teids: set[int]


def _parts(groups: Groups, sessions: Sequence[Session], *, by_teid: bool) -> list[_Part]:
    """In the order of the groups, what `flows` writes, with each user's address and TEID by itself."""
    owners = {_key(ue): session for session in sessions for ue in session.users() if ue.bits >= _FEWEST_BITS}
    found: dict[tuple[str, frozenset[int]], _Part] = {}
    holders: dict[int, set[str]] = {}
    for session in sessions:
        users = [ue for ue in session.users() if ue.bits >= _FEWEST_BITS]
        own = [] if by_teid else [ue for ue in users if owners[_key(ue)] is session]
        whole = groups.label(session).group
        teids = set() if users and not by_teid else set(session.teids())
        for teid in session.teids():
            holders.setdefault(teid, set()).add(whole)
        for name, qfis in groups.parts(session):
            part = found.setdefault((name, qfis), _Part(name, qfis, [], set()))
            part.users.extend(own)
            part.teids.update(teids)
    single = {teid for teid, names in holders.items() if len(names) == 1}
    for part in found.values():
        part.teids.intersection_update(single)
    return sorted(found.values(), key=lambda part: groups.order(part.name))


def _matches(parts: Iterable[_Part]) -> dict[str, list[Match]]:
    """As the file has them: neighbours are joined."""
    found: dict[str, list[Match]] = {}
    for name, qfis, users, teids in parts:
        carried: Match = {"qfi": sorted(qfis)} if qfis else {}
        if users:
            networks = _joined(_network(ue.address, ue.bits) for ue in users)
            found.setdefault(name, []).append({"ue": [str(network) for network in networks], **carried})
        if teids:
            found.setdefault(name, []).append({"teid": list(_ranges(teids)), **carried})
    return found


def _key(ue: Ue) -> tuple[int, int, int]:
    """Equal for addresses of one prefix."""
    octets = len(ue.address)
    return octets, ue.bits, int.from_bytes(ue.address, "big") >> 8 * octets - ue.bits


def rendered(found: Mapping[str, Sequence[Match]]) -> dict[str, Flow]:
    """Each flow as it stands in the file: YAML, one line for each match."""
    return {
        name: Flow(
            "".join((f"  {json.dumps(name)}:\n", *(f"    - {json.dumps(match)}\n" for match in matches))),
            len(matches),
            sum(len(match.get(key, ())) for match in matches for key in ("ue", "teid")),
        )
        for name, matches in found.items()
    }


def joined(found: Collection[Flow]) -> str:
    """The text of the file."""
    return _HEAD + (_KEY + "".join(flow.text for flow in found) if found else "flows: {}\n")


def _ranges(numbers: Iterable[int]) -> Iterable[int | str]:
    """Sorted, neighbours joined as `5-9`."""
    first = last = -1
    for number in [*sorted(numbers), -1]:
        if number != last + 1 or first < 0:
            if first >= 0:
                yield first if first == last else f"{first}-{last}"
            first = number
        last = number


def _network(address: bytes, bits: int) -> Network:
    if len(address) == 4:
        return ipaddress.IPv4Network((address, bits), strict=False)
    return ipaddress.IPv6Network((address, bits), strict=False)


def _joined(them: Iterable[Network]) -> Iterable[Network]:
    """Sorted, neighbours joined: users' addresses come from a few pools."""
    networks = list(them)
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
