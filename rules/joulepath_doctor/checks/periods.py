# SPDX-License-Identifier: Apache-2.0
"""Budgets and their periods, sites without a price or a factor, and labels by which the rules record sums."""

import math
import re
from collections.abc import Iterator

from joulepath_doctor.catalogue import found, not_checked
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.places import RULES, SERVER
from joulepath_prometheus.errors import NoAnswerError, PrometheusError
from joulepath_rules.budgets import USED
from joulepath_rules.chain import slow
from joulepath_rules.constants import labelled
from joulepath_rules.periods import ELAPSED, period
from joulepath_rules.reads import selector
from joulepath_topology.budgets import Budget
from joulepath_topology.durations import duration, seconds
from joulepath_topology.labels import label_names
from joulepath_topology.problem import Place
from joulepath_topology.promql import quote

LEAST = 0.9
"""The part of a period's time that must be measured, as in the alert EnergyBudgetCoverageLow."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about budgets, prices, factors and labels."""
    if context.topology.budgets:
        yield from _retention(context)
    for name, budget in context.topology.budgets.items():
        yield from _budget(context, name, budget)
    yield from _incomplete(context)
    yield from _labels(context)


def _incomplete(context: Context) -> Iterator[Finding]:
    """Sites with hosts and without a price or a factor, beside sites that have one."""
    topology = context.topology
    used = {host.site: topology.sites[host.site] for host in topology.hosts.values()}
    unpriced = [name for name, site in used.items() if site.price is None]
    if unpriced and len(unpriced) < len(used):
        yield found(
            "price/absent", ("sites",),
            f"{', '.join(unpriced)} without a price: an application with watts there has no cost. State a price, or 0",
        )  # fmt: skip
    unknown = [name for name, site in used.items() if not any(supply.known for supply in site.supplies.values())]
    if unknown and len(unknown) < len(used):
        yield found(
            "factor/absent", ("sites",),
            f"{', '.join(unknown)} without a carbon factor: an application with watts there has no CO2. State "
            "grams_per_kwh, or grid_zone and source",
        )  # fmt: skip


def _retention(context: Context) -> Iterator[Finding]:
    try:
        words = context.server.retention()
    except NoAnswerError:
        raise
    except PrometheusError as error:
        yield not_checked("retention/short", SERVER, f"the server does not say how long it keeps samples: {error}")
        return
    time = re.search(r"\b(\d+(ms|[smhdwy]))+\b", words)
    if time is None:
        yield not_checked("retention/short", SERVER, f"the server keeps {words or 'samples'}, which is not a time")
        return
    kept = seconds(time[0])
    for name, budget in context.topology.budgets.items():
        needed = budget.seconds
        if kept < needed:
            yield found(
                "retention/short", ("budgets", name, "per" if budget.per is not None else "window"),
                f"a period ({budget.period}) needs samples of {needed / 86400:g} days, and the server keeps {time[0]}: "
                f"start Prometheus with --storage.tsdb.retention.time={math.ceil(needed / 86400) + 1}d",
            )  # fmt: skip


def _budget(context: Context, name: str, budget: Budget) -> Iterator[Finding]:
    place: Place = ("budgets", name)
    because = (RULES, *_measured(context, budget))
    used = USED[budget.quantity]
    labels = f"topology={quote(context.topology.name)},budget={quote(name)}"
    heartbeat = f"attribution:heartbeat{{topology={quote(context.topology.name)}}}"
    if not context.server.query(f"{used}{{{labels}}}"):
        # Its rules read what the chain wrote one evaluation before, and need the application for that long.
        settled = f"{context.topology.window + 3 * slow(context.topology):g}"
        if context.server.query(f"{heartbeat} offset {duration(float(settled))}"):
            yield found(
                "budget/absent", place,
                f"no {used} of {budget.of[1]!r}, although the rules ran for {settled} s: see what "
                f"{'host' if budget.site is not None else 'application'}:missing:info names",
                because,
            )  # fmt: skip
        else:
            yield not_checked("budget/absent", place, f"the rules began less than {settled} s ago", cause="began")
        return
    running = selector(context.topology, ELAPSED, "", **period(budget).matchers)
    elapsed = _one(context, running)
    coverage = _one(context, f"budget:coverage:ratio{{{labels}}}")
    if elapsed is None or coverage is None or elapsed < 2 * context.topology.window:
        return
    step = max(context.topology.interval, elapsed / 1000)
    ran = _one(context, f"count_over_time(({heartbeat})[{duration(elapsed)}:{duration(step)}])")
    share = min((ran or 0) * step / elapsed, 1)
    lost = (share - coverage) * elapsed
    if coverage < LEAST * share and lost > 3 * context.topology.window + step:  # `ran` is exact to a step
        yield found(
            "budget/uncovered", place,
            f"{coverage:.0%} of the elapsed time of its period ({budget.period}) was measured, and the rules ran for "
            f"{share:.0%} of it: gaps after the first measurement are charged with the mean; see "
            "application:coverage:ratio:1h for when it was absent",
            because,
        )  # fmt: skip


def _measured(context: Context, budget: Budget) -> Iterator[Place]:
    """The applications of a budget with their components and hosts; or the hosts of its site."""
    if budget.site is not None:
        yield ("sites", budget.site)
        yield from (("hosts", name) for name, host in context.topology.hosts.items() if host.site == budget.site)
    for application in context.topology.applications_of(budget):
        yield ("applications", application)
        for component in context.topology.needed(application):
            yield ("components", component)
            for host in context.topology.hosts_of(component):
                yield ("vms" if host in context.topology.vms else "hosts", host)


def _one(context: Context, expr: str) -> float | None:
    """The value of the only row."""
    rows = context.server.query(expr)
    return rows[0].value if len(rows) == 1 else None


def _labels(context: Context) -> Iterator[Finding]:
    for kind, entries in labelled(context.topology).items():
        for label in label_names(entries.values()):
            without = [name for name, entry in entries.items() if label not in entry.labels]
            if without:
                shown = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
                yield found(
                    "label/absent", (f"{kind}s",),
                    f"{len(without)} of {len(entries)} {kind}s have no label {label} ({shown}): their watts are "
                    f"recorded as {label}=\"unlabelled\"",
                )  # fmt: skip
