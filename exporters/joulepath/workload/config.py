# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath workload`; docs/guides/workload.md describes its keys."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from joulepath.config import Model, load
from joulepath.workload.settings import LIMIT, RESERVED, Hierarchy, Kind, Rule, Settings

Pattern = Annotated[str, Field(min_length=1)]
_REGEX = ("cgroup_regex", "command")


class RuleModel(Model):
    """One workload, or one for each thing that fits. Exactly one key beside `name`; `*` fits any text, `/` included."""

    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The workload. All that fits adds up in it. Without it each thing has a workload of its own name. In a rule with
    a regular expression, `\\1` is its first group."""
    unit: Pattern | None = None
    """Systemd units, such as `open5gs-*.service`, at any depth: slices, scopes and users' units, too."""
    pod: Pattern | None = None
    """Kubernetes pods as NAMESPACE/NAME."""
    container: Pattern | None = None
    """Containers by name, or by id (its first 12 characters or more). Kubernetes' are NAMESPACE/POD/CONTAINER."""
    machine: Pattern | None = None
    """Virtual machines of libvirt and Proxmox by name, and containers of systemd-nspawn."""
    cgroup: Pattern | None = None
    """Paths of cgroups below the mounted root, such as `/batch/*`."""
    cgroup_regex: Pattern | None = None
    """A regular expression that the whole path fits, such as `.*/job_(\\d+)`."""
    executable: Pattern | None = None
    """Programs: a path if it has a `/`, else the last part of one. Threads of the kernel are `[NAME]`."""
    command: Pattern | None = None
    """A regular expression that is found in the first 4,096 octets of the command line, words with a space between.
    It needs a `name`."""

    @field_validator("name")
    @classmethod
    def _free(cls, value: str | None) -> str | None:
        if value in RESERVED:
            raise ValueError(f"{value!r} is the name of what no rule names: take another")
        return value

    @model_validator(mode="after")
    def _one(self) -> "RuleModel":
        kinds = [kind for kind in get_args(Kind) if getattr(self, kind) is not None]
        if len(kinds) != 1:
            given = f"not {' and '.join(kinds)}" if kinds else "and their pattern"
            raise ValueError(f"needs exactly one of {', '.join(get_args(Kind))}, {given}")
        rule = self.rule()
        if rule.kind not in _REGEX:
            return self
        try:
            groups = rule.regex.groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{rule.kind}: is not a regular expression: {error}") from None
        if rule.kind == "command" and rule.name is None:
            raise ValueError("command: needs a `name` for its workload")
        _check_template(rule, groups)
        return self

    def rule(self) -> Rule:
        """As the exporter reads it."""
        kind: Kind = next(kind for kind in get_args(Kind) if getattr(self, kind) is not None)
        return Rule(kind, getattr(self, kind), self.name)


def _check_template(rule: Rule, groups: int) -> None:
    """Raises ValueError for a name that refers to a group that the expression does not have."""
    if rule.name is None:
        return
    for number in re.findall(r"\\(\d+)", rule.name):
        if int(number) > groups:
            raise ValueError(f"name: \\{number} is not a group of the regular expression, which has {groups}")
    if re.sub(r"\\(\d+|g<\w+>)", "", rule.name).count("\\"):
        raise ValueError(r"name: write \1 or \g<NAME> for a group, and no other backslash")
    for name in re.findall(r"\\g<(\w+)>", rule.name):
        if name not in rule.regex.groupindex and not (name.isdecimal() and int(name) <= groups):
            raise ValueError(f"name: \\g<{name}> is not a group of the regular expression")


class WorkloadConfig(Model):
    """The whole file."""

    workloads: tuple[RuleModel, ...] = ()
    """Rules in the order of their priority: the first that fits a process's cgroups or program decides."""
    rest: Literal["each", "other"] = "other"
    """Cgroups that no rule names: `other` counts them together, `each` gives each unit, pod, container and machine a
    workload of its own."""
    limit: Annotated[int, Field(ge=1, le=100_000)] = LIMIT
    """The most workloads without a fixed name within an hour; what is beyond counts as `other`."""
    hierarchy: Hierarchy = "auto"
    """The version of cgroups that counts CPU time. `auto` takes the one with more cgroups where both are mounted."""

    @model_validator(mode="after")
    def _coherent(self) -> "WorkloadConfig":
        mistakes = list(self._repeated())
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _repeated(self) -> Iterable[str]:
        seen: set[tuple[str, str]] = set()
        for number, model in enumerate(self.workloads):
            rule = model.rule()
            if (rule.kind, rule.pattern) in seen:
                yield f"workloads[{number}]: {rule.kind} {rule.pattern!r} stands above already, where it decides"
            seen.add((rule.kind, rule.pattern))

    def settings(self) -> Settings:
        """As the exporter reads it."""
        return Settings(tuple(model.rule() for model in self.workloads), self.rest, self.limit, self.hierarchy)


def read(path: Path, text: str | None = None) -> Settings:
    """The settings in a file, or in its text as read. Raises UsageError with one line per mistake."""
    return load(path, WorkloadConfig, text).settings()
