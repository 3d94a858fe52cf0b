# SPDX-License-Identifier: Apache-2.0
"""The packages ("rooms") of the source tree and their imports, for docs/develop/architecture.md and its test."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.dependencies import ROOT

PAGE = ROOT / "docs" / "develop" / "architecture.md"

_RULE = re.compile(r"^\| *(`[^|]*)\|([^|]*)\|", re.MULTILINE)
_NAME = re.compile(r"`([\w.]+)`")


@dataclass(frozen=True)
class Module:
    """A Python file of the source tree."""

    name: str
    """Dotted; of an `__init__.py` the package's name."""
    room: str
    """The package that it belongs to."""
    imports: frozenset[str]
    """Modules that it imports anywhere in its text, as far as the source tree has them."""


@dataclass(frozen=True)
class Room:
    """A package."""

    name: str
    sentence: str
    """The first paragraph of its docstring."""
    imports: tuple[str, ...]
    """Other rooms that its modules import, by name."""


def folders(root: Path = ROOT) -> Sequence[Path]:
    """Folders that hold the packages, as pyproject.toml lists them for an editable installation."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return [root / folder for folder in project["tool"]["hatch"]["build"]["dev-mode-dirs"]]


def modules(sources: Sequence[Path] | None = None) -> Mapping[str, Module]:
    """Every module of the source tree, by name."""
    files = {name: path for source in sources or folders() for name, path in _files(source)}
    return {
        name: Module(
            name,
            name if path.name == "__init__.py" else name.rpartition(".")[0],
            frozenset(_imports(path, name, files.keys())),
        )
        for name, path in sorted(files.items())
    }


def rooms(sources: Sequence[Path] | None = None) -> Sequence[Room]:
    """Every package, by name."""
    known = modules(sources)
    arrows: dict[str, set[str]] = defaultdict(set)
    for module in known.values():
        arrows[module.room] |= {known[name].room for name in module.imports} - {module.room}
    sentences = {name: _sentence(path) for source in sources or folders() for name, path in _files(source)}
    return [Room(name, sentences[name], tuple(sorted(arrows[name]))) for name in sorted(arrows)]


def table() -> str:
    """The table of docs/develop/architecture.md."""
    rows = (
        f"| `{room.name}` | {room.sentence} | {', '.join(f'`{name}`' for name in room.imports)} |\n" for room in rooms()
    )
    return "| room | contents | imports |\n|---|---|---|\n" + "".join(rows)


def rules(page: str) -> Mapping[str, Collection[str]]:
    """The imports that a page allows: by package, the other packages that it may import.

    Each row of the table below the heading "Allowed imports" names packages, then those that they may import. A row
    also holds for the packages inside, unless they have a row of their own.
    """
    chapter = page.partition("## Allowed imports\n")[2].partition("\n## ")[0]
    return {name: _NAME.findall(row[2]) for row in _RULE.finditer(chapter) for name in _NAME.findall(row[1])}


def forbidden(imports: Sequence[Room], allowed: Mapping[str, Collection[str]]) -> Sequence[str]:
    """The imports that no rule allows, and the rooms without a rule, one line each."""
    faults = []
    for room in imports:
        rule = _rule(room.name, allowed)
        if rule is None:
            faults.append(f"{room.name} has no row in the table of allowed imports")
            continue
        others = ((other, _rule(other, allowed)) for other in room.imports)
        faults += [f"{room.name} imports {name}" for name, other in others if other not in (rule, *allowed[rule])]
    return faults


def circle(known: Mapping[str, Module]) -> Sequence[str]:
    """The modules in a circle of imports, and those that need one of them; empty without a circle."""
    left = {name: set(module.imports) - {name} for name, module in known.items()}
    while free := [name for name, imports in left.items() if not imports & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Names and files of the modules below `source`."""
    for path in source.rglob("*.py"):
        parts = path.relative_to(source).with_suffix("").parts
        yield ".".join(parts[:-1] if path.name == "__init__.py" else parts), path


def _imports(path: Path, own: str, known: Collection[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in known and full != own:
                    yield full
                elif node.module in known:
                    yield node.module


def _sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _rule(name: str, allowed: Mapping[str, Collection[str]]) -> str | None:
    """The row that holds for a room: its own, or that of the nearest package around it."""
    while name and name not in allowed:
        name = name.rpartition(".")[0]
    return name or None
