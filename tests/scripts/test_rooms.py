# SPDX-License-Identifier: Apache-2.0
"""docs/develop/architecture.md names the packages and their imports as they are, and the imports keep to its rules."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from scripts import generate, rooms
from scripts.rooms import Module, Room

pytestmark = pytest.mark.unit

PAGE = rooms.PAGE.read_text(encoding="utf-8")
ALLOWED = {"shared": [], "shared.tool": ["shared"], "rules": ["shared"]}


def test_the_table_of_rooms_is_current() -> None:
    assert generate.with_rooms(PAGE) == PAGE, "run `make docs`"


def test_the_table_has_every_package_and_each_explains_itself() -> None:
    packages = {
        ".".join(path.parent.relative_to(folder).parts)
        for folder in rooms.folders()
        for path in folder.rglob("__init__.py")
    }
    listed = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", rooms.table(), re.MULTILINE))
    assert packages <= listed.keys()
    assert all(listed[name] for name in packages)


def test_imports_keep_to_the_rules_of_the_page() -> None:
    rules = rooms.rules(PAGE)
    assert {"joulepath", "joulepath_rules", "joulepath_lab"} <= rules.keys()
    assert rooms.forbidden(rooms.rooms(), rules) == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    assert rooms.circle(rooms.modules()) == []


def test_the_truth_reads_neither_exporters_nor_rules() -> None:
    known = rooms.modules()
    truth = {name for name, module in known.items() if module.room == "joulepath_lab.truth"}
    assert {"joulepath_lab.truth.truth", "joulepath_lab.truth.law"} <= truth
    imports = {need for name in truth for need in needs(name, known)}
    assert {name.partition(".")[0] for name in imports} == {"joulepath_lab"}


def needs(module: str, known: Mapping[str, Module]) -> set[str]:
    """The module and all that it imports, directly or not."""
    reached, left = set[str](), {module}
    while left:
        name = left.pop()
        reached.add(name)
        left |= known[name].imports - reached
    return reached


@pytest.mark.parametrize(
    ("room", "faults"),
    [
        (Room("rules.topology", "", ("rules", "shared")), []),
        (Room("shared.web", "", ("shared",)), []),
        (Room("shared.web", "", ("shared.tool",)), ["shared.web imports shared.tool"]),
        (Room("shared.tool", "", ("rules.topology", "shared")), ["shared.tool imports rules.topology"]),
        (Room("shared.tool", "", ("shared.web",)), []),
        (Room("rules", "", ("shared.tool.wire",)), ["rules imports shared.tool.wire"]),
        (Room("other", "", ()), ["other has no row in the table of allowed imports"]),
    ],
)
def test_an_import_that_breaks_the_rules_is_found(room: Room, faults: list[str]) -> None:
    assert rooms.forbidden([room], ALLOWED) == faults


def test_imports_are_read_wherever_they_stand(tmp_path: Path) -> None:
    """At the top, within a function, for types alone, of a module and of a name in it."""
    for name, text in {
        "house/__init__.py": '"""The house.\n\nMore of it."""\n',
        "house/a.py": "import os\nfrom house import b\n\n\ndef f() -> None:\n    from house.attic.c import name\n",
        "house/b.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import house.attic.c\n",
        "house/attic/__init__.py": '"""Under\nthe roof."""\n',
        "house/attic/c.py": "name = 1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    known = rooms.modules([tmp_path])
    assert known["house.a"].imports == {"house.b", "house.attic.c"}
    assert known["house.b"].imports == {"house.attic.c"}
    assert rooms.rooms([tmp_path]) == [
        Room("house", "The house.", ("house.attic",)),
        Room("house.attic", "Under the roof.", ()),
    ]
    assert rooms.circle(known) == []
    (tmp_path / "house" / "attic" / "c.py").write_text("from house import b\n")
    assert {"house.b", "house.attic.c"} <= set(rooms.circle(rooms.modules([tmp_path])))
