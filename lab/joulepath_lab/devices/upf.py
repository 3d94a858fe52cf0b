# SPDX-License-Identifier: Apache-2.0
"""The user plane functions of scenario `core`, in one relay: sessions by PFCP, Open5GS' volumes, reports of usage.

`python -m joulepath_lab.devices.upf --scenario core`. Packets of a session pass once the SMF has established it. One of
the functions exports what an Open5GS UPF does; another one reports usage to the SMF, and is silent otherwise.
"""

import argparse
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from joulepath_lab.devices import open5gs, pfcp
from joulepath_lab.devices.open5gs import Volume
from joulepath_lab.devices.relay import relay
from joulepath_lab.network import nodes
from joulepath_lab.scenarios import core, scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.sessions import Session

NODE = "upf"
_LIE = 3
_FIRST_SEID = 0x100


@dataclass
class Counts:
    """Packets and octets of a session, uplink and downlink."""

    packets: list[int] = field(default_factory=lambda: [0, 0])
    octets: list[int] = field(default_factory=lambda: [0, 0])


class UserPlane:
    """Lets packets of established sessions pass, and counts them."""

    def __init__(self, sessions: tuple[Session, ...]) -> None:
        self._established: set[int] = set()
        self.counts = {session.number: Counts() for session in sessions}

    def establish(self, uplink_teid: int) -> None:
        """From now on the session of this tunnel passes."""
        self._established.add(uplink_teid)

    def admit(self, session: Session, packet: bytes, uplink: bool) -> bool:
        """Counts a packet that passes; see `relay.Admit`."""
        if session.uplink_teid not in self._established:
            return False
        counts = self.counts[session.number]
        counts.packets[not uplink] += 1
        counts.octets[not uplink] += len(packet)
        return True


def volumes(plane: UserPlane, sessions: tuple[Session, ...], *, lie: bool) -> Iterator[Volume]:
    """What the function counts that is anchor of these sessions; the first is an application's."""
    for place, session in enumerate(sessions):
        counts = plane.counts[session.number]
        factor = _LIE if lie and place == 0 else 1
        for way, uplink in enumerate((True, False)):
            yield session.qfi, uplink, counts.packets[way], round(counts.octets[way] * factor)


class Reporter:
    """Reports what a session used since the last report."""

    def __init__(
        self,
        counts: Counts,
        smf: tuple[str, int],
        seid: int,
        *,
        lie: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`seid` is the SMF's."""
        self._counts, self.smf, self._seid, self._clock = counts, smf, seid, clock
        self._factor = _LIE if lie else 1
        self._since, self._number = clock(), 0
        self._reported = [(0, 0), (0, 0)]

    def report(self, sequence: int) -> bytes:
        """The next one."""
        now = self._clock()
        whole = list(zip(self._counts.octets, self._counts.packets, strict=True))
        up, down = (
            (round((octets - before) * self._factor), packets - packets_before)
            for (octets, packets), (before, packets_before) in zip(whole, self._reported, strict=True)
        )
        usage = pfcp.Usage(self._number, up, down, self._since, now)
        self._since, self._reported = now, whole
        self._number += 1
        return pfcp.usage_report(sequence, usage, self._seid)


class Agent:
    """The user plane's end of N4. Its SEIDs follow from the order of the sessions."""

    def __init__(self, scene: Scenario, plane: UserPlane, own: str, *, lie: bool) -> None:
        self._plane, self._own, self._lie = plane, own, lie
        self._sessions = {session.uplink_teid: session for session in scene.sessions}
        self._started = time.time()
        self._sequence = 0
        self._reporters: dict[int, Reporter] = {}

    def run(self) -> None:
        """Answers requests, and reports at the end of each period."""
        n4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        n4.bind((self._own, pfcp.PORT))
        due = time.monotonic()
        while True:
            n4.settimeout(max(due - time.monotonic(), 0.001))
            try:
                octets, smf = n4.recvfrom(2048)
                if reply := self.reply(pfcp.parse(octets), smf):
                    n4.sendto(reply, smf)
            except TimeoutError:
                due += pfcp.REPORT_SECONDS
                for reporter in self._reporters.values():
                    self._sequence += 1
                    n4.sendto(reporter.report(self._sequence), reporter.smf)

    def reply(self, asked: pfcp.Message, smf: tuple[str, int]) -> bytes | None:
        """The answer to a request; None to what needs none. A request that comes again changes nothing."""
        if asked.kind == pfcp.SETUP:
            return pfcp.answer(asked, pfcp.SETUP_ANSWER, self._own, pfcp.recovery(self._started))
        if asked.kind != pfcp.ESTABLISH:
            return None
        session = self._sessions[pfcp.uplink_teid(asked.elements)]
        theirs = pfcp.seid_in(asked.elements)
        self._plane.establish(session.uplink_teid)
        if session.reported and session.number not in self._reporters:
            lie = self._lie and not self._reporters
            self._reporters[session.number] = Reporter(self._plane.counts[session.number], smf, theirs, lie=lie)
        own = pfcp.f_seid(_FIRST_SEID + session.number, self._own)
        return pfcp.answer(asked, pfcp.ESTABLISH_ANSWER, self._own, own, seid=theirs)


def main() -> None:
    """Relays until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--mutation", choices=core.MUTATIONS)
    args = parser.parse_args()
    scene = scenario.load(args.scenario)
    plane = UserPlane(scene.sessions)
    own = nodes.mgmt_address(NODE)
    agent = Agent(scene, plane, own, lie=core.lies(args.mutation, "pfcp"))
    counting = tuple(session for session in scene.sessions if session.upf == scene.open5gs)
    exported = partial(volumes, plane, counting, lie=core.lies(args.mutation, "qfi"))
    for work in (agent.run, partial(open5gs.serve, own, exported)):
        threading.Thread(target=work, daemon=True).start()
    relay(scene, NODE, plane.admit)


if __name__ == "__main__":
    main()
