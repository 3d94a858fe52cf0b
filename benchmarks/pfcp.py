# SPDX-License-Identifier: Apache-2.0
"""Messages per second of the PFCP decoder and its sessions, beside a floor of the same run.

    python -m benchmarks.pfcp

The floor splits each message into its header and its elements, and does nothing with them: no decoder in Python can be
faster. Absolute numbers are those of the machine; the ratio compares.
"""

import struct
import time
import tracemalloc
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from tabulate import tabulate

from joulepath.pfcp.sessions.tracker import Datagram, Tracker
from joulepath.pfcp.settings import Group, Match, Settings
from joulepath_lab.devices import pfcp as lab

SMF, UPF = ip_address("192.0.2.9").packed, ip_address("192.0.2.1").packed
SESSIONS, REPORTS, ROUNDS = 2000, 10, 3
GROUPS = tuple(Group(f"group-{number}", (Match(dnn=(f"dnn{number}",)),)) for number in range(20))


def down(octets: bytes) -> Datagram:
    """From the SMF."""
    return Datagram(SMF, lab.PORT, UPF, lab.PORT, octets)


def up(octets: bytes) -> Datagram:
    """From the UPF."""
    return Datagram(UPF, lab.PORT, SMF, lab.PORT, octets)


def establishments(first: int = 0) -> list[Datagram]:
    """Requests and their responses: two PDRs, one URR, a FAR, DNN, S-NSSAI and an identity in each."""
    found = []
    for seid in range(1 + first, SESSIONS + 1 + first):
        ue = str(ip_address(0x0A000000 + seid))
        rules = (
            lab.Rule(1, lab.ACCESS, (1,), ue, seid, 9, "internet"),
            lab.Rule(2, lab.CORE, (1,), ue, None, 9, "internet"),
        )
        asked = [
            lab.node("192.0.2.9"), lab.seid(seid, "192.0.2.9"), *map(lab.pdr, rules), lab.urr(1),
            lab.far(1, seid, "192.0.2.3"), lab.dnn(f"dnn{seid % 25}"), lab.s_nssai(1, 0x010203),
            lab.imsi("001010123456789"),
        ]  # fmt: skip
        found.append(down(lab.message(lab.ESTABLISH, seid, *asked, seid=0)))
        answered = [lab.node("192.0.2.1"), lab.cause(), lab.seid(seid, "192.0.2.1")]
        found.append(up(lab.message(lab.ESTABLISH + 1, seid, *answered, seid=seid)))
    return found


def reports() -> list[Datagram]:
    """Session Report Requests and their responses."""
    found = []
    for number in range(REPORTS):
        for seid in range(1, SESSIONS + 1):
            sequence = SESSIONS * (number + 1) + seid
            usage = lab.usage(80, lab.Usage(1, number, 1000, 2000, (3, 4), start=100, end=110))
            found.append(up(lab.message(lab.REPORT, sequence, usage, seid=seid)))
            found.append(down(lab.message(lab.REPORT + 1, sequence, lab.cause(), seid=seid)))
    return found


def floor(datagrams: Sequence[Datagram]) -> int:
    """Splits messages into elements. Returns how many there were."""
    head, elements = struct.Struct(">HH"), 0
    for datagram in datagrams:
        octets = datagram.octets
        position, end = 16, len(octets)
        while position + 4 <= end:
            _, length = head.unpack_from(octets, position)
            position += 4 + length
            elements += 1
    return elements


def best(run: Callable[[], object]) -> float:
    """The least processor time of some runs [s]: other programs of the machine do not count."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return min(times)


def feed(datagrams: Sequence[Datagram], tracker: Tracker | None = None) -> Tracker:
    """Gives all to a tracker."""
    tracker = tracker or Tracker(Settings(groups=GROUPS))
    for datagram in datagrams:
        tracker.feed(datagram, 0.0)
    return tracker


def main() -> None:
    """Prints the table."""
    begun, reported = establishments(), reports()
    rows = []
    for name, datagrams in (
        ("a day: establishments and reports", begun + reported),
        ("establishments alone", begun),
        ("the same once more: retransmissions", begun + begun[::2] * 5),
        ("damaged", [datagram._replace(octets=datagram.octets[:-3]) for datagram in reported]),
    ):
        seconds, least = best(lambda: feed(datagrams)), best(lambda: floor(datagrams))  # noqa: B023  # run at once
        rows.append((name, len(datagrams), len(datagrams) / seconds, seconds / least))
    print(tabulate(rows, ("messages", "count", "per second", "times the floor"), floatfmt=",.1f"))
    tracemalloc.start()
    tracker = feed(begun)
    print(f"memory of a session: {tracemalloc.get_traced_memory()[0] / len(tracker.sessions) / 1024:.1f} KiB")


if __name__ == "__main__":
    main()
