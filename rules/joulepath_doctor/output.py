# SPDX-License-Identifier: Apache-2.0
"""Findings as a table for a terminal, and as JSON."""

import json
from collections.abc import Sequence

from tabulate import tabulate

from joulepath import __version__
from joulepath_doctor.context import Context
from joulepath_doctor.finding import SEVERITIES, Finding, alike

HEADERS = ("severity", "finding", "place", "fact and cure")
NARROWEST = 40
"""Columns for a message, at least."""


def table(findings: Sequence[Finding], width: int) -> str:
    """Aligned columns, the worst first; the message with the page below it takes the rest of the width."""
    shown = alike(sorted(findings, key=lambda finding: SEVERITIES.index(finding.kind.severity)))
    rows = [(one.kind.severity, one.kind.id, one.where, f"{one.message}\n{one.kind.page}") for one in shown]
    # tabulate leaves two columns between texts, and makes a column at least two wider than its header.
    longest = [max(len(HEADERS[column]) + 2, *(len(row[column]) for row in rows)) for column in range(3)]
    taken = sum(longest) + 2 * 3
    widths = [None, None, None, max(width - taken, NARROWEST)]
    return tabulate(
        rows, headers=HEADERS, tablefmt="simple", maxcolwidths=widths,
        disable_numparse=True, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def summary(findings: Sequence[Finding]) -> str:
    """The counts by severity: `1 error, 2 warnings, 0 notes`."""
    severities = [finding.kind.severity for finding in findings]
    return ", ".join(f"{severities.count(one)} {one}{'' if severities.count(one) == 1 else 's'}" for one in SEVERITIES)


def as_json(context: Context, findings: Sequence[Finding]) -> str:
    """One object with all findings, for programs."""
    return json.dumps(
        {
            "topology": context.topology.name,
            "hash": context.topology.hash,
            "server": context.server.url,
            "version": __version__,
            "time": context.now,
            "since_seconds": context.since,
            "findings": [
                {
                    "id": one.kind.id,
                    "severity": one.kind.severity,
                    "place": one.where,
                    "message": one.message,
                    "page": one.kind.page,
                }
                for one in findings
            ],
        },
        indent=2,
        ensure_ascii=False,
    )
