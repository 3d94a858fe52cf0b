# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath`. A subcommand's module is imported only when it is called: `joulepath rapl` needs no SNMP.

Each module named here has `configure(parser)`, which adds its arguments, and `run(args)`, which returns the exit code.
Where it has actions, `action` is the one that was named.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, cast

from joulepath import __version__
from joulepath.errors import JoulepathError

COMMANDS = {
    "pdu": ("joulepath.pdu.command", "exporter: power of PDU outlets, inlets and phases over SNMP and Redfish"),
    "bmc": ("joulepath.bmc.command", "exporter: power of servers and chassis over Redfish and IPMI"),
    "rapl": ("joulepath.rapl.command", "exporter: energy of the processor (RAPL) and of a board's sensors (hwmon)"),
    "gpu": ("joulepath.gpu.command", "exporter: energy of GPUs, and the activity of workloads on them"),
    "ioam": ("joulepath.ioam.command", "exporter: packets and bytes per IOAM trace and flow"),
    "workload": ("joulepath.workload.command", "exporter: CPU time of this host's units, pods, containers, machines"),
    "pfcp": ("joulepath.pfcp.command", "exporter: bytes by DNN, slice and group, from a 5G core's usage reports"),
    "carbon": ("joulepath.carbon.command", "exporter: grams of CO2 for each kWh of a grid, from several sources"),
    "tag": ("joulepath.tag.command", "adds IOAM headers to the traffic of unmodified applications"),
    "init": ("joulepath_init.command", "looks at meters and at a Prometheus, and writes the first files"),
    "rules": ("joulepath_rules.command", "turns a topology file into Prometheus recording rules"),
    "calibrate": ("joulepath_calibrate.command", "measures numbers of a topology file, such as idle power"),
    "doctor": ("joulepath_doctor.command", "says why figures of a topology are absent or wrong, from Prometheus"),
    "report": ("joulepath_report.command", "energy, CO2 and cost of a day or any other period, as tables and files"),
    "whatif": ("joulepath_whatif.command", "says what a change would save, as shares and at the meters"),
    "schema": ("joulepath.schema", "prints the JSON schema of a configuration file, for editors"),
}


class Command(Protocol):
    """The interface of a command's module."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Runs the command and returns its exit code. Raises JoulepathError for what the user can mend."""


def build_parser(chosen: Collection[str] = COMMANDS) -> tuple[argparse.ArgumentParser, Mapping[str, Command]]:
    """The parser and the modules of `chosen` commands, which are imported; the others have no arguments in it."""
    parser = argparse.ArgumentParser(
        prog="joulepath", description="Energy, CO2 and cost of each application, inside Prometheus."
    )
    parser.add_argument("--version", action="version", version=f"joulepath {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    modules: dict[str, Command] = {}
    for name, (path, summary) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        if name in chosen:
            modules[name] = cast("Command", importlib.import_module(path))
            modules[name].configure(subparser)
            subparser.set_defaults(parser=subparser)
    return parser, modules


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Exit codes: 0 done, 1 nothing could be read or a part failed, 2 bad arguments or files."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Only the chosen command's module is imported, and --help of the whole needs none.
    chosen = next((word for word in words if not word.startswith("-")), "")
    parser, modules = build_parser([chosen])
    if not words:
        parser.print_help(sys.stderr)
        return 2
    args = parser.parse_args(words)
    if chosen not in modules:
        parser.error(f"unknown command {chosen!r}")
    if "action" in args and args.action is None:  # `joulepath rules` alone
        args.parser.print_help(sys.stderr)
        return 2
    if "log_level" in args and not args.once:
        from joulepath import log  # noqa: PLC0415  # for the exporters alone

        log.setup(args.log_level)
    try:
        return modules[chosen].run(args)
    except JoulepathError as error:
        for message in error.messages:
            print(f"joulepath {chosen}: {message}", file=sys.stderr)  # noqa: T201  # the command's own error output
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
