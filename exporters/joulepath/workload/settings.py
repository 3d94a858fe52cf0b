# SPDX-License-Identifier: Apache-2.0
"""Which workloads there are: the settings, as the configuration file or the defaults give them."""

import fnmatch
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

OTHER, IRQ, SOFTIRQ, STEAL = "other", "irq", "softirq", "steal"
RESERVED = (OTHER, IRQ, SOFTIRQ, STEAL)
"""Workloads that no rule makes."""

Kind = Literal["unit", "pod", "container", "machine", "cgroup", "cgroup_regex", "executable", "command"]
PROCESS_KINDS = ("executable", "command")
"""Kinds that look at single processes. All others look at cgroups."""
Hierarchy = Literal["auto", "v1", "v2"]
LIMIT = 500


@dataclass(frozen=True)
class Rule:
    """One rule: what has `kind` and fits `pattern` belongs to a workload."""

    kind: Kind
    pattern: str
    """A regular expression for cgroup_regex (whole path) and command (anywhere), else a pattern of a shell."""
    name: str | None = None
    """The workload. None gives each thing a workload of its own name; `\\1` in a regular expression's is its group."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, compiled."""
        plain = self.kind in ("cgroup_regex", "command")
        return re.compile(self.pattern if plain else fnmatch.translate(self.pattern), re.DOTALL)

    @property
    def fixed(self) -> str | None:
        """The name of the rule's only workload; None if it may make several."""
        return None if self.name is None or "\\" in self.name else self.name


@dataclass(frozen=True)
class Settings:
    """Rules in the order of their priority, and the fate of cgroups that no rule names."""

    rules: tuple[Rule, ...] = ()
    rest: Literal["each", "other"] = "each"
    """`each` gives each unit, pod, container and machine a workload of its own."""
    limit: int = LIMIT
    """The most workloads within an hour."""
    hierarchy: Hierarchy = "auto"

    @property
    def looks_at_processes(self) -> bool:
        """Whether any rule needs /proc/PID."""
        return any(rule.kind in PROCESS_KINDS for rule in self.rules)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Workloads that have a series from the start, running or not."""
        return tuple(dict.fromkeys(rule.fixed for rule in self.rules if rule.fixed is not None))
