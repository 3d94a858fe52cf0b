# SPDX-License-Identifier: Apache-2.0
"""The alerts of `alerts.yaml`, with a topology's name and interval."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import promql_parser as promql
import yaml

from joulepath_rules.chain import slow
from joulepath_rules.constants import PREFIX
from joulepath_rules.rule import Alert
from joulepath_topology import Topology
from joulepath_topology.budgets import SEVERITY
from joulepath_topology.burning import alarms
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

PAGE = "docs/reference/alerts.md"
"""Has a paragraph for each alert, under a heading that is the alert's name."""


def alerts(topology: Topology, group: str, recorded: Collection[str], generation: str = "") -> Iterator[Alert]:
    """The alerts of a group that a topology can raise; `recorded` names what is written for it, constants included.

    Constants of other generations are not read; those that rules write have none.
    """
    name = f"topology={quote(topology.name)}"
    constant = f"{name},generation={quote(generation)}"
    instances = {
        'node_id=~"example"': "|".join(str(node) for node in _nodes(topology)),
        'instance=~"example"': _reporting(topology),
    }
    replacements = {
        'topology="example"': name,
        **{key: key.replace('"example"', quote(names)) for key, names in instances.items()},
        "* 15 <": f"* {topology.interval:g} <",
    }

    def own(text: str) -> str:
        text = re.sub(rf'({PREFIX}\w+{{)topology="example"', lambda found: found[1] + constant, text)
        return re.sub("|".join(map(re.escape, replacements)), lambda found: replacements[found[0]], text)

    for rule in (copy for shape in shipped(group) for copy in _copies(shape, topology)):
        named = all(names for key, names in instances.items() if key in rule["expr"])
        if can_fire(promql.parse(rule["expr"]), recorded) and named:
            annotations = {key: own(text) for key, text in rule["annotations"].items()}
            annotations["runbook"] = f"{PAGE}#{rule['alert'].lower()}"
            yield Alert(rule["alert"], own(rule["expr"]), rule["for"], _labels(rule, topology), annotations)


def _copies(rule: Mapping[str, Any], topology: Topology) -> Iterator[Mapping[str, Any]]:
    """The rule; one about a single budget, for each alarm of each budget, with its numbers."""
    if BUDGET not in rule["expr"]:
        yield rule
        return
    for name, budget in topology.budgets.items():
        for alarm in alarms(topology, budget):
            long = duration(alarm.long)
            words = {
                BUDGET: f"budget={quote(name)}",
                "[1h]": f"[{long}]",
                "[5m]": f"[{duration(max(round(alarm.short), 1))}]",
                "> 14.4": f"> {float(f'{alarm.factor:.4g}'):g}",
                ">= 30": f">= {round(alarm.long / slow(topology) / 2)}",
            }
            expr = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], rule["expr"])  # noqa: B023
            labels = {SEVERITY: budget.labels.get(SEVERITY, alarm.severity), "budget": name, "over": long}
            texts = {key: text.replace("Over 1h", f"Over {long}") for key, text in rule["annotations"].items()}
            yield {**rule, "expr": expr, "labels": labels, "annotations": texts}


def _labels(rule: Mapping[str, Any], topology: Topology) -> Mapping[str, str]:
    """The rule's labels. The severity of an alert about a use of budgets is that of the series, where one has it."""
    own = any(SEVERITY in budget.labels for budget in topology.budgets.values())
    if rule["alert"] not in _OF_BUDGETS or not own:
        return dict(rule["labels"])
    severity = rule["labels"][SEVERITY]
    return {
        **rule["labels"],
        SEVERITY: f"{{{{ with $labels.{SEVERITY} }}}}{{{{ . }}}}{{{{ else }}}}{severity}{{{{ end }}}}",
    }


BUDGET = 'budget="example"'
_OF_BUDGETS = ("EnergyBudgetExceeded", "EnergyBudgetProjected")


def _nodes(topology: Topology) -> list[int]:
    """The IOAM nodes at which the topology's traffic is counted."""
    traffic = (component.traffic for component in topology.components.values())
    return sorted({entry.ioam.node for entry in traffic if entry is not None and entry.ioam is not None})


def _reporting(topology: Topology) -> str:
    """The instances of `joulepath pfcp` as a pattern, where the topology counts by usage reports; else nothing.

    It names UPFs, and an exporter that sees no message knows none of them: so these are all instances.
    """
    traffic = (component.traffic for component in topology.components.values())
    return ".+" if any(entry is not None and entry.core == "pfcp" for entry in traffic) else ""


GROUPS = ("alerts", "registers", "scraped")


@cache
def _groups() -> Any:
    text = files("joulepath_rules").joinpath("alerts.yaml").read_text(encoding="utf-8")
    return {group["name"]: group["rules"] for group in yaml.safe_load(text)["groups"]}


def shipped(*groups: str) -> Any:
    """The rules of these groups of `alerts.yaml`, or of all, as they stand there."""
    return [rule for group in groups or GROUPS for rule in _groups()[group]]


def can_fire(expr: promql.Expr, recorded: Collection[str]) -> bool:
    """Whether an expression can have a result where only `recorded` are written, beside what exporters publish."""
    needed: list[promql.Expr] = []
    match expr:
        case promql.VectorSelector():
            name = expr.name or ""
            return name in recorded or not (":" in name or name.startswith(PREFIX))
        case promql.MatrixSelector():
            needed = [expr.vector_selector]
        case promql.BinaryExpr() if str(expr.op) == "or":
            return can_fire(expr.lhs, recorded) or can_fire(expr.rhs, recorded)
        case promql.BinaryExpr():
            needed = [expr.lhs] if str(expr.op) == "unless" else [expr.lhs, expr.rhs]
        case promql.Call() if not expr.func.name.startswith("absent"):
            needed = expr.args
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            needed = [expr.expr]
    return all(can_fire(part, recorded) for part in needed)
