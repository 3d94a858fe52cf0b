# SPDX-License-Identifier: Apache-2.0
"""One BMC over Redfish: its tree is surveyed seldom, a poll asks for the few resources that it needs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar, Unpack

from joulepath.bmc.choice import PATIENCE, Choice
from joulepath.bmc.meters import Meters
from joulepath.bmc.reading import BmcReading, Box, Component, Part
from joulepath.bmc.redfish_client import ResourceFaultError
from joulepath.bmc.redfish_items import Item, Quantity, RejectedError, Resource, value
from joulepath.bmc.redfish_levels import within
from joulepath.bmc.redfish_reports import Reader
from joulepath.bmc.redfish_survey import Layout, survey
from joulepath.bmc.redfish_tree import Tree
from joulepath.bmc.source import BmcSource, Common
from joulepath.errors import JoulepathError
from joulepath.pdu.register import Registers

SURVEY_SECONDS = 3600.0
"""The tree is read again after so long."""
RESURVEY_SECONDS = 60.0
"""It is read again no sooner than that where resources have gone: another model may be at the address."""
POLL_SECONDS = 300.0
"""A poll that takes longer is given up; slow BMCs take 30 s for each answer."""
INCOMPLETE_SECONDS = 600.0
"""It is read again after so long where a part of it could not be read."""
FIRST_SECONDS = 1800.0
"""The same for a survey."""

NOT_COUNTED = {"missing", "null", "absent"}
"""Reasons that no reading was offered, so that none was rejected; null is how a server that is off answers."""

T = TypeVar("T")


class Client(Protocol):
    """What a BMC's Redfish is asked through."""

    async def get(self, uri: str) -> Resource:
        """The resource at `uri`. Raises RedfishFaultError, ResourceFaultError where only this one is at fault."""

    async def close(self) -> None:
        """Ends the session."""


class RedfishSource(BmcSource):
    """One BMC over Redfish."""

    collector = "redfish"

    def __init__(
        self, name: str, client: Client, *, registers: Registers | None = None, **common: Unpack[Common]
    ) -> None:
        """`registers` is shared by sources of one name: their counters go on when the configuration changes."""
        super().__init__(name, **common)
        self._client = client
        self._layout: Layout | None = None
        self._surveyed: float | None = None
        self._choices: dict[str, Choice] = {}
        self._silent = 0
        self._reports = Reader()
        self._meters = Meters(registers)

    async def _polled(self) -> BmcReading:
        try:
            layout = await _within(FIRST_SECONDS, self._prepared())
            return await _within(POLL_SECONDS, self._read(layout))
        except JoulepathError:
            self._meters.missed()
            raise

    async def close(self) -> None:
        """Ends the session in the BMC."""
        await self._client.close()

    async def _prepared(self) -> Layout:
        age = None if self._surveyed is None else self._clock() - self._surveyed
        lasts = SURVEY_SECONDS if self._layout is None or self._layout.complete else INCOMPLETE_SECONDS
        doubted = self._silent >= PATIENCE or self._meters.doubtful
        changed = doubted and age is not None and age >= RESURVEY_SECONDS
        if self._layout is None or age is None or age >= lasts or changed:
            found = await survey(self._client.get, self._vendors)
            if self._layout is not None and not changed and not found.complete:
                found = replace(self._layout, complete=False)  # what was found before is there still
            self._layout, self._surveyed, self._silent = found, self._clock(), 0
            self._reports.begin()
            self._meters.identified()
            self._choices = {name: self._choices.get(name, Choice()) for name in found.boxes}
        return self._layout

    async def _read(self, layout: Layout) -> BmcReading:
        items = [item for item in layout.items if self._asked(item)]
        rejected: Counter[str] = Counter()
        told = await self._reports.read(Tree(self._client.get), items, layout.reports, self._clock(), rejected)
        resources = await self._resources({item.uri for item in items if item not in told})
        values = _values(items, told, resources, rejected)
        power: dict[Box, float] = {}
        sources: dict[Box, str] = {}
        for name, box in layout.boxes.items():
            candidates = {source: watts for (_, source), watts in _parts(values, "power", name).items()}
            inputs = {part: watts for (part, _), watts in _parts(values, "psu_input", name).items()}
            feeds = layout.supplies.get(name)
            if feeds and feeds <= inputs.keys():
                candidates["psu_input"] = sum(inputs[part] for part in feeds)
            chosen = self._choices[name].choose(candidates)
            if chosen is not None:
                power[box], sources[box] = candidates[chosen], chosen
        whole = {box.name: watts for box, watts in power.items()}
        subsystems = within(whole, {**_by_part(values, "subsystem"), **_fed(values, layout.feeds)}, rejected)
        components = within(whole, _components(values, "component"), rejected)
        at = self._clock()
        registers = {
            box: next(iter(_parts(values, "meter_energy", name).values()), None) for name, box in layout.boxes.items()
        }
        reading = BmcReading(
            collector=self.collector,
            power=power,
            sources=sources,
            meter_energy=self._meters.counted(
                "box",
                {box: joules for box, joules in registers.items() if joules is not None},
                lambda box: layout.serials.get(Part(box.name, box.name), ""),
                at,
            ),
            psu_input=_by_part(values, "psu_input"),
            psu_output=_by_part(values, "psu_output"),
            subsystems=subsystems,
            subsystem_energy=self._meters.counted(
                "subsystem",
                _by_part(values, "subsystem_energy"),
                lambda part: layout.serials.get(part, ""),
                at,
            ),
            components=components,
            component_energy=self._meters.counted(
                "component",
                _components(values, "component_energy"),
                lambda one: layout.serials.get(Part(one.chassis, one.name), ""),
                at,
            ),
            rejected=rejected,
        )
        measures = any((power, reading.meter_energy, reading.psu_input, reading.psu_output, reading.subsystems))
        measures = measures or bool(reading.subsystem_energy)
        self._silent = 0 if measures and len(power) == self._expected(layout) else self._silent + 1
        if not measures:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no values"
            advice = (
                "read its PowerEquipment with joulepath pdu"
                if layout.equipment
                else "does this model have a meter, is it on?"
            )
            raise JoulepathError(f"answers but measures no power ({reasons}): {advice}")
        return reading

    def _expected(self, layout: Layout) -> int:
        """How many boxes have had a source so far."""
        return sum(self._choices[name].current is not None for name in layout.boxes)

    def _asked(self, item: Item) -> bool:
        """Whether this poll reads the item: of the sources of a chassis' power only the current one while it works."""
        choice = self._choices[item.chassis]
        return item.quantity != "power" or choice.failing or item.source == choice.current

    async def _resources(self, uris: Iterable[str]) -> Mapping[str, Resource]:
        async def read(uri: str) -> tuple[str, Resource | None]:
            try:
                return uri, await self._client.get(uri)
            except ResourceFaultError:
                return uri, None

        found = await asyncio.gather(*(read(uri) for uri in sorted(uris)))
        return {uri: resource for uri, resource in found if resource is not None}


