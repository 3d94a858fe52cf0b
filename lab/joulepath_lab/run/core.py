# SPDX-License-Identifier: Apache-2.0
"""The flows by which a core's applications are counted, as `joulepath ioam` is told."""

from collections.abc import Mapping
from typing import Any

from joulepath_lab.scenarios import core
from joulepath_lab.scenarios.scenario import Scenario


def flows(scenario: Scenario, mutation: str | None) -> Mapping[str, Any]:
    """Keys of its configuration."""
    if not scenario.flows:
        return {}
    found = {name: dict(match) for name, match in scenario.flows.items()}
    if core.lies(mutation, "flow"):
        (first, *_) = found.values()
        first.pop("ports")
    return {"flows": found}
