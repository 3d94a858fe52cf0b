# SPDX-License-Identifier: Apache-2.0
"""Where the programs run: on interfaces that come and go, and before the programs of others."""

import errno
import logging
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from joulepath.bpf import tc
from joulepath.bpf.libbpf import BpfError
from joulepath.errors import JoulepathError
from joulepath.ioam.wire.link import DEVICES, ETHERNET
from joulepath.tag import netlink
from joulepath.tag.program import Program

logger = logging.getLogger(__name__)

LOOPBACK = "lo"
"""Messages of the host's own tunnels come in here."""
_GONE = (errno.ENODEV, errno.ENOENT)
_MOST_SECONDS = 3600.0
"""A program that goes before ours again and again is followed ever more seldom, down to this often."""
_MOST_STEPS = 64
"""The longest list that the kernel keeps (BPF_MPROG_MAX): `advance` goes before one program."""


@dataclass
class _Interface:
    """An interface with our programs: one that learns, then one that tags."""

    index: int
    learns: int = -1
    """The program's descriptor, -1 where it is not attached."""
    tags: int = -1
    hooks: list[tc.ProgramLink] = field(default_factory=list)
    moves: int = 0
    moved: float = 0.0


class Hooks:
    """The attached programs. `say` logs a text under a key, once; None where all is well."""

    def __init__(
        self,
        program: Program,
        say: Callable[[str, str | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._program, self._say, self._clock = program, say, clock
        self._interfaces: dict[str, _Interface] = {}
        self._loopback: _Interface | None = None

    @property
    def indices(self) -> dict[str, int]:
        """The interfaces that are tagged at."""
        return {name: one.index for name, one in self._interfaces.items()}

    @property
    def kinds(self) -> dict[str, str]:
        """By interface, how the tagging is attached: `tcx` or `clsact`."""
        return {name: one.hooks[-1].kind for name, one in self._interfaces.items()}

    def start(self) -> None:
        """Begins to learn from messages of this host's own. Raises BpfError."""
        learning = self._program.learning(ethernet=True)
        self._loopback = _attached(_Interface(socket.if_nametoindex(LOOPBACK), learns=learning))

    def sync(self, found: Mapping[str, netlink.InterfaceLink], wanted: Collection[str]) -> None:
        """Tags at the interfaces `found`, and no others any more. Raises BpfError, JoulepathError."""
        for name, one in list(self._interfaces.items()):
            link = found.get(name)
            if link is None or link.index != one.index:
                self._detach(name)
                if name in wanted:
                    self._say(name, f"{name}: has gone; tagging goes on when it is back")
        for name, link in found.items():
            if name in self._interfaces:
                continue
            ethernet = DEVICES[checked(name, link).kind] is ETHERNET
            learns = self._program.learning(ethernet=ethernet) if name != LOOPBACK else -1
            try:
                self._interfaces[name] = _attached(_Interface(link.index, learns, self._program.fd(ethernet=ethernet)))
            except BpfError as fault:
                if fault.number in _GONE:
                    continue  # went in between
                raise
            self._say(name, None)

    def lead(self) -> None:
        """Goes before programs of others that have come: they may end the list, and packets would pass untagged."""
        loopback = [(LOOPBACK, self._loopback)] if self._loopback is not None else []
        for name, one in [*self._interfaces.items(), *loopback]:
            try:
                self._lead(name, one)
            except BpfError as fault:
                if fault.number not in _GONE:  # then a change of interfaces follows
                    self._say(f"programs on {name}", f"{name}: packets may pass untagged: {fault}")
            else:
                self._say(f"programs on {name}", None)

    def close(self) -> None:
        """Detaches all programs."""
        for name in list(self._interfaces):
            self._detach(name)
        if self._loopback is not None:
            _close(self._loopback)
            self._loopback = None

    def _lead(self, name: str, one: _Interface) -> None:
        ahead = [hook.ahead() for hook in one.hooks]
        if min(ahead) < 0:
            logger.warning("%s: someone detached the tagging; it is attached again", name)
            _close(one)
            _attached(one)
        elif max(ahead) > 0 and self._clock() - one.moved >= min(2.0**one.moves, _MOST_SECONDS):
            one.moves, one.moved = one.moves + 1, self._clock()
            for hook in one.hooks:
                steps = 0
                while hook.ahead() > 0 and steps < _MOST_STEPS:
                    hook.advance()
                    steps += 1
            logger.warning("%s: another program came to run before the tagging; now the tagging runs first", name)

    def _detach(self, name: str) -> None:
        _close(self._interfaces.pop(name))


def _attached(one: _Interface) -> _Interface:
    """Attaches its programs, all or none."""
    try:
        if one.learns >= 0:
            one.hooks.append(tc.attach(one.learns, one.index, "received", tc.LEARNING))
        if one.tags >= 0:
            one.hooks.append(tc.attach(one.tags, one.index, "sent", tc.TAGGING))
    except BaseException:
        _close(one)
        raise
    return one


def _close(one: _Interface) -> None:
    while one.hooks:
        one.hooks.pop().close()


def clear(kept: Collection[str]) -> None:
    """Detaches the programs that a killed tagger left on interfaces other than these; there it is replaced."""
    for index, name in socket.if_nameindex():
        if name not in kept:
            tc.clear(index, "sent", tc.TAGGING)
            tc.clear(index, "received", tc.LEARNING)


def checked(name: str, link: netlink.InterfaceLink | None) -> netlink.InterfaceLink:
    """Raises JoulepathError where packets of an interface cannot be tagged."""
    if link is None:
        raise JoulepathError(f"{name}: no such interface; `ip link` lists them")
    if link.kind not in DEVICES:
        raise JoulepathError(f"{name}: link type {link.kind} is not known; only Ethernet and IP are")
    return link
