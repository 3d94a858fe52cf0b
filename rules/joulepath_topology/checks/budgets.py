# SPDX-License-Identifier: Apache-2.0
"""Checks of budgets: names, factors, and limits that could never be reached."""

from collections.abc import Iterator

from joulepath.meant import did_you_mean
from joulepath_topology.budgets import HOUR, Budget
from joulepath_topology.burning import SHORT, alarm, ceiling
from joulepath_topology.clocks import clock
from joulepath_topology.durations import duration
from joulepath_topology.labels import label_names
from joulepath_topology.model import Topology
from joulepath_topology.problem import Declared, Place, Problem, absent


def too_short(topology: Topology, kept: float) -> Iterator[Problem]:
    """Warns of budgets with a period longer than the seconds for which the server keeps samples."""
    for name, budget in topology.budgets.items():
        if kept < budget.seconds:
            message = f"needs {_span(budget.seconds)} of samples, but the server keeps {_span(kept)} (--retention)"
            yield Problem(("budgets", name, _key(budget)), message, severity="warning")


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """Names that stand for nothing, sites without a factor, budgets and alerts that could never be reached."""
    for name, budget in topology.budgets.items():
        problems = [*_of(topology, declared, name, budget), *_zone(topology, name, budget)]
        needed = {member for each in topology.applications_of(budget) for member in topology.needed(each)}
        # Of what was refused or is absent nothing is known.
        if not problems and topology.boxes_of(budget) and needed <= topology.components.keys():
            problems = list(_factors(topology, name, budget)) or list(_reach(topology, name, budget))
        yield from problems


def _key(budget: Budget) -> str:
    return "per" if budget.per is not None else "window"


def _span(seconds: float) -> str:
    days = seconds / 86400
    return f"{days:g} day{'' if days == 1 else 's'}" if days >= 1 else duration(seconds)


def _of(topology: Topology, declared: Declared, name: str, budget: Budget) -> Iterator[Problem]:
    key, value = budget.of
    place = ("budgets", name, key)
    if budget.label is not None:
        names = label_names(topology.applications.values())
        if not topology.applications_of(budget):
            values = sorted({each.labels[key] for each in topology.applications.values() if key in each.labels})
            known = f"its values are {', '.join(values)}" if values else f"their labels are {', '.join(names)}"
            meant = did_you_mean(value, values) if values else did_you_mean(key, list(names))
            text = f"no application has the label {key} with the value {value!r}{meant}"
            yield Problem(place, f"{text}: {known if names else 'none has labels'}")
    elif value not in declared[f"{key}s"]:
        yield absent(place, key, value)
    elif budget.site is not None and not topology.boxes_of(budget):
        yield Problem(place, f"no host is at the site {value!r}")


def _zone(topology: Topology, name: str, budget: Budget) -> Iterator[Problem]:
    """Known time is recorded in parts of an hour, each of which must close before the next one ends."""
    grain = HOUR if budget.time_zone is None else clock(budget.time_zone).grain
    if grain < HOUR and topology.window > grain / 2:
        message = (
            f"is not whole hours from UTC: its days begin at full {duration(grain)}, which needs a `window` of at most "
            f"{duration(grain / 2)}"
        )
        yield Problem(("budgets", name, "time_zone"), message, (("window",),))


def _factors(topology: Topology, name: str, budget: Budget) -> Iterator[Problem]:
    """The factor that turns joules into the budget's unit must be there, at each site that it counts."""
    place: Place = ("budgets", name, budget.quantity)
    other: dict[str, str] = {}
    for at in _sites(topology, budget):
        site = topology.sites[at]
        supplies = site.supplies.values()
        if budget.quantity == "co2" and not any(each.known for each in supplies):
            yield Problem(place, f"site {at!r} has no carbon factor: give it grams_per_kwh, or grid_zone and source")
        elif (
            budget.quantity == "co2"
            and budget.basis == "market"
            and not any(each.market for each in site.supplies.values())
        ):
            yield Problem(place, f"site {at!r} has no `market`, which the basis of this budget needs")
        elif budget.quantity == "cost" and site.price is None:
            yield Problem(place, f"site {at!r} has no price: give it one in {budget.unit}")
        elif budget.quantity == "cost" and site.price is not None and site.price.currency != budget.unit:
            other[at] = site.price.currency
    if other:
        has = "sites {} have their prices" if len(other) > 1 else "site {} has its price"
        currencies = " and ".join(sorted(set(other.values())))
        message = f"{has.format(', '.join(map(repr, other)))} in {currencies}, and a budget counts one currency"
        yield Problem(place, message, tuple(("sites", at, "price") for at in other))


def _sites(topology: Topology, budget: Budget) -> list[str]:
    boxes = (topology.boxes[box] for box in topology.boxes_of(budget) if box in topology.boxes)
    return sorted({box.site for box in boxes if box.site in topology.sites})


def _reach(topology: Topology, name: str, budget: Budget) -> Iterator[Problem]:
    """A budget that cannot be exceeded, and alerts for more than can be drawn, or too fine to be seen."""
    most = ceiling(topology, budget, budget.seconds)
    if most is not None and most * budget.seconds <= budget.limit:
        message = f"cannot be exceeded: the hosts of {budget.of[1]!r} {_draw(budget, most)}"
        yield Problem(("budgets", name, budget.quantity), message)
        return
    for number, each in enumerate(budget.burn or ()):
        place: Place = ("budgets", name, "burn", number)
        alert = alarm(budget, each.part, each.within, each.severity)
        highest = (ceiling(topology, budget, alert.long) or 0.0) * budget.seconds / budget.limit
        if alert.long > budget.seconds:
            yield Problem((*place, "within"), f"is longer than the period, {_span(budget.seconds)}")
        elif alert.short < topology.window:
            least = duration(SHORT * topology.window)
            yield Problem((*place, "within"), f"must be at least twelve windows, here {least}", (("window",),))
        elif most is not None and alert.factor >= highest:
            message = (
                f"can never be used in {duration(each.within)}: that is {alert.factor:.3g} times as fast as the budget "
                f"lasts, and the hosts of {budget.of[1]!r} reach {highest:.3g} times at most"
            )
            yield Problem((*place, "part"), message)


def _draw(budget: Budget, most: float) -> str:
    """The most that they use in a period, in words."""
    used = most * budget.seconds
    period = f"each {budget.per}" if budget.per is not None else budget.period
    if budget.quantity == "energy":
        return f"draw at most {most:g} W, {used / 3.6e6:g} kWh in {period}"
    return f"come to at most {used:g} {budget.unit} in {period}"
