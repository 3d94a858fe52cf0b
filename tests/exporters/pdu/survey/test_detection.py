# SPDX-License-Identifier: Apache-2.0
"""A profile that finds nothing gives way to the next; what was tried is told; a named one is never replaced."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pysnmp.proto import rfc1902

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import format_oid, parse_oid
from joulepath.pdu.source import LAYOUT_SECONDS, PduReading, PduSource
from joulepath.pdu.survey.surveyor import REDETECT_SECONDS
from joulepath_lab.devices.apc import RPDU2, SYSTEM, rpdu2_objects
from joulepath_lab.devices.odd_agent import GEN_ERR, Odd, OddAgent
from joulepath_lab.devices.snmp_agent import Agent
from tests.exporters.pdu.conftest import client, read, run

pytestmark = pytest.mark.unit

Objects = dict[str, Callable[[], Any]]

CISCO = "1.3.6.1.4.1.9.1.2494"
SENSORS = "1.3.6.1.4.1.9.9.91.1.1.1.1"  # CISCO-ENTITY-SENSOR-MIB entSensorValueTable
CISCO_PORTS = "1.3.6.1.4.1.9.9.402.1.2.1"  # CISCO-POWER-ETHERNET-EXT-MIB cpeExtPsePortTable
GROUPS = "1.3.6.1.2.1.105.1.3.1.1"  # POWER-ETHERNET-MIB pethMainPseTable
UPS_OUTPUT = "1.3.6.1.2.1.33.1.4.4.1"  # UPS-MIB upsOutputTable


def constant(value: int) -> Callable[[], Any]:
    return lambda: value


def system(sys_object_id: str) -> Objects:
    return {
        f"{SYSTEM}.2.0": lambda: rfc1902.ObjectIdentifier(sys_object_id),
        f"{SYSTEM}.3.0": lambda: rfc1902.TimeTicks(500000),
    }


def sensor(row: int, kind: int, value: int, name: str) -> Objects:
    """Of kind 8 (Celsius), 6 (watts) or 5 (amperes), in units."""
    return {
        f"{SENSORS}.1.{row}": lambda: kind,
        f"{SENSORS}.2.{row}": lambda: 9,
        f"{SENSORS}.3.{row}": lambda: 0,
        f"{SENSORS}.4.{row}": lambda: value,
        f"{SENSORS}.5.{row}": lambda: 1,
        f"1.3.6.1.2.1.47.1.1.1.1.7.{row}": lambda: name,
    }


def ports(watts: Mapping[int, int]) -> Objects:
    return {f"{GROUPS}.4.{group}": constant(value) for group, value in watts.items()}


def test_a_switch_with_temperatures_but_no_watts_is_read_by_its_ports(
    profiles: Mapping[str, Profile], caplog: pytest.LogCaptureFixture
) -> None:
    objects = {
        **system(CISCO),
        **sensor(1006, 8, 41, "Temp: Inlet"),
        **sensor(1007, 8, 52, "Temp: Hot"),
        **ports({1: 370}),
    }
    with Agent(objects) as agent, caplog.at_level(logging.WARNING, logger="joulepath"):
        reading = read(PduSource("sw-1", client(agent.address), profiles))
    assert (reading.profile, reading.values["branch"]["power"]) == ("poe", {"1": 370})
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(
        "sw-1: is read by the profile poe and not by watt-sensors-cisco, which has none of the objects"
    )


def test_a_switch_with_amperes_but_no_watts_is_read_by_its_ports(profiles: Mapping[str, Profile]) -> None:
    """A profile that measures something else gives way to one that measures power."""
    objects = {**system(CISCO), **sensor(1006, 5, 3, "PS1 Curr: output"), **ports({1: 370})}
    with Agent(objects) as agent:
        reading = read(PduSource("sw-1", client(agent.address), profiles))
    assert (reading.profile, reading.values["branch"]["power"]) == ("poe", {"1": 370})


def test_amperes_alone_are_read_where_there_is_nothing_better(profiles: Mapping[str, Profile]) -> None:
    objects = {**system(CISCO), **sensor(1006, 5, 3, "PS1 Curr: output")}
    with Agent(objects) as agent:
        reading = read(PduSource("sw-1", client(agent.address), profiles))
    assert reading.profile == "watt-sensors-cisco"
    assert reading.values["branch"]["current"] == {"1006": 3}


def test_a_profile_without_an_available_value_gives_way(profiles: Mapping[str, Profile]) -> None:
    """Of a PDU without meters that feeds from a UPS with UPS-MIB behind the same agent."""
    objects = {oid: (value if oid.startswith(SYSTEM) else lambda: -1) for oid, value in _numbers(rpdu2()).items()}
    objects |= ups()
    with Agent(objects) as agent:
        reading = read(PduSource("pdu-1", client(agent.address), profiles))
    assert (reading.profile, reading.values["outlet"]["power"]) == ("ups-mib", {"1": 250})


def ups() -> Objects:
    """One output line of 250 W, in UPS-MIB."""
    return {f"{UPS_OUTPUT}.{column}.1": constant(value) for column, value in ((2, 230), (3, 12), (4, 250), (5, 40))}


def rpdu2() -> Objects:
    return dict(rpdu2_objects(lambda: {1: ("robot", 40.0), 2: ("server", 250.0)}))


def where(there: Callable[[], bool]) -> Objects:
    """A PDU of which the vendor's objects exist while `there` says so."""

    def gate(value: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: value() if there() else None

    return {oid: value if oid.startswith(SYSTEM) else gate(value) for oid, value in rpdu2().items()}


def _numbers(objects: Objects) -> Objects:
    """But for the columns that number and name the outlets."""
    return {oid: value for oid, value in objects.items() if oid.startswith(SYSTEM) or not isinstance(value(), str)}


def test_the_profiles_that_were_tried_are_named(profiles: Mapping[str, Profile]) -> None:
    objects = {**system(CISCO), **sensor(1006, 8, 41, "Temp: Inlet"), f"{GROUPS}.4.1": lambda: -1}
    with Agent(objects) as agent, pytest.raises(JoulepathError) as fault:
        read(PduSource("sw-1", client(agent.address), profiles))
    assert str(fault.value) == (
        "sw-1: answers but measures nothing (1 not_available): does this model have a meter? "
        "(tried poe, watt-sensors-cisco)"
    )


def test_profiles_that_find_nothing_at_all_are_named(profiles: Mapping[str, Profile]) -> None:
    objects = {**system(CISCO), **sensor(1006, 8, 41, "Temp: Inlet")}
    objects |= {oid.replace(SENSORS, "1.3.6.1.2.1.99.1.1.1"): value for oid, value in objects.items()}
    with Agent(objects) as agent, pytest.raises(JoulepathError) as fault:
        read(PduSource("sw-1", client(agent.address), profiles))
    why = "has none of the objects of the profile {0}: is that the right one?"
    assert str(fault.value) == "sw-1: has nothing that a profile can read: tried " + "; ".join(
        f"{name} ({why.format(name)})" for name in ("watt-sensors-cisco", "watt-sensors")
    )


def test_a_named_profile_is_never_replaced(profiles: Mapping[str, Profile]) -> None:
    objects = {**system(CISCO), **sensor(1006, 8, 41, "Temp: Inlet"), **ports({1: 370})}
    with (
        Agent(objects) as agent,
        pytest.raises(JoulepathError, match="sw-1: has none of the objects of the profile watt-sensors-cisco"),
    ):
        read(PduSource("sw-1", client(agent.address), profiles, "watt-sensors-cisco"))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def poll_twice(
    agent: Agent, profiles: Mapping[str, Profile], *between: Callable[[Clock], None]
) -> list[PduReading | JoulepathError]:
    async def go() -> list[PduReading | JoulepathError]:
        clock = Clock()
        source = PduSource("pdu-1", client(agent.address), profiles, clock=clock)
        results: list[PduReading | JoulepathError] = []
        for step in (lambda _: None, *between):
            step(clock)
            try:
                results.append(await source.read())
            except JoulepathError as error:
                results.append(error)
        await source.close()
        return results

    return run(go())


def test_a_device_that_measures_nothing_at_its_start_is_found_when_it_does(profiles: Mapping[str, Profile]) -> None:
    """Its own table is empty while it starts; the standard one says that nothing is measured."""
    started = False
    objects = where(lambda: started)
    objects[f"{UPS_OUTPUT}.2.1"] = lambda: 230
    objects[f"{UPS_OUTPUT}.4.1"] = lambda: -1
    objects[f"{UPS_OUTPUT}.5.1"] = lambda: 40

    def start(clock: Clock) -> None:
        nonlocal started
        started = True
        clock.now += 5

    def later(clock: Clock) -> None:
        clock.now += REDETECT_SECONDS

    objects[f"{SYSTEM}.3.0"] = lambda: None
    with Agent(objects) as agent:
        *_, last = poll_twice(agent, profiles, start, later)
    assert isinstance(last, PduReading)
    assert (last.profile, last.values["outlet"]["power"]) == ("apc-rpdu2", {"1": 40, "2": 250})


def test_a_better_profile_that_is_gone_for_a_moment_is_not_replaced(profiles: Mapping[str, Profile]) -> None:
    """The survey is repeated while the device's own tables are empty, and those of a standard are not."""
    empty = False
    objects = where(lambda: not empty)
    objects |= ups()
    objects[f"{SYSTEM}.3.0"] = lambda: None

    def begin(clock: Clock) -> None:
        nonlocal empty
        empty = True
        clock.now += LAYOUT_SECONDS

    def end(clock: Clock) -> None:
        nonlocal empty
        empty = False
        clock.now += 5

    with Agent(objects) as agent:
        first, _, last = poll_twice(agent, profiles, begin, end)
    assert isinstance(first, PduReading)
    assert isinstance(last, PduReading)
    assert (first.profile, last.profile) == ("apc-rpdu2", "apc-rpdu2")
    assert last.values == first.values


def test_a_column_that_is_refused_at_a_later_survey_is_not_forgotten(profiles: Mapping[str, Profile]) -> None:
    objects = dict(rpdu2_objects(lambda: {number: ("", 10.0 * number) for number in range(1, 9)}))
    objects[f"{SYSTEM}.3.0"] = lambda: None
    power = parse_oid(f"{RPDU2}.9.4.3.1.7")
    odd = Odd()

    def refuse(clock: Clock) -> None:
        odd.refuses = {(*power, number): GEN_ERR for number in range(1, 9)}
        clock.now += LAYOUT_SECONDS

    def give(clock: Clock) -> None:
        odd.refuses = {}
        clock.now += 1000

    with OddAgent(objects, odd) as agent:
        first, second, third = poll_twice(agent, profiles, refuse, give)
    assert isinstance(first, PduReading)
    assert isinstance(second, PduReading)
    assert isinstance(third, PduReading)
    assert "power" not in second.values["outlet"]
    assert second.rejected["refused"] == 8
    assert second.values["inlet"] == first.values["inlet"]
    assert third.values["outlet"]["power"] == first.values["outlet"]["power"]


def test_a_fingerprint_is_walked_no_more_than_needed(profiles: Mapping[str, Profile]) -> None:
    """Its rows are those that the survey needs: asked for once, and many at a time."""
    objects = dict(rpdu2_objects(lambda: dict.fromkeys(range(1, 25), ("", 10.0))))
    odd = Odd()
    with OddAgent(objects, odd) as agent:
        read(PduSource("pdu-1", client(agent.address), profiles))
    assert len(odd.requests) < 40
    assert format_oid(parse_oid(RPDU2)) == RPDU2
