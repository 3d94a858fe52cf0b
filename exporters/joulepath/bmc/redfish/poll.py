# SPDX-License-Identifier: Apache-2.0
"""Takes values from the resources of one poll, and reasons for the values that were rejected."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from joulepath.bmc.choice.contradictions import PowerStatistics
from joulepath.bmc.quantity import BmcQuantity
from joulepath.bmc.reading import ChassisComponent, ChassisPart
from joulepath.bmc.redfish.service.items import Item, Resource, value
from joulepath.bmc.redfish.survey.chassis import SUPPLIES
from joulepath.bmc.redfish.survey.doubts import carries_nothing, statistics
from joulepath.bmc.redfish.survey.reports import ReportedValues
from joulepath.reading.rejected import NotMeasuredError

NOT_COUNTED = {"missing", "null", "absent"}
"""Reasons that mean that the BMC offered no reading, so that none was rejected; a server that is off answers null."""

_Key = tuple[BmcQuantity, str, str, str]
"""Quantity, chassis, part, and the source of a chassis' power, a component's subsystem, or a subsystem's feed."""


class PollValues:
    """The `resources` that were read for the `items`; those at `busy` URIs could not be read now.

    `reported` are the values that reports gave for items instead of their resources; None for a rejected value.
    """

    def __init__(
        self,
        items: Iterable[Item],
        resources: Mapping[str, Resource],
        busy: Collection[str],
        reported: ReportedValues | None = None,
    ) -> None:
        reported = reported or ReportedValues()
        self.rejected = Counter(reported.rejected)
        self._items = list(items)
        self._resources = resources
        self._busy = busy
        self._values = _values(self._items, reported.values, resources, self.rejected)

    def parts(self, quantity: BmcQuantity, chassis: str) -> Mapping[tuple[str, str], float]:
        """One quantity of one chassis by part and source."""
        return {key[2:]: number for key, number in self._values.items() if key[:2] == (quantity, chassis)}

    def by_part(self, quantity: BmcQuantity) -> Mapping[ChassisPart, float]:
        """One quantity of all chassis by part."""
        return {ChassisPart(key[1], key[2]): number for key, number in self._values.items() if key[0] == quantity}

    def components(self, quantity: BmcQuantity) -> dict[ChassisComponent, float]:
        """One quantity of the devices inside subsystems."""
        return {
            ChassisComponent(key[1], key[3], key[2]): number
            for key, number in self._values.items()
            if key[0] == quantity
        }

    def sum_feeds(self, feeds: Mapping[ChassisPart, frozenset[str]]) -> dict[ChassisPart, float]:
        """The power of subsystems as the sum of their feeds; without those that have an unknown feed."""
        sums: dict[ChassisPart, float] = {}
        for part, names in feeds.items():
            watts = {name: self._values.get(("subsystem_feed", *part, name)) for name in names}
            if None not in watts.values():
                sums[part] = sum(one for one in watts.values() if one is not None)
        return sums

    def leave_out(self, quantity: BmcQuantity, chassis: str, reason: str) -> None:
        """Rejects a quantity of one chassis."""
        for key in [key for key in self._values if key[:2] == (quantity, chassis)]:
            del self._values[key]
            self.rejected[reason] += 1

    def is_at_zero(self, chassis: str, candidates: Mapping[str, float]) -> bool:
        """Whether a source says that the chassis takes 0 W or, without any source, all its supplies say so."""
        supplies = [watts for quantity in SUPPLIES for watts in self.parts(quantity, chassis).values()]
        return 0 in candidates.values() or (not candidates and bool(supplies) and not any(supplies))

    def leave_out_zeros(self, chassis: str) -> None:
        """Rejects the supplies of a chassis that is on where all inputs, or all outputs, are 0 W."""
        for quantity in SUPPLIES:
            if not any(self.parts(quantity, chassis).values()):
                self.leave_out(quantity, chassis, "zero_while_on")

    def busy_sources(self, chassis: str) -> set[str]:
        """The sources of a chassis' power that could not be read now."""
        busy = [item for item in self._items if item.chassis == chassis and item.uri in self._busy]
        inputs = {"psu_input" for item in busy if item.quantity == "psu_input"}
        return {item.source for item in busy if item.quantity == "power"} | inputs

    def dark(self, chassis: str) -> set[str]:
        """The supplies of a chassis that say that they take nothing."""
        return {
            item.part
            for item in self._items
            if item.quantity == "psu_input" and item.chassis == chassis and item.uri in self._resources
            if carries_nothing(item, self._resources[item.uri])
        }

    def statistics(self, chassis: str) -> PowerStatistics | None:
        """The minimum, maximum and period of a chassis' PowerControl."""
        candidates = (
            statistics(item, self._resources[item.uri])
            for item in self._items
            if item.source == "power_control" and item.chassis == chassis and item.uri in self._resources
        )
        return next((past for past in candidates if past is not None), None)


def _values(
    items: Iterable[Item],
    reported: Mapping[Item, float | None],
    resources: Mapping[str, Resource],
    rejected: Counter[str],
) -> dict[_Key, float]:
    """The measured values; of several items for the same thing, the first that has one."""
    values: dict[_Key, float] = {}
    for item in items:
        key = (item.quantity, item.chassis, item.part, item.source if item.quantity == "power" else item.within)
        if key in values:
            continue
        if item in reported:
            number = reported[item]
            if number is not None:
                values[key] = number
            continue
        if item.uri not in resources:
            rejected["unreadable"] += 1
            continue
        try:
            values[key] = value(item, resources[item.uri])
        except NotMeasuredError as reason:
            if str(reason) not in NOT_COUNTED:
                rejected[str(reason)] += 1
    return _without_hollow_inputs(values, rejected)


def _without_hollow_inputs(values: dict[_Key, float], rejected: Counter[str]) -> dict[_Key, float]:
    """Without inputs of supplies that are less than half of their outputs: 0 W where only the output is metered."""
    hollow = {
        key
        for key, watts in values.items()
        if key[0] == "psu_input" and watts < values.get(("psu_output", *key[1:]), 0) / 2
    }
    rejected.update("below_output" for _ in hollow)
    return {key: watts for key, watts in values.items() if key not in hollow}
