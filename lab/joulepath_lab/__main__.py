# SPDX-License-Identifier: Apache-2.0
"""The lab's command: `python -m joulepath_lab` runs the demo in namespaces of its own."""

import argparse
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from joulepath_lab.devices import server
from joulepath_lab.devices.plant import MUTATIONS
from joulepath_lab.network import isolation
from joulepath_lab.run import demo, doors, programs
from joulepath_lab.run.packages import PackageError
from joulepath_lab.run.stack import Lab
from joulepath_lab.scenarios import core, scenario

INSIDE, DOORS = "--inside", "--doors"
LIES = dict.fromkeys(server.MUTATIONS, "factory") | dict.fromkeys(core.MUTATIONS, "core")
"""Lies that only one scenario can tell, with its name."""


def broken_rule(rules: str) -> str:
    """The rules with applications' packets mistaken for their bytes."""
    broken = rules.replace("rate(ioam_trace_bytes_total", "rate(ioam_trace_packets_total")
    if broken == rules:
        raise SystemExit("the rule to be broken is not there")
    return broken


def _doors(name: str) -> Sequence[socket.socket]:
    """Sockets of the host that lead into the lab, and the pages of Prometheus, which a lab without them lacks."""
    try:
        programs.fetch_pages()
    except PackageError as fault:
        print(f"{fault}; Prometheus answers its API alone", file=sys.stderr)  # noqa: T201
    return doors.listen(doors.places(scenario.load(name)))


def main() -> int:
    """Re-enters itself inside fresh namespaces, then runs the demo."""
    parser = argparse.ArgumentParser(prog="python -m joulepath_lab", description=demo.__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure (default 60)")
    parser.add_argument("--scenario", choices=scenario.NAMES, default="native",
                        help="IOAM-native transport, GTP-U, tagging, server, core, choice (native)")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--rootless", action="store_true", default=os.geteuid() != 0,
                        help="use a user namespace, as without root: stamping is then simulated")  # fmt: skip
    parser.add_argument("--no-alert", dest="alert", action="store_false", help="do not wait for the budget's alert")
    parser.add_argument(
        "--mutation",
        choices=sorted({*MUTATIONS, *LIES, "rule"}),
        help="make a meter or a rule lie: must exit 1",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", default=programs.CACHE / "demo",
        help="where the report and its topology go (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="leave the servers running at the end, until Ctrl-C")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(DOORS, type=int, nargs="*", default=[], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.inside:
        if args.rootless and scenario.load(args.scenario).tagging:
            sys.exit(f"demo: {args.scenario} needs root: the kernel takes the tagger's program only from root")
        if reason := isolation.refusal(rootless=args.rootless):
            sys.exit(f"demo: {reason}")
        if (where := LIES.get(args.mutation, args.scenario)) != args.scenario:
            sys.exit(f"demo: {args.scenario} has nothing that could lie so: --mutation {args.mutation} is of {where}")
        words = [sys.executable, "-m", "joulepath_lab", INSIDE, *sys.argv[1:]]
        listeners = _doors(args.scenario) if args.keep else []
        words += [DOORS, *(str(listener.fileno()) for listener in listeners)]
        isolation.enter(words, rootless=args.rootless)
    edit: Callable[[str], str] = broken_rule if args.mutation == "rule" else str
    lab = Lab(
        isolation.private_folder(programs.CACHE / "lab"),
        mutation=None if args.mutation == "rule" else args.mutation,
        edit_rules=edit,
        scenario=scenario.load(args.scenario),
    )
    # A log file has no width of its own; the table needs this much.
    console = Console() if sys.stdout.isatty() else Console(width=140)
    try:
        opened = doors.inherited(doors.places(lab.scenario), args.doors) if args.keep else []
        return demo.run(lab, args.seconds, args.json, console, alert=args.alert, folder=args.output, opened=opened)
    except KeyboardInterrupt:
        return 130
    finally:
        lab.stop()


if __name__ == "__main__":
    sys.exit(main())
