# SPDX-License-Identifier: Apache-2.0
"""Reads one BMC over Redfish: surveys its tree seldom, and reads only the few resources with power at each poll."""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TypeVar, Unpack

from joulepath.bmc.choice.best import MEANS
from joulepath.bmc.choice.boxes import LOST_POLLS, Boxes
from joulepath.bmc.choice.contradictions import Contradictions
from joulepath.bmc.choice.supplies import Inputs, contradiction
from joulepath.bmc.quantity import BmcQuantity
from joulepath.bmc.reading import BmcReading, Box, ChassisPart, Row
from joulepath.bmc.redfish.levels import inside, within
from joulepath.bmc.redfish.meters import Meters, rows_of
from joulepath.bmc.redfish.poll import PollValues
from joulepath.bmc.redfish.service.client import RedfishNoAnswerError, ResourceBusyError, ResourceFaultError
from joulepath.bmc.redfish.service.items import Resource
from joulepath.bmc.redfish.service.tree import RedfishConnection, Tree
from joulepath.bmc.redfish.survey.chassis import SUPPLIES
from joulepath.bmc.redfish.survey.layout import BmcLayout, survey
from joulepath.bmc.redfish.survey.layouts import Layouts
from joulepath.bmc.redfish.survey.reports import ReportReader
from joulepath.bmc.source import BmcSource, Common
from joulepath.errors import JoulepathError
from joulepath.reading.register import Registers

logger = logging.getLogger(__name__)

POLL_SECONDS = 300.0
"""A poll that takes longer is given up; slow BMCs take 30 s for each answer."""
FIRST_SECONDS = 1800.0
"""A survey that takes longer is given up."""
HANGING_SECONDS = 60.0, 600.0
"""The shortest and longest wait before a resource that did not answer is asked again: it holds up the others."""


T = TypeVar("T")


