# SPDX-License-Identifier: Apache-2.0
"""Surveys and polls of trees that are any JSON at all: readings or one clear error, never a traceback."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.bmc.redfish.service.client import ResourceFaultError
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.errors import JoulepathError

pytestmark = pytest.mark.unit

PATHS = [f"/redfish/v1/{name}" for name in ("Chassis", "A", "B", "C")]
KEYS = st.sampled_from(
    ["@odata.id", "Id", "Members", "Members@odata.nextLink", "Chassis", "Links", "Contains", "ContainedBy", "Power",
     "PowerControl", "PowerConsumedWatts", "PowerSupplies", "PowerSubsystem", "PowerInputWatts", "EnvironmentMetrics",
     "PowerWatts", "Metrics", "Sensors", "Reading", "ReadingType", "PhysicalContext", "PhysicalSubContext", "Status",
     "Name", "MemberId", "Oem", "ReadingUnits", "PowerCapacityWatts", "EnergykWh"]
)  # fmt: skip
WORDS = st.sampled_from([*PATHS, "Power", "EnergykWh", "CPU", "PowerSupply", "Input", "Absent", "W", ""])
REFERENCES = st.sampled_from(PATHS).map(lambda path: {"@odata.id": path})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | REFERENCES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


class Tree:
    """Answers the same for a path each time."""

    def __init__(self, resources: dict[str, Any]) -> None:
        self._resources = resources
        self.asked = 0

    async def get(self, uri: str) -> dict[str, Any]:
        self.asked += 1
        resource = self._resources.get(uri.rstrip("/"))
        if resource is None:
            raise ResourceFaultError(f"has nothing at {uri}")
        return dict(resource)

    async def close(self) -> None:
        pass


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(PATHS[1:]), st.dictionaries(KEYS, JSON, max_size=8)))
def test_any_tree_is_read_or_refused(resources: dict[str, Any]) -> None:
    members = [{"@odata.id": path} for path in PATHS[1:]]
    tree = Tree({"/redfish/v1": {}, PATHS[0]: {"Members": members}, **resources})

    async def twice() -> None:
        source = RedfishSource("bmc", tree)
        for _ in range(2):
            try:
                reading = await source.read()
            except JoulepathError as fault:
                assert str(fault).startswith("bmc: ")  # noqa: PT017  # either outcome is right
            else:
                assert reading.power.keys() == reading.sources.keys()
                assert reading.power.keys() <= reading.watts.keys()
                for box, watts in reading.power.items():
                    inside = [value for part, value in reading.subsystems.items() if part.chassis == box.name]
                    assert sum(inside) <= watts * (1 + 1e-9)

    asyncio.run(twice())
    assert tree.asked < 2000