_Key = tuple[Quantity, str, str, str]
"""Quantity, chassis, part, and the source of a chassis' power, a component's subsystem, or a subsystem's feed."""


def _values(
    items: Iterable[Item],
    told: Mapping[Item, float | None],
    resources: Mapping[str, Resource],
    rejected: Counter[str],
) -> Mapping[_Key, float]:
    """What was measured; where several items are the same thing, the first that is."""
    values: dict[_Key, float] = {}
    for item in items:
        key = (item.quantity, item.chassis, item.part, item.source if item.quantity == "power" else item.within)
        if key in values:
            continue
        if item in told:
            number = told[item]
            if number is not None:
                values[key] = number
            continue
        if item.uri not in resources:
            rejected["unreadable"] += 1
            continue
        try:
            values[key] = value(item, resources[item.uri])
        except RejectedError as reason:
            if str(reason) not in NOT_COUNTED:
                rejected[str(reason)] += 1
    return _without_repeats(_without_hollow_inputs(values, rejected), rejected)


def _without_hollow_inputs(values: dict[_Key, float], rejected: Counter[str]) -> dict[_Key, float]:
    """Without inputs of supplies that are less than half of their outputs: 0 W where only the output is metered."""
    hollow = {
        key
        for key, watts in values.items()
        if key[0] == "psu_input" and watts < values.get(("psu_output", *key[1:]), 0) / 2
    }
    rejected.update("below_output" for _ in hollow)
    return {key: watts for key, watts in values.items() if key not in hollow}


def _without_repeats(values: dict[_Key, float], rejected: Counter[str]) -> Mapping[_Key, float]:
    """Without outputs of supplies that only repeat the chassis' total, each of them (HPE Apollo: four times 894 W)."""
    for chassis in {key[1] for key in values}:
        outputs = {key: watts for key, watts in values.items() if key[:2] == ("psu_output", chassis)}
        total = values.get(("power", chassis, "", "power_control"))
        if len(outputs) > 1 and total and set(outputs.values()) == {total}:
            rejected["repeats_total"] += len(outputs)
            for key in outputs:
                del values[key]
    return values


def _parts(values: Mapping[_Key, float], quantity: Quantity, chassis: str) -> Mapping[tuple[str, str], float]:
    """One quantity of one chassis by part and source."""
    return {key[2:]: number for key, number in values.items() if key[:2] == (quantity, chassis)}


def _by_part(values: Mapping[_Key, float], quantity: Quantity) -> Mapping[Part, float]:
    return {Part(key[1], key[2]): number for key, number in values.items() if key[0] == quantity}


def _fed(values: Mapping[_Key, float], feeds: Mapping[Part, frozenset[str]]) -> dict[Part, float]:
    """Subsystems whose power is that of their feeds; none where one of these is not known."""
    found: dict[Part, float] = {}
    for part, names in feeds.items():
        watts = {name: values.get(("subsystem_feed", *part, name)) for name in names}
        if None not in watts.values():
            found[part] = sum(one for one in watts.values() if one is not None)
    return found


def _components(values: Mapping[_Key, float], quantity: Quantity) -> dict[Component, float]:
    """The devices inside subsystems."""
    return {Component(key[1], key[3], key[2]): number for key, number in values.items() if key[0] == quantity}


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """`work`, given up after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise JoulepathError(f"took longer than {seconds:g} s") from None
