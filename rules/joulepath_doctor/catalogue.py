# SPDX-License-Identifier: Apache-2.0
"""Every kind of finding, as data. docs/reference/doctor.md has a section for each; a test compares both."""

from joulepath_doctor.finding import Finding, Kind, Severity
from joulepath_topology.problem import Place


def _kinds(*rows: tuple[str, Severity, str, bool]) -> dict[str, Kind]:
    """Rows of id, severity, title, and whether it leaves a gap."""
    return {row[0]: Kind(*row) for row in rows}


KINDS = _kinds(
    ("doctor/not-checked", "note", "a check could not be made", False),
    # The rules on the server.
    ("rules/absent", "error", "the server has no rules of this topology", True),
    ("rules/outdated", "error", "the server's rules are not those of this file and this version", False),
    ("rules/twice", "error", "the server has the rules of this topology twice", False),
    ("rules/failing", "error", "a rule fails", True),
    ("rules/slow", "warning", "rules are evaluated too rarely", False),
    # The server's targets.
    ("target/down", "error", "an exporter is not scraped", True),
    ("target/unread", "note", "targets are down, of jobs that this topology does not seem to read", False),
    ("target/gone", "error", "the server has no targets of a job that the topology reads any more", True),
    ("target/twice", "warning", "the same exporter is scraped twice", False),
    ("target/unsteady", "warning", "an exporter is scraped now and then", False),
    ("target/old-config", "warning", "an exporter or Prometheus refused its last configuration", False),
    ("scrape/renamed", "error", "Prometheus has renamed a label of an exporter", True),
    ("scrape/sparse", "warning", "the window holds too few scrapes", False),
    ("scrape/too-sparse", "error", "the window holds less than two scrapes", True),
    ("versions/differ", "warning", "exporters and this program are of different versions", False),
    ("versions/old-server", "warning", "Prometheus is older than the rules need", False),
    ("clock/differs", "warning", "clocks differ", False),
    # Periods of budgets, labels.
    ("retention/short", "error", "samples are kept for less than a budget's period", False),
    ("budget/absent", "error", "a budget has no figures", False),
    ("budget/uncovered", "warning", "a budget rests on a part of its time", False),
    ("label/absent", "note", "some applications or components lack a label that others have", False),
)


def found(kind: str, place: Place, message: str, because: tuple[Place, ...] = ()) -> Finding:
    """A finding of the kind with this id. Raises KeyError for an id that the catalogue lacks."""
    return Finding(KINDS[kind], place, message, because)


def not_checked(kind: str, place: Place, reason: str) -> Finding:
    """The note that findings of the kind with this id were not looked for, and the reason."""
    return found("doctor/not-checked", place, f"not checked: {KINDS[kind].id}: {reason}")


def table() -> str:
    """A table in Markdown, one row for each kind, which leads to its section."""
    rows = (f"| [{kind.id}](#{kind.anchor}) | {kind.severity} | {kind.title} |\n" for kind in KINDS.values())
    return "".join(["| finding | severity | found when |\n|---|---|---|\n", *rows])
