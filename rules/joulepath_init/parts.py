# SPDX-License-Identifier: Apache-2.0
"""Components in the making, before traffic and applications are known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from joulepath_init.hosts import Box

POOL = "kubernetes"
NETWORK = ("ru", "du", "cu", "gnb", "upf", "router", "switch", "gateway", "firewall", "transport")
"""Roles on the way of user packets."""
SUPPORTING = ("core-control", "timing")


@dataclass
class Part:
    """A component of the topology."""

    name: str
    role: str
    box: Box | None = None
    """Its host; None for one in the pool."""
    share: list[dict[str, str]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def value(self) -> dict[str, Any]:
        """Its entry."""
        entry: dict[str, Any] = {"role": self.role}
        if self.box is None:
            entry["pool"] = POOL
        elif self.box.name != self.name:
            entry["host"] = self.box.name
        if "reservation" in self.more:
            entry["reservation"] = self.more["reservation"]
        if self.share:
            entry["share"] = self.share
        return entry | {name: item for name, item in self.more.items() if name != "reservation"}


@dataclass
class Parts:
    """All components, and findings that did not become one."""

    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pooled: bool = False
    """Whether the hosts in Kubernetes are a pool."""

    def on(self, box: Box) -> list[Part]:
        """The components on a host."""
        return [part for part in self.parts if part.box is box or (part.box is None and box.node is not None)]

    def add(self, part: Part) -> None:
        """Adds a component, under a name that is free."""
        taken, base, number = {one.name for one in self.parts}, part.name, 2
        while part.name in taken:
            part.name, number = f"{base}-{number}", number + 1
        self.parts.append(part)


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return f"{', '.join(every[:most])}{more}"


def of_roles(parts: Iterable[Part], roles: Sequence[str]) -> Iterator[Part]:
    """The components of these roles, in the order of the roles."""
    every = list(parts)
    return (part for role in roles for part in every if part.role == role)
