# SPDX-License-Identifier: Apache-2.0
"""The objects of an APC rack PDU with metered outlets (PowerNet-MIB, rPDU2), after outlets that follow any law."""

import time
from collections.abc import Callable, Mapping

from pysnmp.proto import rfc1902

from joulepath_lab.devices.snmp_agent import Value

SYSTEM = "1.3.6.1.2.1.1"
RPDU2 = "1.3.6.1.4.1.318.1.1.26"
SYS_OBJECT_ID = "1.3.6.1.4.1.318.1.3.4.6"

JOULES_PER_REGISTER_STEP = 360_000.0  # 0.1 kWh

Outlets = Callable[[], Mapping[int, tuple[str, float]]]
"""Outlet number -> (name, watts now)."""


def rpdu2_objects(
    outlets: Outlets,
    *,
    name: str = "pdu",
    serial: str = "LAB000000001",
    volts: float = 230.0,
    clock: Callable[[], float] = time.monotonic,
    joules: Callable[[int], float] = lambda _outlet: 0.0,
) -> dict[str, Callable[[], Value | None]]:
    """Objects for `snmp_agent.Agent`. The set of outlets is read once; their names and watts at every request.

    As the device does: outlets in whole watts and 0.1 A, the device and its one phase in steps of 10 W, registers
    in steps of 0.1 kWh; `joules(outlet)` is what an outlet's register stands at. The power factor is 1.
    """
    began = clock()
    numbers = sorted(outlets())

    def watts(number: int) -> float:
        return outlets()[number][1]

    def total() -> float:
        return sum(watts for _, watts in outlets().values())

    def register(of: Callable[[], float]) -> Callable[[], Value | None]:
        return lambda: rfc1902.Gauge32(int(of() / JOULES_PER_REGISTER_STEP))

    def fixed(value: Value) -> Callable[[], Value | None]:
        return lambda: value

    def outlet(number: int) -> dict[str, Callable[[], Value | None]]:
        """One row of rPDU2OutletMeteredStatusTable."""
        return {
            f"{RPDU2}.9.4.3.1.1.{number}": fixed(number),
            f"{RPDU2}.9.4.3.1.2.{number}": fixed(1),
            f"{RPDU2}.9.4.3.1.3.{number}": lambda: outlets()[number][0],
            f"{RPDU2}.9.4.3.1.4.{number}": fixed(number),
            f"{RPDU2}.9.4.3.1.6.{number}": lambda: round(watts(number) / volts * 10),
            f"{RPDU2}.9.4.3.1.7.{number}": lambda: round(watts(number)),
            f"{RPDU2}.9.4.3.1.11.{number}": register(lambda: joules(number)),
        }

    objects: dict[str, Callable[[], Value | None]] = {
        f"{SYSTEM}.1.0": fixed("APC Web/SNMP Management Card (laboratory)"),
        f"{SYSTEM}.2.0": fixed(rfc1902.ObjectIdentifier(SYS_OBJECT_ID)),
        f"{SYSTEM}.3.0": lambda: rfc1902.TimeTicks(int((clock() - began) * 100) % 2**32),
        f"{SYSTEM}.5.0": fixed(name),
        # rPDU2IdentTable
        f"{RPDU2}.2.1.3.1": fixed(name),
        f"{RPDU2}.2.1.6.1": fixed("6.8.2"),
        f"{RPDU2}.2.1.8.1": fixed("AP8653"),
        f"{RPDU2}.2.1.9.1": fixed(serial),
        # rPDU2DeviceStatusTable
        f"{RPDU2}.4.3.1.1.1": fixed(1),
        f"{RPDU2}.4.3.1.2.1": fixed(1),
        f"{RPDU2}.4.3.1.3.1": fixed(name),
        f"{RPDU2}.4.3.1.5.1": lambda: round(total() / 10),
        f"{RPDU2}.4.3.1.9.1": register(lambda: sum(joules(number) for number in numbers)),
        f"{RPDU2}.4.3.1.16.1": lambda: round(total() / 10),
        f"{RPDU2}.4.3.1.17.1": fixed(100),
        # rPDU2PhaseStatusTable
        f"{RPDU2}.6.3.1.1.1": fixed(1),
        f"{RPDU2}.6.3.1.2.1": fixed(1),
        f"{RPDU2}.6.3.1.3.1": fixed(1),
        f"{RPDU2}.6.3.1.5.1": lambda: round(total() / volts * 10),
        f"{RPDU2}.6.3.1.6.1": fixed(round(volts)),
        f"{RPDU2}.6.3.1.7.1": lambda: round(total() / 10),
        f"{RPDU2}.6.3.1.8.1": lambda: round(total() / 10),
        f"{RPDU2}.6.3.1.9.1": fixed(100),
    }
    for number in numbers:
        objects |= outlet(number)
    return objects
