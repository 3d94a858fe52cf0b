# SPDX-License-Identifier: Apache-2.0
"""Labels of applications and components, such as a team or a slice, by which the rules record sums."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Protocol

from pydantic import AfterValidator, StringConstraints

from joulepath_topology import promql
from joulepath_topology.common import Name

UNLABELLED = "unlabelled"
"""The value of a label for all that do not have it."""

RESERVED = frozenset({
    "absent", "adapter", "alertname", "alertstate", "amounts", "anchor", "application", "application_component",
    "application_domain", "application_raw", "application_site", "attribution", "basis", "boundary", "budget",
    "budget_part", "by", "chassis", "component", "component_part", "counter", "coverage", "currency", "domain",
    "embodied", "embodied_in", "factor", "feeds", "flow", "generation", "gpu", "grid_zone", "history", "host",
    "host_tier", "instance", "ioam_namespace", "job", "kind", "le", "leaf", "market", "method", "node", "node_id", "of",
    "outlet", "over", "overhead", "part", "passing", "per", "plug", "quantile", "quantity", "role", "segment", "sender",
    "severity", "share", "site", "source", "state", "supply", "target", "tier", "time_zone", "topology", "total",
    "trace_id", "unit", "vm", "way",
})  # fmt: skip
"""The labels that the rules use themselves, the first words of their series' names, and Prometheus' own labels."""


def _label(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) or name.startswith("__"):
        raise ValueError(f"{name!r} is not a label's name: letters, digits and _ only, not starting with a digit or __")
    if name in RESERVED or name.startswith("joulepath_") or not promql.is_label(name):
        raise ValueError(f"{name!r} is a word of the rules: choose another name")
    return name


def _value(value: str) -> str:
    if value == UNLABELLED:
        raise ValueError(f"{UNLABELLED!r} is what the rules call entries without this label: choose another name")
    return value


Labels = dict[
    Annotated[str, AfterValidator(_label), StringConstraints(max_length=60)], Annotated[Name, AfterValidator(_value)]
]
"""The labels of an application or component, with their values."""


class Labelled(Protocol):
    """An entry that may have labels."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels with their values."""


def label_names(entries: Iterable[Labelled]) -> tuple[str, ...]:
    """The names of all labels that the entries have."""
    return tuple(sorted({key for entry in entries for key in entry.labels}))


def label_values(entry: Labelled, names: Iterable[str]) -> Mapping[str, str]:
    """The value of each of these labels for an entry."""
    return {name: entry.labels.get(name, UNLABELLED) for name in names}
