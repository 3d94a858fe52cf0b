# SPDX-License-Identifier: Apache-2.0
"""The action `joulepath calibrate marginal`: what one more unit of traffic adds to a component's power."""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from joulepath.errors import UsageError
from joulepath.extras import needed
from joulepath_calibrate import arguments, entry, traffic, windows, writing
from joulepath_calibrate.traffic import Runs
from joulepath_prometheus.arguments import prometheus as server
from joulepath_topology import Topology, read
from joulepath_topology.arguments import add_topology
from joulepath_topology.checks.marginal import counted
from joulepath_topology.marginal import amount_of

if TYPE_CHECKING:
    from joulepath_calibrate.estimate import Estimate
    from joulepath_calibrate.slopes import Slopes

OTHERS = "others"
"""Traffic that is of no application."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    parser.add_argument("component", metavar="COMPONENT", help="name of the component in it")
    arguments.add_source(
        parser, "samples with the columns time, watts, and the unit, or each application with --each-application"
    )
    parser.add_argument(
        "--per",
        choices=["packets", "bytes", "requests", "tokens"],
        help="unit of its traffic (default: bytes, or tokens of a model, where these are counted)",
    )
    parser.add_argument(
        "--each-application", action="store_true", help="a slope for each application that uses it, and for the rest"
    )
    parser.add_argument("--write", action="store_true", help="write marginal into the topology file")


def run(args: argparse.Namespace) -> int:
    """Prints the slopes, and writes them with --write. Raises JoulepathError."""
    with needed("calibrate"):
        from joulepath_calibrate.slopes import estimate  # noqa: PLC0415  # needs the libraries
    topology = read(args.topology)
    place = f"{args.topology}: components.{args.component}"
    entry.named(topology.components, args.component, place)
    unit = _unit(args, topology, place)
    names = _applications(topology, args.component, place) if args.each_application else []
    if args.csv is None:
        _check_hosts(topology, args.component, place)
    now = time.time()
    with entry.refusals_of(place):
        runs = _runs(args, topology, unit, names, now)
        found = estimate(runs.watts, runs.rates)
    entries = [_entry(unit, name, slope, runs.rates[name]) for name, slope in found.joules.items() if name != OTHERS]
    print("\n".join(_lines(args.component, unit, entries, found)))  # noqa: T201  # the command's output
    if args.write:
        remark = _remark(found, runs, now)
        writing.write(args.topology, ("components", args.component), {"marginal": entries}, remark)
    return 0


def _unit(args: argparse.Namespace, topology: Topology, place: str) -> str:
    """The unit that was asked for, or the last one that is counted. Raises UsageError."""
    units = counted(topology, args.component)
    if not units:
        raise UsageError(
            f"{place}: counts no traffic: where power does not follow traffic, write marginal: [{{joules: 0}}]"
        )
    if args.per is not None and args.per not in units:
        raise UsageError(f"{place}: counts {' and '.join(units)}: state one of them with --per, not {args.per}")
    return str(args.per or units[-1])


def _applications(topology: Topology, component: str, place: str) -> Sequence[str]:
    names = [name for name in topology.applications if component in topology.route(name)]
    if not names:
        raise UsageError(f"{place}: is on the path of no application: leave out --each-application")
    return names


def _check_hosts(topology: Topology, component: str, place: str) -> None:
    """Raises UsageError for a shared host with unknown idle power, which would move to who works more."""
    for placement in topology.placements(component):
        if not topology.whole(placement) and topology.boxes[placement.host].static(1) is None:
            raise UsageError(
                f"{place}: shares {placement.host}, which has no static_watts: its idle power would count as one that "
                "follows traffic: run `joulepath calibrate static` first"
            )


def _runs(args: argparse.Namespace, topology: Topology, unit: str, names: Sequence[str], now: float) -> Runs:
    if args.csv is not None:
        columns = list(names) or [unit]
        rows = list(windows.from_csv(args.csv, topology.window, ("watts", *columns)))
        rates = {name: [row[place] for row in rows] for place, name in enumerate(columns, 2)}
        return Runs([row[0] for row in rows], [row[1] for row in rows], rates)
    by = amount_of(unit)
    queries = {unit: traffic.whole(topology, args.component, by)}
    for name in names:
        queries[name] = traffic.of_application(topology, args.component, name, by)
    with server(args) as prometheus:
        runs = traffic.from_prometheus(prometheus, topology, args.component, queries, since=args.since, now=now)
    return _divided(runs, unit, names) if names else runs


def _divided(runs: Runs, unit: str, names: Sequence[str]) -> Runs:
    """The rates of the applications, and of all others where these send something that changes."""
    own: Mapping[str, Sequence[float]] = {name: runs.rates[name] for name in names}
    left = [max(whole - sum(parts), 0.0) for whole, *parts in zip(runs.rates[unit], *own.values(), strict=True)]
    most = max(runs.rates[unit], default=0.0)
    rest = {OTHERS: left} if left and max(left) - min(left) > LEAST_OTHERS * most else {}
    return Runs(runs.at, runs.watts, {**own, **rest})


LEAST_OTHERS = 0.02
"""Changes of the traffic of others that count, as a part of all traffic: below it they are errors of rates."""


def _entry(unit: str, name: str, slope: "Estimate", rates: Sequence[float]) -> dict[str, float | str]:
    numbers = {
        "joules": slope.value,
        "low": slope.low,
        "high": slope.high,
        "least": min(rates),
        "most": max(rates),
    }
    digits = {key: float(f"{number:.4g}") for key, number in numbers.items()}
    owner = {} if name == unit else {"application": name}
    return {"per": unit, **digits, "method": "calibrated", **owner}


def _lines(component: str, unit: str, entries: Sequence[Mapping[str, float | str]], found: "Slopes") -> Iterator[str]:
    yield f"marginal: {writing.flow(entries)}"
    for name, slope in found.joules.items():
        owner = "" if name == unit else f" of {name}"
        one = f"{component}: one more {unit.removesuffix('s')}{owner} adds {slope.value:.3g} J"
        yield f"{one}, 95 % interval {slope.low:.3g} to {slope.high:.3g} J"
        if slope.low <= 0:
            yield f"{component}: this may be 0: power may not follow this traffic, and follows it by that at most"
    base = found.base
    interval = f"95 % interval {base.low:.1f} to {base.high:.1f} W"
    yield f"{component}: {base.value:.1f} W without traffic, {interval} ({found.count} windows)"
    if found.bent:
        yield f"{component}: power is not a straight line over traffic: the slope holds for about this traffic"


def _remark(found: "Slopes", runs: Runs, now: float) -> str:
    begin, end = (writing.minute(runs.at[place]) for place in (0, -1))
    return f"{writing.minute(now)}: least squares, {found.count} windows from {begin} to {end}"
