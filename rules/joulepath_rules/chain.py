# SPDX-License-Identifier: Apache-2.0
"""The fixed chain of `attribution.yaml`, with a topology's durations and hash."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from joulepath_rules import promql
from joulepath_rules.rule import Group, Rule
from joulepath_rules.topology import Topology
from joulepath_rules.topology.common import duration


def slow_seconds(topology: Topology) -> float:
    """The interval of what need not be as quick as the chain: four of its intervals, at most a minute."""
    return min(4 * topology.interval, max(60.0, topology.interval))


def slow(topology: Topology) -> str:
    """The same as Prometheus writes it."""
    return duration(slow_seconds(topology))


def timed(expr: str, topology: Topology) -> str:
    """An adapter's expression with the topology's durations."""
    return promql.timed(expr, duration(topology.window), duration(topology.interval))


@cache
def _shipped() -> Any:
    text = files("joulepath_rules").joinpath("attribution.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["groups"]


def chain(topology: Topology) -> dict[str, Group]:
    """The groups of the chain, by name."""
    pace = {"15s": duration(topology.interval), "1m": slow(topology)}
    return {
        group["name"]: Group(
            group["name"],
            pace[group["interval"]],
            tuple(
                Rule(rule["record"], _substitute(rule["expr"], topology), rule.get("labels", {}))
                for rule in group["rules"]
            ),
        )
        for group in _shipped()
    }


def _substitute(expr: str, topology: Topology) -> str:
    half = duration(topology.window / 2)
    replacements = {
        "[1m] offset 1m": f"[{half}] offset {half}",
        "[1m] offset 2m": f"[{half}] offset {duration(topology.window)}",
        "[30s] offset 2m": f"[{duration(topology.window / 4)}] offset {duration(topology.window)}",
        "< 150": f"< {1.25 * topology.window:g}",
        'topology="example"': f'topology="{topology.hash}"',
        "[2m]": f"[{duration(topology.window)}]",
        "[15s] offset 14s": f"[{duration(topology.interval)}] offset {duration(14 / 15 * topology.interval)}",
    }
    # In one pass: what stands for one duration may read like the shipped form of another.
    shipped = "|".join(re.escape(text) for text in replacements)
    return re.sub(shipped, lambda found: replacements[found[0]], expr)
