# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath rules`: generate, check, schema, serve."""

import argparse
import json
import shutil
import sys
from pathlib import Path

from joulepath.errors import JoulepathError, UsageError
from joulepath_rules import generating as generating_action
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import FILE_NAME, write
from joulepath_rules.promtool import refused_queries, refused_rules
from joulepath_rules.serving import command as serving_command
from joulepath_topology import Topology, read
from joulepath_topology.arguments import add_topology, duration
from joulepath_topology.checks.budgets import too_short
from joulepath_topology.durations import seconds

RETENTION = "15d"  # Prometheus' default


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    generating = actions.add_parser("generate", help="write the rule file of a topology")
    add_topology(generating)
    generating_action.configure(generating)
    checking = actions.add_parser("check", help="list every mistake of a topology, warn, ask promtool")
    add_topology(checking)
    checking.add_argument(
        "--retention",
        type=duration,
        default=seconds(RETENTION),
        metavar="DURATION",
        help=f"how long the server keeps samples: a budget needs them for its whole period (default: {RETENTION})",
    )
    for name, which in (("ioam", "counts"), ("tag", "tags")):
        checking.add_argument(
            f"--{name}", type=Path, default=[], action="append", metavar="FILE",
            help=f"{name}.yaml of a host that {which}: its ids must be those of the topology; may be repeated",
        )  # fmt: skip
    serving = actions.add_parser("serve", help="exporter: the constants of large topologies")
    serving_command.configure(serving)
    actions.add_parser("schema", help="print the JSON schema of topology files, for editors")


def run(args: argparse.Namespace) -> int:
    """Runs the action; mistakes in the topology are raised as UsageError."""
    if args.action == "schema":
        print(json.dumps(Topology.model_json_schema(), indent=2))  # noqa: T201  # the command's output
        return 0
    if args.action == "serve":
        return serving_command.run(args)
    if args.action == "check":
        return _check(args)
    return generating_action.run(args, read(args.topology, _warn), _warn)


def _check(args: argparse.Namespace) -> int:
    """Prints warnings and promtool's opinion. Raises UsageError for mistakes, JoulepathError for rules of ours."""
    from joulepath_rules import carbon_sources  # noqa: PLC0415  # `rules serve` asks no source

    path: Path = args.topology
    topology = read(path, print)
    for problem in (*carbon_sources.doubts(topology), *too_short(topology, args.retention)):
        print(f"{path}: {problem}")  # noqa: T201  # the command's output
    if args.ioam or args.tag:
        _check_ids(topology, args)
    groups = generate(topology)
    count = sum(len(group.rules) for group in groups)
    promtool = shutil.which("promtool")
    if promtool is None:
        print(f"{path}: {count} rules; promtool is not on the PATH: it was not asked")  # noqa: T201
        return 0
    refused = refused_queries(promtool, topology)
    if refused:
        raise UsageError([f"{path}: {problem}" for problem in refused])
    lines = refused_rules(promtool, write(groups, topology.hash), FILE_NAME)
    if lines:
        raise JoulepathError([f"promtool: {line}" for line in lines])
    print(f"{path}: {count} rules, promtool accepts them")  # noqa: T201
    return 0


def _check_ids(topology: Topology, args: argparse.Namespace) -> None:
    """Prints warnings about ids in other files. Raises UsageError for mistakes."""
    from joulepath_rules.ids import counting, tagging  # noqa: PLC0415  # `rules serve` needs no exporter's files

    differences = [
        *(counting.compare(topology, args.topology, args.ioam) if args.ioam else ()),
        *(tagging.compare(topology, args.topology, args.tag) if args.tag else ()),
    ]
    for one in differences:
        if one.severity == "warning":
            print(one)  # noqa: T201  # the command's output
    if errors := [str(one) for one in differences if one.severity == "error"]:
        raise UsageError(errors)


def _warn(line: str) -> None:
    print(f"joulepath rules: {line}", file=sys.stderr)  # noqa: T201  # beside the command's errors
