# SPDX-License-Identifier: Apache-2.0
"""The look of each application in all charts of a page: a colour and a pattern, so that print keeps them apart.

Colours are variables of the page's style, and patterns are elements of the page: both follow light and dark mode.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from joulepath_report.model import UNATTRIBUTED, Report

MOST = 10
"""Applications with a look of their own; the others share one."""

OTHERS = "others"
"""Key of what stands for all that are too small to be shown alone."""

PLAIN = "var(--node)"


def looks(report: Report) -> Mapping[str, str]:
    """The id of the pattern by application, the largest first; then OTHERS and UNATTRIBUTED, where there are such."""
    joules = application_joules(report)
    names = sorted((name for name in joules if name != UNATTRIBUTED), key=lambda name: (-joules[name], name))
    shown = names if len(names) <= MOST + 1 else names[:MOST]
    chosen = {name: f"look-{number}" for number, name in enumerate(shown)}
    if len(shown) < len(names):
        chosen[OTHERS] = f"look-{OTHERS}"
    if UNATTRIBUTED in joules:
        chosen[UNATTRIBUTED] = f"look-{UNATTRIBUTED}"
    return chosen


def application_joules(report: Report) -> Mapping[str, float]:
    """Energy by application in the charts: of the flow, and of the steps where there is no flow."""
    joules: defaultdict[str, float] = defaultdict(float)
    for edge in report.flow:
        if edge.kind == "application":
            joules[edge.target] += edge.joules
    for step in report.steps:
        if not report.flow or step.application not in joules:
            joules[step.application] += step.watts * step.seconds
    return joules


def others(names: Sequence[str]) -> str:
    """The label of several names that are shown as one."""
    return f"{len(names)} others"
