# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath rules`: generate, check, schema, serve."""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from joulepath.errors import JoulepathError
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import FILE_NAME, write
from joulepath_rules.serving import command as serving_command
from joulepath_rules.topology import Topology, read

TOPOLOGY = "YAML file that says what is where (docs/topology.md)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    generating = actions.add_parser("generate", help="write the rule file of a topology")
    generating.add_argument("topology", type=Path, metavar="TOPOLOGY", help=TOPOLOGY)
    generating.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="existing or new folder; receives joulepath.rules.yaml",
    )
    generating.add_argument(
        "--dialect", choices=["prometheus"], default="prometheus", help="for which server (default: %(default)s)"
    )
    checking = actions.add_parser("check", help="list every mistake of a topology, and let promtool read its rules")
    checking.add_argument("topology", type=Path, metavar="TOPOLOGY", help=TOPOLOGY)
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
    topology = read(args.topology)
    groups = generate(topology)
    text = write(groups, topology.hash)
    count = sum(len(group.rules) for group in groups)
    if args.action == "check":
        print(f"{args.topology}: {count} rules, {_promtool(text)}")  # noqa: T201  # the command's output
        return 0
    target = args.output / FILE_NAME
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise JoulepathError(f"{target}: cannot be written: {error.strerror}") from None
    print(f"{target}: {count} rules of topology {topology.hash}")  # noqa: T201  # the command's output
    return 0


def _promtool(text: str) -> str:
    """What promtool says of the rules. Raises JoulepathError when it refuses them."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return "promtool is not on the PATH: the queries in the topology were not checked"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        path.write_text(text, encoding="utf-8")
        words = [promtool, "check", "rules", "--lint=all", "--lint-fatal", str(path)]
        result = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  # promtool itself
    if result.returncode != 0:
        lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        raise JoulepathError([f"promtool: {line.replace(str(path), FILE_NAME)}" for line in lines])
    return "promtool accepts them"
