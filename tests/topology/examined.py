# SPDX-License-Identifier: Apache-2.0
"""The factory with changes, and what is said of a topology: what the tests of topology files share."""

from typing import Any

import yaml

from joulepath_topology import Topology
from joulepath_topology.reading import examine
from tests.rules import factory


def changed(**sections: Any) -> dict[str, Any]:
    """The factory with entries changed; a None takes an entry out."""
    data: dict[str, Any] = yaml.safe_load(factory.TOPOLOGY)
    for section, entries in sections.items():
        if not isinstance(entries, dict):
            data[section] = entries
            continue
        for name, entry in entries.items():
            if entry is None:
                del data[section][name]
            elif isinstance(data.setdefault(section, {}).get(name), dict):
                data[section][name] |= entry
            else:
                data[section][name] = entry
    return data


def lines(data: dict[Any, Any]) -> list[str]:
    """Everything that is said of a topology."""
    return [str(problem) for problem in examine(data)[1]]


def sound(data: dict[Any, Any]) -> Topology:
    """The topology of data about which nothing is to be said."""
    topology, problems = examine(data)
    assert not problems, [str(problem) for problem in problems]
    assert topology is not None
    return topology