class RedfishSource(BmcSource):
    """One BMC over Redfish."""

    collector = "redfish"

    def __init__(
        self, name: str, client: RedfishConnection, *, registers: Registers | None = None, **common: Unpack[Common]
    ) -> None:
        """`registers` is shared by sources of one name: their counters go on when the configuration changes."""
        super().__init__(name, before=() if registers is None else rows_of(registers), **common)
        self._client = client
        self._layouts = Layouts(partial(survey, client.get, self._vendors), self._clock)
        self._boxes = Boxes(name)
        self._inputs: dict[str, Inputs] = {}
        self._contradictions = Contradictions()
        self._foreign: dict[tuple[str, BmcQuantity], str] = {}
        self._hanging: dict[str, tuple[int, float]] = {}
        self._silent = 0
        self._unread = 0
        self._reports = ReportReader()
        self._meters = Meters(registers)

    async def _poll(self) -> BmcReading:
        try:
            layout = await _within(FIRST_SECONDS, self._prepare())
            return await _within(POLL_SECONDS, self._read(layout))
        except JoulepathError:
            self._meters.note_missed_poll()
            raise

    async def close(self) -> None:
        """Ends the session in the BMC."""
        await self._client.close()

    def _keep(self, rows: Collection[Row]) -> None:
        """Forgets the registers of others."""
        self._meters.keep(rows)

    async def _prepare(self) -> BmcLayout:
        layout, anew = await self._layouts.current(silent=self._silent >= LOST_POLLS or self._meters.doubtful)
        if anew:
            self._reports.begin(layout.reports)
            self._forget_others(layout)
            self._meters.note_serials()
            self._boxes.take_survey(layout.boxes)
            self._tell_unread(layout.unread)
        return layout

    def _forget_others(self, layout: BmcLayout) -> None:
        """Forgets the state of chassis and resources that are not in the layout."""
        uris = {item.uri for item in layout.items}.union(*layout.states.values())
        self._inputs = {name: inputs for name, inputs in self._inputs.items() if name in layout.boxes}
        self._foreign = {key: why for key, why in self._foreign.items() if key[0] in layout.boxes}
        self._hanging = {uri: since for uri, since in self._hanging.items() if uri in uris}
        self._contradictions.keep(layout.boxes)

    def _tell_unread(self, unread: Sequence[str]) -> None:
        """Logs one line when parts of the tree cannot be read, and one when all can be read again."""
        if unread and not self._unread:
            logger.warning(
                "%d parts of its tree cannot be read now, the first: %s; the tree is read again within minutes",
                len(unread),
                unread[0],
                extra={"target": self._name},
            )
        elif self._unread and not unread:
            logger.info("its whole tree can be read again", extra={"target": self._name})
        self._unread = len(unread)

    async def _read(self, layout: BmcLayout) -> BmcReading:
        now = self._clock()
        asked = [i for i in layout.items if i.quantity != "power" or self._boxes.asks(i.chassis, i.source, now)]
        reported = await self._reports.read(Tree(self._client.get), asked, layout.reports, now)
        resources, busy = await self._resources({item.uri for item in asked if item not in reported.values})
        poll = PollValues(asked, resources, busy, reported)
        power: dict[Box, float] = {}
        sources: dict[Box, str] = {}
        for name, box in layout.boxes.items():
            candidates = self._candidates(name, layout, poll, now)
            if poll.is_at_zero(name, candidates) and await self._may_be_on(layout.states.get(name, ())):
                poll.rejected["zero_while_on"] += sum(watts == 0 for watts in candidates.values())
                candidates = {source: watts for source, watts in candidates.items() if watts}
                poll.leave_out_zeros(name)
            chosen = self._boxes.choose(
                name, candidates, now, poll.busy_sources(name) | layout.awaited.get(name, frozenset())
            )
            if chosen is not None:
                power[box], sources[box] = candidates[chosen], chosen
            self._leave_out_foreign_supplies(name, power.get(box), poll)
        whole = {box.name: watts for box, watts in power.items()}
        subsystems = {**poll.by_part("subsystem"), **poll.sum_feeds(layout.feeds)}
        components = inside(subsystems, poll.components("component"), poll.rejected)
        read_at = self._clock()
        registers = {
            box: joules
            for name, box in layout.boxes.items()
            for joules in list(poll.parts("meter_energy", name).values())[:1]
        }
        reading = BmcReading(
            collector=self.collector,
            power=power,
            sources=sources,
            up=self._boxes.up,
            meter_energy=self._meters.count(
                "box", registers, lambda box: layout.serials.get(ChassisPart(box.name, box.name), ""), read_at
            ),
            psu_input=poll.by_part("psu_input"),
            psu_output=poll.by_part("psu_output"),
            subsystems=within(whole, subsystems, poll.rejected),
            subsystem_energy=self._meters.count(
                "subsystem", poll.by_part("subsystem_energy"), lambda part: layout.serials.get(part, ""), read_at
            ),
            components=within(whole, components, poll.rejected),
            component_energy=self._meters.count(
                "component",
                poll.components("component_energy"),
                lambda one: layout.serials.get(ChassisPart(one.chassis, one.name), ""),
                read_at,
            ),
            rejected=poll.rejected,
        )
        measures = any((power, reading.meter_energy, reading.psu_input, reading.psu_output, reading.subsystems))
        measures = measures or bool(reading.subsystem_energy)
        self._silent = 0 if measures and all(reading.up.values()) else self._silent + 1
        if not measures:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(poll.rejected.items())) or "no values"
            advice = "does this model have a meter, is it on?"
            if layout.unread:
                advice = f"a part of its tree is busy: {layout.unread[0]}"
            elif layout.equipment:
                advice = "read its PowerEquipment with joulepath pdu"
            raise JoulepathError(f"answers but measures no power ({reasons}): {advice}")
        return reading

    def _candidates(self, name: str, layout: BmcLayout, poll: PollValues, now: float) -> dict[str, float]:
        """The power of one chassis [W] by source."""
        candidates = {source: watts for (_, source), watts in poll.parts("power", name).items()}
        feeds = layout.supplies.get(name)
        if feeds:
            inputs = {part: watts for (part, _), watts in poll.parts("psu_input", name).items()}
            if name not in self._inputs:
                unfed = (item.part for item in layout.items if item.chassis == name and item.without_feed)
                self._inputs[name] = Inputs(unfed)
            total = self._inputs[name].total(feeds, inputs, poll.dark(name))
            if total is not None:
                candidates["psu_input"] = total
        past, watts = poll.statistics(name), candidates.get("power_control")
        if past is not None and watts is not None and self._contradictions.rejects(name, watts, past, now):
            for source in [one for one in candidates if one not in MEANS and not past.admit(candidates[one])]:
                poll.rejected["contradicted"] += 1
                del candidates[source]
        return candidates

    def _leave_out_foreign_supplies(self, name: str, total: float | None, poll: PollValues) -> None:
        """Drops supplies that take or deliver more than the chassis: nodes share them, or they repeat a total."""
        for quantity in SUPPLIES:
            readings = poll.parts(quantity, name)
            if total is not None:
                self._foreign[name, quantity] = contradiction({key[0]: watts for key, watts in readings.items()}, total)
            reason = self._foreign.get((name, quantity), "")
            if reason:
                poll.leave_out(quantity, name, reason)

    async def _may_be_on(self, uris: Iterable[str]) -> bool:
        """Whether one of these resources says so, or all are busy: 0 W means off, or no meter."""
        try:
            answered, busy = await self._resources(set(uris))
        except RedfishNoAnswerError:
            return True
        return any(resource.get("PowerState") == "On" for resource in answered.values()) or bool(busy and not answered)

    async def _resources(self, uris: AbstractSet[str]) -> tuple[Mapping[str, Resource], Collection[str]]:
        """The resources that can be read, and the URIs of those that cannot now. Raises RedfishFaultError."""
        busy: set[str] = set()
        unanswered: dict[str, RedfishNoAnswerError] = {}

        async def read(uri: str) -> Resource | None:
            if self._clock() < self._hanging.get(uri, (0, 0.0))[1]:
                busy.add(uri)
                return None
            try:
                return await self._client.get(uri)
            except ResourceBusyError:
                busy.add(uri)
            except RedfishNoAnswerError as fault:
                unanswered[uri] = fault
            except ResourceFaultError:
                pass
            return None

        answered = dict(zip(sorted(uris), await asyncio.gather(*map(read, sorted(uris))), strict=True))
        if unanswered and len(unanswered) == len(uris - busy):
            raise next(iter(unanswered.values()))
        first, most = HANGING_SECONDS
        for uri in uris - busy:
            times = self._hanging.pop(uri, (0, 0.0))[0]
            if uri in unanswered:
                self._hanging[uri] = (times + 1, self._clock() + min(first * 2**times, most))
        return {uri: one for uri, one in answered.items() if one is not None}, busy | unanswered.keys()


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """`work`, given up after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise JoulepathError(f"took longer than {seconds:g} s") from None
