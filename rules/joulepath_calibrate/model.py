# SPDX-License-Identifier: Apache-2.0
"""The action `joulepath calibrate model`: a power model of a host that has a meter, for others of its kind without."""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joulepath.errors import UsageError
from joulepath.extras import needed
from joulepath_calibrate import arguments, entry, load, machines
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.load import COLUMNS, LoadWindow
from joulepath_calibrate.machines import Stated
from joulepath_prometheus.arguments import prometheus as server
from joulepath_topology import Topology, read
from joulepath_topology.arguments import add_topology

if TYPE_CHECKING:
    from joulepath_calibrate.power_fit import PowerFit

UNITS = {"memory": "W/GB", "disk": "J/GB"}
MOST_NAME = 128
REST = 0.02
"""Load of a host that rests, at most."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    parser.add_argument("host", metavar="HOST", help="name of the host in it, which has a meter")
    arguments.add_source(
        parser, f"samples with the columns time, watts, load, and {' or '.join(COLUMNS.values())} for such a term"
    )
    for term, words in (("memory", "memory in use"), ("disk", "bytes read from and written to disks")):
        parser.add_argument(f"--{term}", action="store_true", help=f"add a term for {words}")
    parser.add_argument(
        "--points",
        type=_points,
        metavar="LIST",
        help="busy parts at which the curve may bend, such as 0.5,1 (default: the best of 1; 0.5,1; 0.25,0.5,0.75,1)",
    )
    parser.add_argument("--name", help="name of the model (default: that of the host)")
    parser.add_argument(
        "--this-machine", action="store_true", help="the host is this machine: read its properties here"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the new file of the model")


def run(args: argparse.Namespace) -> int:
    """Writes the model and prints its numbers. Raises JoulepathError."""
    with needed("calibrate"):
        from joulepath_calibrate import power_file  # noqa: PLC0415  # needs the libraries
        from joulepath_calibrate.power_fit import fit  # noqa: PLC0415
    topology = read(args.topology)
    place = f"{args.topology}: hosts.{args.host}"
    name = args.name or args.host
    if len(name) > MOST_NAME:
        raise UsageError(f"--name: must have at most {MOST_NAME} characters")
    _check_host(args, topology, place)
    now = time.time()
    terms = [term for term in COLUMNS if getattr(args, term)]
    with entry.refusals_of(place):
        windows, machine = _measured(args, topology, terms, now)
        found = fit(windows, terms, args.points)
    power_file.write(args.output, power_file.text(found, name, machine, topology.window, now))
    print("\n".join(_lines(name, found)))  # noqa: T201  # the command's output
    return 0


def _check_host(args: argparse.Namespace, topology: Topology, place: str) -> None:
    """Raises UsageError for a host that no meter reads, or one with a machine that cannot be known."""
    host = entry.named(topology.hosts, args.host, place)
    if args.csv is None:
        entry.check_measured(host, place, "fitted to")
    elif not args.this_machine:
        raise UsageError("--csv: says nothing of the machine: run this on the host itself with --this-machine")


def _measured(
    args: argparse.Namespace, topology: Topology, terms: Sequence[str], now: float
) -> tuple[Sequence[LoadWindow], Stated]:
    if args.csv is not None:
        return load.from_csv(args.csv, topology.window, terms), machines.this()
    with server(args) as prometheus:
        machine = machines.this() if args.this_machine else machines.of_host(prometheus, args.host)
        windows = load.from_prometheus(prometheus, topology, args.host, terms, since=args.since, now=now)
    return windows, machine


def _lines(name: str, fit: "PowerFit") -> Iterator[str]:
    yield f"{name}: idle {_words(fit.idle, 'W')}"
    for busy, watts in fit.cpu:
        yield f"{name}: {busy:.0%} busy {_words(watts, 'W')} more"
    for term, each in fit.terms.items():
        yield f"{name}: {term} {_words(each, UNITS[term])}"
    least = min(window.load for window in (*fit.used, *fit.held_out))
    if least > REST:
        yield f"{name}: the load was never below {least:.0%}: idle power is beyond what was measured: let the host rest"
    yield (
        f"{name}: {len(fit.held_out)} windows that were held out: mean absolute error {fit.mape:.1%} (MAPE), "
        f"R2 {fit.r2:.3f}; {len(fit.used)} windows were fitted"
    )


def _words(each: Estimate, unit: str) -> str:
    return f"{each.value:.4g} {unit}, 95 % interval {each.low:.4g} to {each.high:.4g} {unit}"


def _points(text: str) -> tuple[float, ...]:
    """Busy parts that rise to 1."""
    try:
        points = tuple(float(word) for word in text.split(","))
    except ValueError:
        points = ()
    if not points or sorted(set(points)) != list(points) or not points[0] > 0 or points[-1] != 1:
        raise argparse.ArgumentTypeError(f"must be busy parts that rise to 1, such as 0.5,1: {text!r}")
    return points
