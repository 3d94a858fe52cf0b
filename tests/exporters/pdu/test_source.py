# SPDX-License-Identifier: Apache-2.0
"""A PDU that reboots, is swapped, is linked, lies or is dead: over SNMP, against an agent on loopback."""

from collections.abc import Callable, Mapping
from functools import partial

import pytest
from pysnmp.proto import rfc1902

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import parse_oid
from joulepath.pdu.source import LAYOUT_SECONDS, PduReading, PduSource
from joulepath_lab.devices.apc import RPDU2, SYSTEM, rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent, Value

from .conftest import client, read, run

pytestmark = pytest.mark.unit

Objects = dict[str, Callable[[], Value | None]]
UP_TIME = f"{SYSTEM}.3.0"
OUTLET_NUMBER = f"{RPDU2}.9.4.3.1.4"
OUTLET_NAME = f"{RPDU2}.9.4.3.1.3"
OUTLET_POWER = f"{RPDU2}.9.4.3.1.7"


@pytest.fixture
def objects() -> Objects:
    return rpdu2_objects(lambda: {1: ("robot", 40.0), 2: ("server", 250.0), 3: ("", 0.0)}, serial="A1")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def poll_between(source: PduSource, *between: Callable[[], None]) -> list[PduReading | JoulepathError]:
    """Polls, each but the first after one of `between`, on one loop as the exporter does."""
    results: list[PduReading | JoulepathError] = []
    for step in (lambda: None, *between):
        step()
        try:
            results.append(await source.read())
        except JoulepathError as error:
            results.append(error)
    await source.close()
    return results


def ticks(seconds: float) -> Callable[[], Value | None]:
    return lambda: rfc1902.TimeTicks(int(seconds * 100) % 2**32)


