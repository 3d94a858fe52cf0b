# SPDX-License-Identifier: Apache-2.0
"""The action `joulepath calibrate static`: idle power of a host, with its error."""

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from joulepath.errors import JoulepathError
from joulepath.extras import needed
from joulepath_calibrate import arguments, asked, entry, windows, writing
from joulepath_calibrate.settings import Settings
from joulepath_calibrate.windows import Window
from joulepath_prometheus.arguments import prometheus as server
from joulepath_topology import Topology, read
from joulepath_topology.arguments import add_topology

if TYPE_CHECKING:
    from joulepath_calibrate.idle import Idle


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    parser.add_argument("host", metavar="HOST", help="name of the host in it")
    arguments.add_source(parser, "samples with the columns time, watts and load")
    parser.add_argument(
        "--load", metavar="QUERY", help="PromQL for the busy part, 0 to 1, of a host without counters of its processor"
    )
    parser.add_argument(
        "--method", choices=["auto", "quiet", "line"], default="auto", help="quiet windows, or a line over load"
    )
    for name, words in (("power", "its power, as a part of it"), ("load", "its load, in parts of the processor")):
        default = getattr(Settings, f"{name}_error")
        parser.add_argument(
            f"--{name}-error",
            type=arguments.above_zero,
            default=default,
            metavar="ERROR",
            help=f"standard error of {words}, for a line ({default}); the ratio of both matters",
        )
    parser.add_argument("--write", action="store_true", help="write static_watts into the topology file")


def run(args: argparse.Namespace) -> int:
    """Prints the idle power, and writes it with --write. Raises JoulepathError."""
    with needed("calibrate"):
        from joulepath_calibrate.idle import estimate  # noqa: PLC0415  # needs the libraries
    topology = read(args.topology)
    place = f"{args.topology}: hosts.{args.host}"
    host = entry.named(topology.hosts, args.host, place)
    now = time.time()
    if args.csv is None:
        entry.check_measured(host, place, "calibrated with")
    settings = Settings(power_error=args.power_error, load_error=args.load_error)
    with entry.refusals_of(place):
        idle = estimate(_windows(args, topology, now), topology.window, args.method, settings)
    # The rules subtract GPUs from the power of a host, and their idle watts from its static_watts.
    inside = sum(gpu.static_watts or 0.0 for gpu in host.gpus.values() if gpu.in_plug) if args.csv is None else 0.0
    print("\n".join(_lines(args.host, idle, inside)))  # noqa: T201  # the command's output
    if args.write:
        watts = round(idle.watts.value + inside, 1)
        if host.max_watts is not None and watts > host.max_watts:
            raise JoulepathError(f"{place}: max_watts is {host.max_watts:g}, below {watts:g}: correct it first")
        writing.write(args.topology, ("hosts", args.host), {"static_watts": watts}, _remark(idle, inside, now))
    return 0


def _windows(args: argparse.Namespace, topology: Topology, now: float) -> Sequence[Window]:
    if args.csv is not None:
        return [Window(*row) for row in windows.from_csv(args.csv, topology.window, ("watts", "load"))]
    with server(args) as prometheus:
        times = asked.host_times(prometheus, topology, args.host, args.since, now)
        return asked.windows(prometheus, topology, args.host, times, load=args.load)


def _lines(host: str, idle: "Idle", inside: float) -> Sequence[str]:
    watts = idle.watts
    first = (
        f"{host}: static_watts {watts.value + inside:.1f}, standard error {watts.error:.2f} W, 95 % interval "
        f"{watts.low + inside:.1f} to {watts.high + inside:.1f} W ({idle.method}, {len(idle.windows)} windows)"
    )
    lines = [first]
    if inside:
        lines.append(f"{host}: {inside:g} W of them are static_watts of GPUs in its plug")
    if idle.busy is not None:
        lines.append(
            f"{host}: {idle.busy.value:.1f} W more when fully busy, standard error {idle.busy.error:.2f} W, "
            f"95 % interval {idle.busy.low:.1f} to {idle.busy.high:.1f} W"
        )
    if idle.bent:
        lines.append(f"{host}: power is not a straight line over load, so the intervals are wider: try --method quiet")
    return lines


def _remark(idle: "Idle", inside: float, now: float) -> str:
    """When, how, the interval, and which windows."""
    begin, end = (writing.minute(idle.windows[place].at) for place in (0, -1))
    return (
        f"{writing.minute(now)} ({idle.method}): {idle.watts.low + inside:.1f} to {idle.watts.high + inside:.1f} W "
        f"(95 %), {len(idle.windows)} windows from {begin} to {end}"
    )
