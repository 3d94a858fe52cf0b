# SPDX-License-Identifier: Apache-2.0
"""The pages of cores: written from the tables, one for each, with a topology that uses it."""

import pytest
from scripts import cores

from joulepath_topology import read
from joulepath_topology.cores.catalogue import CORES

pytestmark = pytest.mark.unit


def test_there_is_a_page_and_an_example_for_each_core() -> None:
    assert {path.stem for path in cores.PAGES.glob("*.md")} == set(CORES)
    assert {path.stem.removeprefix("core-") for path in (cores.ROOT / "examples").glob("core-*.yaml")} == set(CORES)


@pytest.mark.parametrize("name", CORES)
def test_the_page_of_a_core_is_current(name: str) -> None:
    assert (cores.PAGES / f"{name}.md").read_text(encoding="utf-8") == cores.page(name), "run `make docs`"


@pytest.mark.parametrize("name", CORES)
def test_the_example_of_a_core_uses_it(name: str) -> None:
    topology = read(cores.ROOT / "examples" / f"core-{name}.yaml")
    assert name in {entry.traffic.core for entry in topology.components.values() if entry.traffic is not None}


def test_the_reference_of_cores_is_current() -> None:
    assert cores.REFERENCE.read_text(encoding="utf-8") == cores.reference(), "run `make docs`"


@pytest.mark.parametrize("name", CORES)
def test_the_page_lists_policies_that_the_checks_allow(name: str) -> None:
    """A policy of the page is one that its example could have."""
    core = CORES[name]
    topology = read(cores.ROOT / "examples" / f"core-{name}.yaml")
    used = {entry.policy or topology.policy for entry in topology.components.values() if entry.traffic}
    assert used & set(cores.policies(core))
