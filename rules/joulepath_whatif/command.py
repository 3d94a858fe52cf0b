# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath whatif`."""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from joulepath.config import problems, read_yaml
from joulepath.errors import UsageError
from joulepath_prometheus.arguments import add_server
from joulepath_prometheus.arguments import prometheus as server
from joulepath_topology import Topology, read
from joulepath_topology.arguments import add_topology, duration
from joulepath_whatif import output, present
from joulepath_whatif.effect import effect
from joulepath_whatif.scenario import Scenario

Words = tuple[str, str, Callable[[str], Any], str]

_FACTOR = "a factor such as 0.5, or FROM:TO"


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _factor(text: str) -> Any:
    before, colon, after = text.partition(":")
    return {"from": _number(before), "to": _number(after)} if colon else _number(text)


FLAGS: Mapping[str, Words] = {
    "users": ("applications", "users", _factor, f"number of users of an application: {_FACTOR}"),
    "frame-rate": ("applications", "frame_rate", _factor, f"frames in each second: {_FACTOR}"),
    "resolution": ("applications", "resolution", _factor, f"pixels of a frame: {_FACTOR}, such as 1920x1080:1280x720"),
    "data-rate": ("applications", "data_rate", _factor, f"packets and bytes: {_FACTOR}"),
    "tokens": ("applications", "tokens", _factor, f"tokens of an answer: {_FACTOR}"),
    "joules-per-token": ("components", "joules_per_token", _number, "marginal joules of another model there"),
    "joules-per-request": ("components", "joules_per_request", _number, "the same for a request"),
    "at": ("components", "site", str, "site at which a component stands"),
    "static-watts": ("hosts", "static_watts", _number, "idle power of a host"),
    "grams-per-kwh": ("sites", "grams_per_kwh", _number, "emissions of a site's grid"),
    "market-grams-per-kwh": ("sites", "market_grams_per_kwh", _number, "emissions of a site's contract"),
    "overhead": ("sites", "overhead", _number, "overhead (PUE) of a site"),
    "price-per-kwh": ("sites", "price_per_kwh", _number, "price of a kWh at a site, in its currency"),
}
"""By option: the section and key of the scenario, how the value is read, and the help."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    add_server(parser)
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="YAML file with the changes")
    for name, (_, _, _, words) in FLAGS.items():
        parser.add_argument(f"--{name}", action="append", default=[], metavar="NAME=VALUE", help=words)
    parser.add_argument(
        "--instead",
        action="append",
        default=[],
        metavar="NAME=A:B",
        help="an application uses component B in place of A",
    )
    parser.add_argument(
        "--asleep", action="append", default=[], metavar="NAME=PART:WATTS", help="a host sleeps for a part of the time"
    )
    parser.add_argument(
        "--over", type=duration, metavar="DURATION", help="take means of so long (the topology's window)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of the tables")


def run(args: argparse.Namespace) -> int:
    """Prints the answer. Raises JoulepathError."""
    topology = read(args.topology)
    scenario = _scenario(args, topology)
    with server(args) as prometheus:
        figures = present.read(prometheus, topology, time.time(), args.over or topology.window)
    answer = effect(topology, figures, scenario)
    write = output.as_json if args.json else output.text
    print(write(topology, scenario, figures, answer))  # noqa: T201  # the command's output
    return 0


def _scenario(args: argparse.Namespace, topology: Topology) -> Scenario:
    """The file's changes and those of the arguments, which come first. Raises UsageError."""
    data = read_yaml(args.scenario) if args.scenario is not None else {}
    place = str(args.scenario or "scenario")
    if not isinstance(data, dict):
        raise UsageError(f"{place}: must be a mapping with applications, components, hosts or sites")
    for option, (section, key, reader, _) in FLAGS.items():
        for name, value in _pairs(args, option):
            _entry(data, section, name)[key] = reader(value)
    for name, value in _pairs(args, "instead"):
        before, after = _two("instead", value)
        _entry(data, "applications", name).setdefault("instead", {})[before] = after
    for name, value in _pairs(args, "asleep"):
        part, watts = _two("asleep", value)
        _entry(data, "hosts", name).update(asleep=_number(part), asleep_watts=_number(watts))
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise UsageError([f"{place}: {line}" for line in problems(error, Scenario)]) from None
    scenario.check(topology, place)
    return scenario


def _pairs(args: argparse.Namespace, option: str) -> list[tuple[str, str]]:
    found = []
    for word in getattr(args, option.replace("-", "_")):
        name, equals, value = word.partition("=")
        if not name or not equals or not value:
            raise UsageError(f"--{option}: must be NAME=VALUE: {word!r}")
        found.append((name, value))
    return found


def _two(option: str, value: str) -> tuple[str, str]:
    before, colon, after = value.partition(":")
    if not before or not colon or not after:
        raise UsageError(f"--{option}: needs two values with a colon between them: {value!r}")
    return before, after


def _entry(data: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = data.setdefault(section, {}).setdefault(name, {})
    return entry
