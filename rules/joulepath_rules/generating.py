# SPDX-License-Identifier: Apache-2.0
"""The action `joulepath rules generate`: the rules of a topology as a file in the form that the server takes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from joulepath.errors import JoulepathError, UsageError
from joulepath.files import check_folder
from joulepath_rules.constants import PREFIX
from joulepath_rules.dialects import DIALECTS, Options, operator
from joulepath_rules.division import Global, Leaf, Part, hosts_at
from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from joulepath_rules.serving.awaited import await_constants
from joulepath_topology import Topology

MANY_CONSTANTS = 3000
"""As rules they take 0.1 to 0.3 s of each evaluation."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR",
        help="existing or new folder; receives a file with the topology's name",
    )  # fmt: skip
    parser.add_argument(
        "--dialect", choices=list(DIALECTS), default="prometheus",
        help="a rule file, PrometheusRule objects, or a rule file for vmalert (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--constants", choices=["rules", "scraped"], default="rules",
        help="the topology as rules, or scraped from `joulepath rules serve` (docs/guides/large.md; "
        "default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--await", dest="awaited", metavar="URL",
        help="with scraped constants: write the rules when the Prometheus at URL has this topology's",
    )  # fmt: skip
    parser.add_argument(
        "--part", choices=["leaf", "global"],
        help="the part of one site, which records hosts and components, or that of the server above the sites "
        "(docs/guides/leaves-recorded.md; default: all in one server)",
    )  # fmt: skip
    parser.add_argument("--site", help="with --part leaf: the site, as the topology names it")
    parser.add_argument(
        "--namespace", type=_checked(operator.namespace), help="with --dialect operator: of the objects"
    )
    parser.add_argument(
        "--label", dest="labels", action="append", default=[], type=_checked(operator.label), metavar="KEY=VALUE",
        help="with --dialect operator: a label of the objects, by which the operator selects them; may be repeated",
    )  # fmt: skip


def run(args: argparse.Namespace, topology: Topology, warn: Callable[[str], None]) -> int:
    """Writes the file. Raises JoulepathError."""
    check_folder(args.output)
    if args.dialect != "operator" and (args.namespace is not None or args.labels):
        raise UsageError("--namespace and --label belong to --dialect operator: a rule file has neither")
    if args.awaited is not None and args.constants != "scraped":
        raise UsageError("--await belongs to --constants scraped: rules write the other constants themselves")
    dialect = DIALECTS[args.dialect]
    part = _part(args, topology)
    groups = generate(topology, args.constants, part)
    count = sum(len(group.rules) for group in groups)
    constants = sum(
        isinstance(rule, Rule) and rule.record.startswith(PREFIX) for group in groups for rule in group.rules
    )
    name = f"{topology.name}-{part.site}" if isinstance(part, Leaf) else topology.name
    text = dialect.write(topology, groups, Options(args.namespace, dict(args.labels), name))
    if constants > MANY_CONSTANTS:
        warn(f"{args.topology}: {constants} constants as rules take long to evaluate: see docs/guides/large.md")
    if args.awaited is not None:
        await_constants(args.awaited, topology.name, topology.hash)
    target = args.output / f"{quote(name, safe=':')}{dialect.ending}"  # a site's name may have a /
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise JoulepathError(f"{target}: cannot be written: {error.strerror}") from None
    print(f"{target}: {count} rules of topology {topology.hash}")  # noqa: T201  # the command's output
    return 0


def _part(args: argparse.Namespace, topology: Topology) -> Part | None:
    """The part that is asked for. Raises UsageError."""
    if (args.part == "leaf") != (args.site is not None):
        raise UsageError("--part leaf and --site SITE belong together: a leaf is the part of one site")
    if args.part is None:
        return None
    if args.part == "global":
        return Global()
    if args.constants == "scraped":
        raise UsageError("--part leaf writes its few constants as rules: leave out --constants scraped")
    if not hosts_at(topology, args.site):
        known = ", ".join(sorted({box.site for box in topology.boxes.values()}))
        raise UsageError(f"{args.topology}: no host is at the site {args.site!r}: name one of {known}")
    return Leaf(args.site)


def _checked(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """For argparse, which shows the text of no ValueError, but of an ArgumentTypeError."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return converted
