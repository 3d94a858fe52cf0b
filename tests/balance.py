# SPDX-License-Identifier: Apache-2.0
"""How `--dist loadfile` shares tests among workers: those that last longest begin first.

A file is one worker's, since its tests share a set-up, unless each of its tests has a set-up of its own. Without this,
pytest-xdist begins with the files that have the most tests, and a worker with a single long one is alone at the end.
"""

from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST = (
    "tests/lab/test_faults.py",
    "tests/doctor/test_set_ups.py",
    "tests/rules/test_live_topologies.py",
    "tests/rules/test_live_edges.py",
    "tests/lab/test_factory.py",
    "tests/lab/test_core.py",
    "tests/lab/test_demo.py",
    "tests/doctor/test_rules_live.py",
    "tests/doctor/test_server_live.py",
    "tests/report/test_policies.py",
    "tests/rules/test_workload_live.py",
    "tests/exporters/ioam/bpf/test_differential.py",
    "tests/rules/test_serving_live.py",
    "tests/rules/test_moving_live.py",
    "tests/deploy/test_confined.py",
)
"""Files by the time that their set-up or their longest test takes."""

APART = frozenset(
    {
        "tests/deploy/test_confined.py",
        "tests/init/test_server.py",
        "tests/lab/test_demo.py",
        "tests/rules/test_serving_live.py",
    }
)
"""Files without a set-up that their tests share."""


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Brings the longest files to the front where several workers share the tests; the rest stays in order."""
    yield
    if hasattr(config, "workerinput"):
        places = {path: place for place, path in enumerate(LONGEST)}
        items.sort(key=lambda item: places.get(_file(item.nodeid), len(places)))


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives a worker one file after the other."""

    def _split_scope(self, nodeid: str) -> str:
        path = _file(nodeid)
        return nodeid if path in APART else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """The scheduler of `--dist loadfile`; for any other, None."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return ByFile(config, log)