def test_readings_of_every_level_are_published(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    with Agent(objects) as agent:
        reading = read(PduSource("pdu-1", client(agent.address), profiles))
    assert reading.values["outlet"]["power"] == {"1": 40, "2": 250, "3": 0}
    assert reading.values["inlet"]["power"] == {"1": 290}
    assert reading.names == {"1": "robot", "2": "server", "3": ""}
    assert reading.watts[("outlet", "2")] == 250
    assert ("inlet", "1") in reading.watts


def test_apparent_power_is_never_taken_for_power(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    for oid in [oid for oid in objects if oid.startswith((f"{RPDU2}.4.3.1.5.", f"{RPDU2}.6.3.1.7.", OUTLET_POWER))]:
        objects[oid] = lambda: -1
    with Agent(objects) as agent:
        reading = read(PduSource("pdu-1", client(agent.address), profiles))
    assert reading.watts == {}
    assert reading.values["inlet"]["apparent_power"] == {"1": 290}
    assert dict(reading.rejected) == {"not_available": 5}


def test_linked_units_have_rows_of_their_own(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    """The second unit's rows follow the first's in the same tables, with its own numbers."""
    for oid, function in list(objects.items()):
        table, _, row = oid.rpartition(".")
        if oid.startswith((f"{RPDU2}.4.3.1.", f"{RPDU2}.6.3.1.", f"{RPDU2}.9.4.3.1.")):
            other = f"{table}.{int(row) + 3}"
            objects[other] = (lambda: 2) if table.endswith("3.1.2") else function
    objects[f"{RPDU2}.2.1.9.2"] = lambda: "B2"
    with Agent(objects) as agent:
        reading = read(PduSource("pdu-1", client(agent.address), profiles))
    assert list(reading.values["outlet"]["power"]) == ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3"]
    assert list(reading.values["inlet"]["power"]) == ["1", "2"]
    assert list(reading.values["phase"]["power"]) == ["1.1", "2.1"]
    assert [unit.serial for unit in reading.units] == ["A1", "B2"]


def test_two_rows_with_the_same_number_are_refused(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    objects[f"{OUTLET_NUMBER}.2"] = lambda: 1
    with Agent(objects) as agent, pytest.raises(JoulepathError, match="outlet number 1 to 2 rows"):
        read(PduSource("pdu-1", client(agent.address), profiles))


def test_names_are_read_again_only_when_they_expire(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    clock, name = Clock(), "robot"
    objects[f"{OUTLET_NAME}.1"] = lambda: name
    objects[UP_TIME] = lambda: rfc1902.TimeTicks(int(clock.now * 100))
    asked = []

    def later(seconds: float, new: str) -> Callable[[], None]:
        def step() -> None:
            nonlocal name
            clock.now += seconds
            name = new
            asked.append(agent.requests)

        return step

    with Agent(objects) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles, clock=clock)
        results = run(poll_between(source, later(5, "arm"), later(5, "arm"), later(LAYOUT_SECONDS, "arm")))
        asked.append(agent.requests)
    readings = [result for result in results if isinstance(result, PduReading)]
    assert [reading.names["1"] for reading in readings] == ["robot", "robot", "robot", "arm"]
    # The outlets are walked once, all else is fetched with sysUpTime before and after: no more than needed.
    assert asked[2] - asked[1] == 3
    assert asked[3] - asked[2] > 10


@pytest.mark.parametrize("change", ["reboot", "serial"])
def test_a_reboot_or_another_device_makes_it_read_names_anew(
    objects: Objects, profiles: Mapping[str, Profile], change: str
) -> None:
    clock = Clock()
    objects[UP_TIME] = ticks(5000)

    def change_device() -> None:
        clock.now += 5
        agent._objects[parse_oid(f"{OUTLET_NAME}.1")] = lambda: "other"
        if change == "reboot":
            agent._objects[parse_oid(UP_TIME)] = ticks(1)
        else:
            agent._objects[parse_oid(f"{RPDU2}.2.1.9.1")] = lambda: "B2"

    with Agent(objects) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles, clock=clock)
        before, after = run(poll_between(source, change_device))
    assert isinstance(before, PduReading)
    assert isinstance(after, PduReading)
    assert (before.names["1"], after.names["1"]) == ("robot", "other")
    assert after.units[0].serial == ("A1" if change == "reboot" else "B2")


def test_a_device_that_lost_its_serial_number_counts_as_another(
    objects: Objects, profiles: Mapping[str, Profile]
) -> None:
    """A device that lacks all its objects is not another one: it is starting."""
    serial = parse_oid(f"{RPDU2}.2.1.9.1")
    clock = Clock()
    objects[UP_TIME] = ticks(5000)
    kept: dict[tuple[int, ...], Callable[[], Value | None]] = {}

    def all_gone() -> None:
        kept.update(agent._objects)
        agent._objects = {oid: value if oid[:6] != (1, 3, 6, 1, 4, 1) else lambda: None for oid, value in kept.items()}

    def rename_without_number() -> None:
        agent._objects = {**kept, serial: lambda: None, parse_oid(f"{OUTLET_NAME}.1"): lambda: "other"}

    with Agent(objects) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles, clock=clock)
        before, starting, after = run(poll_between(source, all_gone, rename_without_number))
    assert isinstance(before, PduReading)
    assert isinstance(starting, JoulepathError)
    assert str(starting).startswith("pdu-1: answers but measures nothing")
    assert isinstance(after, PduReading)
    assert (after.names["1"], after.units[0].serial) == ("other", "")


@pytest.mark.parametrize("max_repetitions", [1, 3, 100])
def test_a_request_has_at_most_the_stated_size(
    objects: Objects, profiles: Mapping[str, Profile], max_repetitions: int
) -> None:
    """Also where what tells devices apart takes more than one request."""
    objects |= {f"{RPDU2}.2.1.9.{unit}": partial(str, unit) for unit in range(2, 9)}
    with Agent(objects) as agent:
        one = client(agent.address)
        reading = read(PduSource("pdu-1", one, profiles, max_repetitions=max_repetitions))
    assert reading.values["outlet"]["power"] == {"1": 40, "2": 250, "3": 0}


@pytest.mark.parametrize("up_days", [0.1, 300])
def test_a_poll_over_a_reboot_is_rejected_whole(
    objects: Objects, profiles: Mapping[str, Profile], up_days: float
) -> None:
    rebooted = False
    objects[UP_TIME] = lambda: rfc1902.TimeTicks(1 if rebooted else int(up_days * 86400 * 100))

    def power() -> Value:
        nonlocal rebooted
        rebooted = armed
        return 40

    armed = False
    objects[f"{OUTLET_POWER}.1"] = power

    def arm() -> None:
        nonlocal armed
        armed = True

    with Agent(objects) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles)
        first, second, third = run(poll_between(source, arm, lambda: None))
    assert isinstance(first, PduReading)
    assert str(second) == "pdu-1: rebooted during the poll: its readings are discarded, the next poll begins anew"
    assert isinstance(third, PduReading)


def test_the_wrap_of_sys_up_time_is_not_a_reboot(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    answers = iter([2**32 - 100, 2**32 - 50, 10, 60])
    objects[UP_TIME] = lambda: rfc1902.TimeTicks(next(answers))
    with Agent(objects) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles)
        results = run(poll_between(source, lambda: None))
    assert all(isinstance(result, PduReading) for result in results)


def test_a_device_with_minus_one_everywhere_is_one_clear_line(
    objects: Objects, profiles: Mapping[str, Profile]
) -> None:
    columns = {
        quantity.column
        for tables in profiles["apc-rpdu2"].levels.values()
        for table in tables
        for quantity in table.quantities.values()
    }
    for oid in objects:
        if parse_oid(oid)[:-1] in columns:
            objects[oid] = lambda: -1
    with Agent(objects) as agent, pytest.raises(JoulepathError) as fault:
        read(PduSource("pdu-1", client(agent.address), profiles))
    assert fault.value.messages == (
        "pdu-1: answers but measures nothing (18 not_available): does this model have a meter?",
    )


def test_an_unknown_device_is_one_line_that_says_what_to_do(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    objects = {oid: value for oid, value in objects.items() if oid.startswith(SYSTEM)}
    objects[f"{SYSTEM}.2.0"] = lambda: rfc1902.ObjectIdentifier("1.3.6.1.4.1.9999.7")
    with Agent(objects) as agent, pytest.raises(JoulepathError) as fault:
        read(PduSource("pdu-1", client(agent.address), profiles))
    assert fault.value.messages == (
        (
            "pdu-1: is an unknown device (sysObjectID 1.3.6.1.4.1.9999.7): name a profile with `profile:`, "
            "or write one as docs/guides/pdu.md says"
        ),
    )


@pytest.mark.parametrize("sys_object_id", [None, "0.10.43.6.1.4.1", "1.3.6.1.4.1.8072.3.2.10"])
def test_fingerprints_replace_a_missing_or_wrong_sys_object_id(
    objects: Objects, profiles: Mapping[str, Profile], sys_object_id: str | None
) -> None:
    del objects[f"{SYSTEM}.2.0"]
    if sys_object_id is not None:
        objects[f"{SYSTEM}.2.0"] = lambda: rfc1902.ObjectIdentifier(sys_object_id)
    with Agent(objects) as agent:
        reading = read(PduSource("pdu-1", client(agent.address), profiles))
    assert (reading.profile, reading.values["outlet"]["power"]["2"]) == ("apc-rpdu2", 250)


def test_a_named_profile_needs_no_sys_object_id(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    del objects[f"{SYSTEM}.2.0"]
    without_fingerprint = profiles["apc-rpdu2"].model_copy(update={"fingerprint": ()})
    with Agent(objects) as agent:
        with pytest.raises(JoulepathError, match="pdu-1: has no sysObjectID and is unknown"):
            read(PduSource("pdu-1", client(agent.address), {"apc-rpdu2": without_fingerprint}))
        reading = read(PduSource("pdu-1", client(agent.address), profiles, "apc-rpdu2"))
    assert reading.values["outlet"]["power"]["2"] == 250


def test_a_named_profile_that_does_not_fit_is_reported(profiles: Mapping[str, Profile]) -> None:
    with (
        Agent({UP_TIME: ticks(1)}) as agent,
        pytest.raises(JoulepathError, match="pdu-1: has none of the objects of the profile apc-rpdu2"),
    ):
        read(PduSource("pdu-1", client(agent.address), profiles, "apc-rpdu2"))


def test_a_wrong_community_and_a_dead_host_are_one_line_without_the_secret(
    objects: Objects, profiles: Mapping[str, Profile]
) -> None:
    with Agent(objects) as agent, pytest.raises(JoulepathError) as fault:
        read(PduSource("pdu-1", client(agent.address, "s3cret"), profiles))
    (line,) = fault.value.messages
    assert line.startswith("pdu-1: no answer within 1 s: check the address, the network and the community")
    assert "s3cret" not in line


def test_a_row_that_appears_makes_it_read_the_layout_anew(objects: Objects, profiles: Mapping[str, Profile]) -> None:
    added = False
    for column, value in (("1", 4), ("2", 1), ("4", 4), ("7", 77)):
        objects[f"{RPDU2}.9.4.3.1.{column}.4"] = lambda value=value: value if added else None  # type: ignore[misc]

    def add() -> None:
        nonlocal added
        added = True

    with Agent(objects) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles)
        _, second, third = run(poll_between(source, add, lambda: None))
    assert isinstance(second, PduReading)
    assert isinstance(third, PduReading)
    assert "4" not in second.values["outlet"]["power"]
    assert dict(second.rejected) == {"unknown_row": 1}
    assert third.values["outlet"]["power"]["4"] == 77
