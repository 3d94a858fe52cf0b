# SPDX-License-Identifier: Apache-2.0
"""An SMF and a UPF for tests without a network: each call gives the tracker one message, as a capture would."""

from ipaddress import ip_address

from joulepath.pfcp.sessions.session import Label
from joulepath.pfcp.sessions.tracker import Datagram, Tracker
from joulepath.pfcp.settings import Settings
from joulepath_lab.devices import pfcp as lab

SMF, UPF = "192.0.2.9", "192.0.2.1"
SETTINGS = Settings()
WHOLE = (lab.Rule(1, lab.ACCESS, (1,), "10.45.0.2"), lab.Rule(2, lab.CORE, (1,), "10.45.0.2"))
"""A session with one URR for both directions."""


class N4:
    """Both ends. SEIDs at the SMF are those of the tests, at the UPF 1000 more."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.tracker = Tracker(settings)
        self.sequence = 0
        self.moment = 0.0

    def down(self, octets: bytes) -> None:
        """From the SMF to the UPF."""
        self.tracker.feed(_datagram(SMF, UPF, octets), self.moment)

    def up(self, octets: bytes) -> None:
        """From the UPF to the SMF."""
        self.tracker.feed(_datagram(UPF, SMF, octets), self.moment)

    def ask(self, kind: int, seid: int, asked: list[bytes], answered: list[bytes]) -> None:
        """A request of the SMF and its response."""
        self.sequence += 1
        self.down(lab.message(kind, self.sequence, *asked, seid=seid + 1000 if kind != lab.ESTABLISH else 0))
        self.up(lab.message(kind + 1, self.sequence, *answered, seid=seid))

    def establish(
        self, seid: int, rules: tuple[lab.Rule, ...] = WHOLE, *more: bytes, cause: int = lab.ACCEPTED, period: int = 10
    ) -> None:
        """A session with these rules and their URRs."""
        urrs = sorted({urr for rule in rules for urr in rule.urrs})
        asked = [lab.node(SMF), lab.seid(seid, SMF), *map(lab.pdr, rules), *(lab.urr(urr, period) for urr in urrs)]
        self.ask(lab.ESTABLISH, seid, [*asked, *more], [lab.cause(cause), lab.seid(seid + 1000, UPF)])

    def report(self, seid: int, *usages: lab.Usage) -> None:
        """A Session Report Request with these usages."""
        self.sequence += 1
        self.up(lab.message(lab.REPORT, self.sequence, *(lab.usage(80, usage) for usage in usages), seid=seid))

    @property
    def usage(self) -> dict[tuple[str, str, str, str], int]:
        """Bytes that are not 0 by group, DNN, slice and direction."""
        return {
            (label.group, label.dnn, label.s_nssai, direction): octets
            for (label, direction), octets in self.tracker.counts.octets.items()
            if octets
        }

    @property
    def total(self) -> int:
        """Bytes of all groups and directions."""
        return sum(self.usage.values())

    @property
    def sessions(self) -> dict[str, int]:
        """Sessions by group."""
        sums: dict[str, int] = {}
        label: Label
        for label, number in self.tracker.counts.sessions.items():
            sums[label.group] = sums.get(label.group, 0) + number
        return {group: number for group, number in sums.items() if number}

    def event(self, name: str) -> int:
        """How often something happened."""
        return self.tracker.counts.events[name]


def _datagram(source: str, target: str, octets: bytes) -> Datagram:
    return Datagram(ip_address(source).packed, lab.PORT, ip_address(target).packed, lab.PORT, octets)
