# SPDX-License-Identifier: Apache-2.0
"""Dependencies of Joulepath: their versions, licences and known holes."""

import json
import re
from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from scripts import audit, constraints, dependencies, licences

pytestmark = pytest.mark.unit

PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+) \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+")


def read_pins() -> dict[str, str]:
    """Version by package."""
    text = constraints.FILE.read_text(encoding="utf-8")
    return {match["name"]: match["version"] for match in PIN.finditer(text)}


def test_every_pin_has_a_hash_and_no_place_is_named() -> None:
    text = constraints.FILE.read_text(encoding="utf-8")
    assert not PIN.sub("", text).removeprefix(constraints.HEAD), "run `make constraints`"
    assert "://" not in text


def test_every_requirement_is_pinned_to_a_version_that_it_admits() -> None:
    pins = read_pins()
    for stated in (*dependencies.stated(), *dependencies.building()):
        requirement = Requirement(stated)
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{stated}: run `make constraints`"


def test_each_installed_package_is_pinned() -> None:
    names = names_of([*dependencies.stated(), *dependencies.building()])
    assert names <= read_pins().keys(), "run `make constraints`"


def names_of(requirements: Sequence[str]) -> set[str]:
    return {canonicalize_name(one.metadata["Name"]) for one in dependencies.installed(requirements)}


def test_an_image_keeps_nothing_that_builds_the_wheel() -> None:
    dockerfile = (dependencies.ROOT / "Dockerfile").read_text(encoding="utf-8")
    (removed,) = re.findall(r"pip uninstall --yes (.*)", dockerfile)
    tools = names_of(dependencies.building()) - names_of(dependencies.stated())
    assert set(removed.split()) == tools | {"pip", "setuptools"}


@pytest.mark.parametrize(
    ("package", "hole"),
    [
        ("pyasn1", "0.6.3"),
        ("aiohttp", "3.14.3"),
        ("requests", "2.32.5"),
        ("urllib3", "2.7.0"),
        ("idna", "3.14"),
        ("h11", "0.14.0"),
    ],
)
def test_versions_with_known_vulnerabilities_are_not_admitted(package: str, hole: str) -> None:
    floors = [Requirement(one) for one in dependencies.stated() if Requirement(one).name == package]
    assert len(floors) == 1
    assert Version(hole) not in floors[0].specifier


def test_an_installation_report_becomes_pins() -> None:
    def one(name: str, version: str, digit: str) -> dict[str, object]:
        archive = {"hashes": {"sha256": digit * 64}}
        return {"metadata": {"name": name, "version": version}, "download_info": {"archive_info": archive}}

    first = constraints.pins({"install": [one("Py_YAML", "6.0", "a"), one("idna", "3.20", "b")]})
    second = constraints.pins({"install": [one("py.yaml", "6.0", "c")]})
    text = constraints.text(constraints.join_pins([first, second]))
    assert [match["name"] for match in PIN.finditer(text)] == ["idna", "py-yaml"]
    assert text.count("--hash=") == 3
    with pytest.raises(ValueError, match=r"idna: 3\.20 for one Python or machine, 3\.21 for another"):
        constraints.join_pins([first, constraints.pins({"install": [one("idna", "3.21", "d")]})])


def test_every_licence_is_allowed_and_the_page_is_current() -> None:
    packages = licences.find_licences()
    assert licences.mistakes(packages) == []
    page = licences.PAGE.read_text(encoding="utf-8")
    assert page.startswith(licences.HEAD)
    for name, text in packages:
        assert f"| {name} | {text} |\n" in page, "run `make docs`"
    listed = {line.split(" | ")[0].removeprefix("| ") for line in page.removeprefix(licences.HEAD).splitlines()}
    tools = names_of(dependencies.building()) - names_of(dependencies.stated())
    assert listed == read_pins().keys() - tools, "what builds the wheel does not come with it"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-2.0-or-later OR Apache-2.0", True),
        ("Apache-2.0 AND MIT", True),
        ("(MIT OR GPL-3.0-only)", True),
        ("GPL-2.0-only", False),
        ("Apache-2.0 AND GPL-2.0-only", False),
        ("", False),
    ],
)
def test_a_licence_expression_is_allowed_or_refused(expression: str, allowed: bool) -> None:  # what is expected
    assert licences.is_allowed(expression) is allowed
    assert bool(licences.mistakes([("package", expression)])) is not allowed


@pytest.mark.parametrize(
    ("metadata", "text", "licence"),
    [
        ("License-Expression: MIT", "", "MIT"),
        ("License: Apache License, Version 2.0", "", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License", "", "MIT"),
        ("", "Permission is hereby granted, free of\ncharge, to any person", "MIT"),
        ("", "Apache License\n  Version 2.0, January 2004", "Apache-2.0"),
        ("", "All rights reserved.", ""),
    ],
)
def test_a_licence_is_found_in_each_place_that_states_it(
    tmp_path: Path, metadata: str, text: str, licence: str
) -> None:
    folder = tmp_path / "thing-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: thing\nVersion: 1.0\n{metadata}\n")
    (folder / "LICENSE").write_text(text)
    (folder / "RECORD").write_text("thing-1.0.dist-info/LICENSE,,\n")
    assert licences.licence(Distribution.at(folder)) == licence


def test_a_vulnerability_is_reported_with_the_version_that_fixes_it() -> None:
    package = {"name": "idna", "version": "3.6", "vulns": [{"id": "CVE-2024-3651", "fix_versions": ["3.7"]}]}
    holes, why_not = audit.verdict(1, json.dumps({"dependencies": [package]}), "")
    assert holes == ["idna 3.6: CVE-2024-3651, fixed in 3.7"]
    assert not why_not


@pytest.mark.parametrize(
    ("code", "output", "errors", "why_not"),
    [
        (1, "", "Traceback ...\nProxyError: cannot connect", "ProxyError: cannot connect"),
        (1, "", "", "it ended with 1 and said nothing"),
        (0, '{"dependencies": [{"name": "idna", "skip_reason": "not found"}]}', "", "1 of 1 packages: not found"),
        (0, '{"dependencies": [{"name": "idna", "version": "3.20", "vulns": []}]}', "", ""),
    ],
)
def test_unreachable_vulnerability_data_are_an_error_of_their_own(
    code: int, output: str, errors: str, why_not: str
) -> None:
    assert audit.verdict(code, output, errors) == ([], why_not)
