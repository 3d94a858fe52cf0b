# SPDX-License-Identifier: Apache-2.0
"""How fast a budget is used: the alerts of its period, and the most that can be drawn.

A budget burns at rate 1 if it lasts exactly for its period. An alert fires when a part of the budget goes in a time: at
the rate part * period / time, over that time and over its last twelfth, so that it ends soon after its cause. Parts and
times are those of the Site Reliability Workbook (chapter 5, https://sre.google/workbook/alerting-on-slos/) and of sloth
(https://sloth.dev), which have them for 30 days: here the times are the same parts of any period. A budget cannot
burn faster than its hosts draw: where that is known and less than an alert's rate, the alert takes the rate in the
middle between 1 and the most, and the longer time in which the same part then goes.
"""

from collections.abc import Collection
from dataclasses import dataclass

from joulepath_topology.budgets import Budget
from joulepath_topology.hosts import Host, Overhead, Site
from joulepath_topology.model import Topology
from joulepath_topology.placements import gpu_box
from joulepath_topology.supplies import most_grams

SHORT = 12
"""The short time of an alert is this part of its long one."""

SCHEME = ((0.02, 720, "critical"), (0.05, 120, "critical"), (0.1, 30, "warning"), (0.1, 10, "warning"))
"""Part of the budget, the part of the period in which it goes (1/N), and the severity."""

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Alarm:
    """Fires while the budget burns at `factor` over `long` and over `short` seconds."""

    part: float
    long: float
    factor: float
    severity: str

    @property
    def short(self) -> float:
        """The short time."""
        return self.long / SHORT


def alarms(topology: Topology, budget: Budget) -> list[Alarm]:
    """The alerts of a budget that is used too fast; without those for which the rules' window is too coarse."""
    if budget.burn is not None:
        return [alarm(budget, each.part, each.within, each.severity) for each in budget.burn]
    most = ceiling(topology, budget)
    shaped = (alarm(budget, part, budget.seconds / parts, severity) for part, parts, severity in SCHEME)
    reachable = (_reachable(each, None if most is None else most * budget.seconds / budget.limit) for each in shaped)
    return [each for each in reachable if each is not None and each.short >= topology.window]


def alarm(budget: Budget, part: float, long: float, severity: str) -> Alarm:
    """The alert for a part of the budget that goes in so many seconds."""
    return Alarm(part, long, part * budget.seconds / long, severity)


def _reachable(alarm: Alarm, most: float | None) -> Alarm | None:
    """The alert, or the one for the same part at a rate that can be reached; None where nothing can be too fast."""
    if most is None or alarm.factor < most:
        return alarm
    factor = (1 + most) / 2
    longer = alarm.long * alarm.factor / factor
    # In whole minutes, as the rules read them.
    minutes = -(-longer // 60) * 60
    return Alarm(alarm.part, minutes, alarm.factor * alarm.long / minutes, alarm.severity) if most > 1 else None


def ceiling(topology: Topology, budget: Budget, over: float = 60) -> float | None:
    """The most that can be used in a second, as a mean of `over` seconds: in J, g or the currency. None: not known."""
    boxes = topology.boxes_of(budget)
    if not boxes or not set(boxes) <= topology.boxes.keys():
        return None
    total = 0.0
    for name, host in topology.hosts.items():
        watts = _watts(name, host, boxes)
        site = topology.sites.get(host.site)
        if watts == 0:
            continue
        factor = None if site is None else _for_a_joule(site, budget, over)
        if watts is None or factor is None:
            return None
        total += watts * factor
    return total


def idle(topology: Topology, budget: Budget) -> float | None:
    """The least that the hosts of a site use in a second while they are on, in J or the currency; None if not known."""
    site = topology.sites.get(budget.site or "")
    price = None if site is None else site.price
    if site is None or budget.quantity == "co2":
        return None
    # A host that feeds others has their idle power in its own.
    own = (host.static_watts or 0.0 for host in topology.hosts.values() if host.site == budget.site and not host.feeds)
    if budget.quantity == "energy":
        return sum(own)
    if price is None or price.per_kwh is None or isinstance(site.overhead, Overhead):
        return None
    least = min([price.per_kwh, *(each.per_kwh for each in price.hours)])
    return sum(own) * max(least, 0.0) * site.overhead / JOULES_PER_KWH


def _for_a_joule(site: Site, budget: Budget, over: float) -> float | None:
    """The most that a joule of a host counts for: in J, g or the currency; None where it is not known."""
    if budget.quantity == "energy":
        return 1.0
    price = None if site.price is None else site.price.most(over)
    per_kwh = most_grams(site.supplies, budget.basis) if budget.quantity == "co2" else price
    if per_kwh is None or isinstance(site.overhead, Overhead):
        return None
    return per_kwh * site.overhead / JOULES_PER_KWH


def _watts(name: str, host: Host, boxes: Collection[str]) -> float | None:
    """The most that those of `boxes` draw which are the host or its GPUs; None where it is not known.

    A host's ceiling holds for the GPUs in its plug, too.
    """
    used = [gpu for number, gpu in host.gpus.items() if gpu_box(name, number) in boxes]
    outside = _sum([gpu.max_watts for gpu in used if not gpu.in_plug])
    inside = _sum([gpu.max_watts for gpu in used if gpu.in_plug])
    if name in boxes:
        plug = host.max_watts
    else:
        plug = inside if host.max_watts is None or inside is None else min(inside, host.max_watts)
        plug = host.max_watts if plug is None else plug
    return None if plug is None or outside is None else plug + outside


def _sum(watts: list[float | None]) -> float | None:
    return None if None in watts else sum(each or 0.0 for each in watts)
