# SPDX-License-Identifier: Apache-2.0
"""The look of each application in all charts of a page: a colour and a pattern, so that print keeps them apart.

Colours are variables of the page's style, and patterns are elements of the page: both follow light and dark mode.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from joulepath_report.model import UNATTRIBUTED, Report

MOST = 10
"""Applications with a look of their own; the others share one."""

OTHERS = " others"
"""Key of what stands for all that are too small to be shown alone; a name does not begin with a space."""

PLAIN = "var(--node)"
"""The colour of what is not an application."""

_SHAPES = (
    "",
    "M-2,2l4,-4M0,8l8,-8M6,10l4,-4",
    "M0,2h8M0,6h8",
    "M2,1a1,1 0 1,0 .1,0M6,5a1,1 0 1,0 .1,0",
    "M2,0v8M6,0v8",
    "M-2,6l4,4M0,0l8,8M6,-2l4,4",
    "M0,4h8M4,0v8",
    "M0,2l4,4l4,-4",
    "M0,0l8,8M8,0l-8,8",
    "M0,4h8",
    "M4,0v8",
)
"""A pattern for each look, in a square of 8: told apart without colour."""

PATTERNS = [
    *((f"look-{number}", shape) for number, shape in enumerate(_SHAPES)),
    ("look-others", "M1,3h2M5,7h2"),
    ("look-unattributed", "M-2,2l4,-4M0,8l8,-8M6,10l4,-4"),
    ("look-gap", "M0,0l8,8"),
]
"""Shapes by the id of their pattern: of each look, and of times that were not measured."""


@dataclass(frozen=True)
class Looks:
    """Which applications are shown alone, and how all of them look."""

    patterns: Mapping[str, str]
    """The id of the pattern by application, the largest first; then OTHERS and UNATTRIBUTED, where there are such."""
    hidden: int
    """How many applications OTHERS stands for."""

    def key(self, application: str) -> str:
        """The key of `patterns` for an application."""
        return application if application in self.patterns else OTHERS

    def label(self, key: str) -> str:
        """Its name for readers."""
        return others(self.hidden) if key == OTHERS else key


def looks(report: Report) -> Looks:
    """The looks of a report's applications."""
    joules = application_joules(report)
    names = sorted((name for name in joules if name != UNATTRIBUTED), key=lambda name: (-joules[name], name))
    shown = names if len(names) <= MOST + 1 else names[:MOST]
    chosen = {name: f"look-{number}" for number, name in enumerate(shown)}
    if len(shown) < len(names):
        chosen[OTHERS] = "look-others"
    if UNATTRIBUTED in joules:
        chosen[UNATTRIBUTED] = f"look-{UNATTRIBUTED}"
    return Looks(chosen, len(names) - len(shown))


def application_joules(report: Report) -> Mapping[str, float]:
    """Energy by application as the flow has it, or the steps where there is no flow; 0 for one that only they have."""
    joules: defaultdict[str, float] = defaultdict(float)
    for edge in report.flow:
        if edge.kind == "application":
            joules[edge.target] += edge.joules
    for step in report.steps:
        joules[step.application] += 0.0 if report.flow else step.watts * step.seconds
    return joules


def others(count: int) -> str:
    """The label of so many names that are shown as one."""
    return f"{count} other{'' if count == 1 else 's'}"
