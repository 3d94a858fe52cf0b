# SPDX-License-Identifier: Apache-2.0
"""The user plane functions of scenario `core`, in one relay: sessions by PFCP, Open5GS' volumes, reports of usage.

`python -m joulepath_lab.devices.upf --scenario core`. Packets of a session pass once the SMF has established it. One of
the functions exports what an Open5GS UPF does; another one reports usage to the SMF, and is silent otherwise.
"""

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from joulepath_lab.devices import open5gs
from joulepath_lab.devices.n4 import Upf
from joulepath_lab.devices.open5gs import Volume
from joulepath_lab.devices.relay import relay
from joulepath_lab.devices.smf import REPORT_SECONDS
from joulepath_lab.network import nodes
from joulepath_lab.scenarios import core, scenario
from joulepath_lab.scenarios.sessions import Session

NODE = "upf"
_LIE = 3


@dataclass
class Counts:
    """Octets and packets of a session, uplink and downlink."""

    octets: list[int] = field(default_factory=lambda: [0, 0])
    packets: list[int] = field(default_factory=lambda: [0, 0])


class UserPlane:
    """Lets packets of established sessions pass, and counts them."""

    def __init__(self, sessions: Sequence[Session], established: Callable[[Session], bool]) -> None:
        self.counts = {session: Counts() for session in sessions}
        self._established = established

    def admit(self, session: Session, packet: bytes, uplink: bool) -> bool:
        """Counts a packet that passes; see `relay.Admit`."""
        if not self._established(session):
            return False
        counts = self.counts[session]
        counts.octets[not uplink] += len(packet)
        counts.packets[not uplink] += 1
        return True

    def volumes(self, upf: str, *, lie: bool = False) -> Iterator[Volume]:
        """The counts of the function `upf`. A lie is about its first session, an application's."""
        sessions = [session for session in self.counts if session.upf == upf]
        for session in sessions:
            counts = self.counts[session]
            factor = _LIE if lie and session is sessions[0] else 1
            for way, uplink in enumerate((True, False)):
                yield session.qfi, uplink, counts.packets[way], counts.octets[way] * factor


class Reporter:
    """Reports what sessions used since the last report. A lie is about the first one, an application's."""

    def __init__(self, plane: UserPlane, n4: Upf, *, lie: bool = False) -> None:
        self._plane, self._n4 = plane, n4
        self._sessions = [session for session in plane.counts if session.reported]
        self._factor = {session: _LIE if lie and session is self._sessions[0] else 1 for session in self._sessions}
        self._told = {session: Counts() for session in self._sessions}

    def report(self) -> None:
        """All that are established."""
        for session in self._sessions:
            if session.number in self._n4.truth:
                counts = self._plane.counts[session]
                now, told = Counts([*counts.octets], [*counts.packets]), self._told[session]
                (up, down), packets = (
                    [(after - before) * self._factor[session] for after, before in zip(new, old, strict=True)]
                    for new, old in ((now.octets, told.octets), (now.packets, told.packets))
                )
                self._n4.carry(session.number, uplink=up, downlink=down, packets=(packets[0], packets[1]))
                self._told[session] = now
        self._n4.report()

    def run(self) -> None:
        """Reports at the end of each period."""
        while True:
            time.sleep(REPORT_SECONDS)
            self.report()


def main() -> None:
    """Relays until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--mutation", choices=core.MUTATIONS)
    args = parser.parse_args()
    scene = scenario.load(args.scenario)
    counting = scene.core.open5gs if scene.core else ""
    own = nodes.mgmt_address(NODE)
    with Upf(own) as n4:
        plane = UserPlane(scene.sessions, lambda session: session.number in n4.truth)
        reporter = Reporter(plane, n4, lie=core.lies(args.mutation, "pfcp"))
        exported = partial(plane.volumes, counting, lie=core.lies(args.mutation, "qfi"))
        for work in (reporter.run, partial(open5gs.serve, own, exported)):
            threading.Thread(target=work, daemon=True).start()
        relay(scene, NODE, plane.admit)


if __name__ == "__main__":
    main()
