# SPDX-License-Identifier: Apache-2.0
"""The table of policies, and the names that a topology file may write."""

import pytest

from joulepath_topology import Topology
from joulepath_topology.policies import POLICIES
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("policy", POLICIES)
def test_each_row_is_a_policy(policy: str) -> None:
    """A file and a component may name it, an editor offers it, and the weights of each part add up to 1."""
    assert sound(changed(policy=policy)).policy == policy
    assert sound(changed(components={"ru-1": {"policy": policy}})).components["ru-1"].policy == policy
    assert Topology.model_json_schema()["properties"]["policy"]["enum"] == list(POLICIES)
    assert POLICIES[policy].keys() == {"static", "dynamic", "undivided"}
    assert all(sum(weights.values()) == 1 for weights in POLICIES[policy].values())


def test_another_word_is_not() -> None:
    assert lines(changed(policy="byte")) == [
        "policy: must be 'packets-bytes', 'bytes' or 'packets' (did you mean bytes?)"
    ]
