# SPDX-License-Identifier: Apache-2.0
"""Names the workload of a cgroup or a process by the rules of the settings: the first that fits decides."""

import os
from collections.abc import Collection
from dataclasses import dataclass

from joulepath.reading.bounds import label
from joulepath.workload.names import Names
from joulepath.workload.settings import PROCESS_KINDS, RESERVED, Rule, Settings
from joulepath.workload.things import Thing, by_default, things

SHORT_ID = 12
"""Characters of a container's id that stand for it, as Docker shows it."""


@dataclass(frozen=True)
class Match:
    """A workload, and the place of its rule: of two matches the one with the lower place holds."""

    place: int
    workload: str

    def over(self, above: "Match | None") -> bool:
        """Whether this match holds inside `above`. The outer one holds if one rule made both."""
        return above is None or self.place < above.place


class Naming:
    """Applies the rules to cgroups and processes. Matches of paths are kept, since every reading asks for them."""

    def __init__(self, settings: Settings, names: Names) -> None:
        self._settings = settings
        self._names = names
        self._groups = [(place, rule) for place, rule in enumerate(settings.rules) if rule.kind not in PROCESS_KINDS]
        self._processes = [(place, rule) for place, rule in enumerate(settings.rules) if rule.kind in PROCESS_KINDS]
        self._found: dict[str, Match | None] = {}

    def group(self, path: str) -> Match | None:
        """The match of the cgroup at `path` itself; None leaves it to the cgroup around it."""
        try:
            return self._found[path]
        except KeyError:
            pass
        named = {thing: self._name(thing) for thing in things(path)}
        found = self._match(path, named)
        if None not in named.values():  # a name that its engine has not yet written is asked for again
            self._found[path] = found
        return found

    def process(self, executable: str, command: str) -> Match | None:
        """The match of a process with this path of its program and this command line, words with a space between."""
        for place, rule in self._processes:
            if rule.kind == "command":
                found = rule.regex.search(command)
                if found is not None:
                    return Match(place, _safe(rule.kind, found.expand(rule.name or "")))
            else:
                text = executable if "/" in rule.pattern else os.path.basename(executable)  # noqa: PTH119  # quicker
                if rule.regex.fullmatch(text):
                    return Match(place, _safe(rule.kind, rule.name or os.path.basename(executable)))  # noqa: PTH119
        return None

    def keep(self, paths: Collection[str]) -> None:
        """Forgets all other paths."""
        if len(self._found) > 2 * len(paths) + 64:
            self._found = {path: match for path, match in self._found.items() if path in paths}

    @property
    def kept(self) -> int:
        """How many paths have matches that are kept."""
        return len(self._found)

    def bound(self, most: int) -> None:
        """Forgets all paths once there are more than `most`, for questions that do not know which ones still exist."""
        if len(self._found) > most:
            self._found.clear()

    def _match(self, path: str, named: dict[Thing, str | None]) -> Match | None:
        for place, rule in self._groups:
            if rule.kind in ("cgroup", "cgroup_regex"):
                found = rule.regex.fullmatch(path)
                if found is not None:
                    name = found.expand(rule.name) if rule.name and rule.kind == "cgroup_regex" else rule.name or path
                    return Match(place, _safe(rule.kind, name))
                continue
            for thing, name_of in named.items():
                if thing.kind == rule.kind and _fits(rule, thing, name_of):
                    return Match(place, _safe(rule.kind, rule.name or name_of or _unnamed(thing)))
        default = by_default(path) if self._settings.rest == "each" else None
        if default is None:
            return None
        return Match(len(self._settings.rules), _safe(default.kind, named[default] or _unnamed(default)))

    def _name(self, thing: Thing) -> str | None:
        if thing.kind == "pod":
            return self._names.pod(thing.name)
        if thing.kind == "container":
            return self._names.container(thing.name)
        return thing.name


def _fits(rule: Rule, thing: Thing, name: str | None) -> bool:
    if name is not None and rule.regex.fullmatch(name):
        return True
    return thing.kind == "container" and len(rule.pattern) >= SHORT_ID and thing.name.startswith(rule.pattern)


def _unnamed(thing: Thing) -> str:
    return thing.name[:SHORT_ID] if thing.kind == "container" else f"pod-{thing.name}"


def _safe(kind: str, name: str) -> str:
    """A label value that is not one of those for the rest."""
    return f"{kind}:{name}" if name in RESERVED or not name else label(name)
