# SPDX-License-Identifier: Apache-2.0
"""The action `joulepath calibrate static`: idle power of a host, with its error."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joulepath.errors import JoulepathError, UsageError
from joulepath.meant import did_you_mean
from joulepath_calibrate import arguments, asked, windows, writing
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.libraries import needed
from joulepath_calibrate.windows import Window
from joulepath_topology import Topology, read

if TYPE_CHECKING:
    from joulepath_calibrate.idle import Idle


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("topology", type=Path, metavar="TOPOLOGY", help=arguments.TOPOLOGY)
    parser.add_argument("host", metavar="HOST", help="name of the host in it")
    arguments.add_source(parser, "samples with the columns time, watts and load")
    parser.add_argument("--load", metavar="QUERY", help="PromQL for the busy part, 0 to 1, of a host without counters")
    parser.add_argument(
        "--method", choices=["auto", "quiet", "line"], default="auto", help="quiet windows, or a line over load"
    )
    parser.add_argument("--write", action="store_true", help="write static_watts into the topology file")


def run(args: argparse.Namespace) -> int:
    """Prints the idle power, and writes it with --write. Raises JoulepathError."""
    with needed():
        from joulepath_calibrate.idle import estimate  # noqa: PLC0415  # needs the libraries
    topology = read(args.topology)
    place = f"{args.topology}: hosts.{args.host}"
    host = topology.hosts.get(args.host)
    if host is None:
        raise UsageError(f"{place}: is not in the file{did_you_mean(args.host, list(topology.hosts))}")
    now = time.time()
    if args.csv is None:
        for number, source in enumerate(host.power):
            if source.method != "measured":
                raise UsageError(f"{place}.power[{number}]: is {source.method}: only a meter can be calibrated with")
    try:
        idle = estimate(_windows(args, topology, now), topology.window, args.method)
    except RefusedError as error:
        raise RefusedError([f"{place}: {message}" for message in error.messages]) from None
    print(_line(args.host, idle))  # noqa: T201  # the command's output
    if args.write:
        if host.max_watts is not None and idle.watts.value > host.max_watts:
            raise JoulepathError(f"{place}: max_watts is {host.max_watts:g}, below that: correct it first")
        writing.write(args.topology, args.host, idle, now)
    return 0


def _windows(args: argparse.Namespace, topology: Topology, now: float) -> Sequence[Window]:
    if args.csv is not None:
        return windows.from_csv(args.csv, topology.window)
    with arguments.prometheus(args) as prometheus:
        return asked.windows(prometheus, topology, args.host, args.since, now, load=args.load)


def _line(host: str, idle: "Idle") -> str:
    watts = idle.watts
    return (
        f"{host}: static_watts {watts.value:.1f}, standard error {watts.error:.2f} W, "
        f"95 % interval {watts.low:.1f} to {watts.high:.1f} W ({idle.method}, {len(idle.windows)} windows)"
    )
