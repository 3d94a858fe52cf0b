# SPDX-License-Identifier: Apache-2.0
"""A large report made by hand: more sites, hosts, components and applications than a chart can show alone.

Every column of its flow adds up to the same energy, and its steps have a gap of four hours.
"""

import dataclasses

from joulepath_report.model import UNATTRIBUTED, Column, Edge, Report, Step, Table
from joulepath_report.page.looks import MOST
from tests.report import example

HOUR = example.HOUR
BEGIN = example.BEGIN
HOSTS = 14
APPLICATIONS = 13
PARTS = (0.3, 0.2, 0.5)
"""Of the watts of a host: unattributed already at the host, its first component, its second."""


def watts(host: int) -> float:
    """Mean power of a host: each has a third less than the one before, so that the last ones are hardly visible."""
    return 900 * (2 / 3) ** host


def names(host: int) -> tuple[str, str]:
    """The components of a host."""
    return f"radio-unit-{host:02}", f"inference-server-for-speech-{host:02}"


def applications(host: int) -> list[tuple[str, float]]:
    """The applications of a host's components, and their parts of them; each host serves four of them."""
    parts = (0.4, 0.25, 0.2, 0.05)
    served = [(application(host * 3 + number), part) for number, part in enumerate(parts)]
    return [*served, (UNATTRIBUTED, 0.1)]


def application(number: int) -> str:
    """Names of several lengths."""
    number %= APPLICATIONS
    return ("camera", "robot-control", "video-analytics-of-the-north-hall", "chat")[number % 4] + f"-{number}"


def flow(seconds: float) -> tuple[Edge, ...]:
    """The edges."""
    edges = []
    for host in range(HOSTS):
        joules = watts(host) * seconds
        name = f"host-{host:02}"
        edges.append(Edge(("factory", "mast", "core")[host % 3], name, joules, "host"))
        for component, part in zip((UNATTRIBUTED, *names(host)), PARTS, strict=True):
            edges.append(Edge(name, component, joules * part, "component"))
            if component == UNATTRIBUTED:
                continue
            edges += [Edge(component, to, joules * part * share, "application") for to, share in applications(host)]
    edges.append(
        Edge(UNATTRIBUTED, UNATTRIBUTED, sum(watts(each) for each in range(HOSTS)) * PARTS[0] * seconds, "application")
    )
    return tuple(edges)


def steps(hours: int) -> tuple[Step, ...]:
    """Power by the hour, with more at noon; nothing is known from the 5th to the 9th hour."""
    whole: dict[str, float] = {}
    for edge in flow(1.0):
        if edge.kind == "application":
            whole[edge.target] = whole.get(edge.target, 0.0) + edge.joules
    return tuple(
        Step(BEGIN + hour * HOUR, HOUR, name, amount * (0.7 + 0.6 * (1 - abs(hour % 24 - 12) / 12)))
        for hour in range(hours)
        for name, amount in whole.items()
        if not 5 <= hour < 9
    )


def report(hours: int = 24) -> Report:
    """The report."""
    edges = flow(hours * HOUR)
    joules: dict[str, float] = {}
    for edge in edges:
        if edge.kind == "application":
            joules[edge.target] = joules.get(edge.target, 0.0) + edge.joules
    whole = sum(joules.values())
    columns = example.APPLICATIONS.columns
    rows = tuple(
        (
            name,
            amount,
            amount / 3.6e6,
            amount * 0.4,
            amount * 0.6,
            0.0,
            amount / 3.6e6 * 380,
            1 - number / 40,
            0.9,
            None,
        )
        for number, (name, amount) in enumerate(sorted(joules.items()))
    )
    total = ("total", whole, whole / 3.6e6, whole * 0.4, whole * 0.6, 0.0, whole / 3.6e6 * 380, None, None, None)
    hosts = Table(
        "hosts",
        "Hosts",
        (Column("host", "host"), Column("site", "site"), *example.ENERGY, Column("coverage", "coverage", "ratio")),
        tuple(
            (edge.target, edge.source, edge.joules, edge.joules / 3.6e6, 1.0) for edge in edges if edge.kind == "host"
        ),
        "Energy at the plugs of each host.",
        ("total", None, whole, whole / 3.6e6, None),
    )
    return dataclasses.replace(
        example.REPORT,
        topology="factory-north",
        end=BEGIN + hours * HOUR,
        notes=(
            *example.REPORT.notes,
            "Nothing was measured from 05:00 to 09:00: this time is charged with the mean of the rest of the day.",
        ),
        tables=(
            Table("applications", "Applications", columns, rows, example.APPLICATIONS.note, total),
            hosts,
            *example.REPORT.tables[2:],
        ),
        flow=edges,
        steps=steps(hours),
    )


def tiny() -> Report:
    """A report with a flow of which nine tenths of the places are too small to be seen."""
    amounts = {f"a-rather-long-name-{number}": 1.0 if number else 1e9 for number in range(MOST + 1)}
    edges = [Edge("site", "host", sum(amounts.values()), "host")]
    for name, joules in amounts.items():
        edges += [Edge("host", name, joules, "component"), Edge(name, name, joules, "application")]
    return dataclasses.replace(example.REPORT, flow=tuple(edges))


def long() -> Report:
    """A report of names in which no line breaks."""
    name = "video.analytics.of.the.north.hall.with.a.name.without.any.dash.at.all.and.more"
    edges = [
        Edge("site", "host", 1e6, "host"),
        Edge("host", name, 1e6, "component"),
        Edge(name, name, 1e6, "application"),
    ]
    named = [dataclasses.replace(step, application=name) for step in example.STEPS if step.application == "camera"]
    notes = (f"All of {name} was known for 75 % of the period.",)
    return dataclasses.replace(example.REPORT, topology=name, notes=notes, flow=tuple(edges), steps=tuple(named))
