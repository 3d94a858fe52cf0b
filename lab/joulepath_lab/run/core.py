# SPDX-License-Identifier: Apache-2.0
"""How the exporters of a core are configured: flows on the path, and groups of sessions at the SMF."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joulepath_lab.scenarios import core
from joulepath_lab.scenarios.scenario import Core, Scenario

_N4 = "mgmt"
"""The interface that N4 passes."""
_WRITE_SECONDS = 0.5


def flows(scenario: Scenario, folder: Path, mutation: str | None) -> Mapping[str, Any]:
    """Keys of `joulepath ioam`."""
    found = {name: dict(match) for name, match in scenario.flows.items()}
    if core.lies(mutation, "flow"):
        (first, *_) = found.values()
        first.pop("ports")
    keys: dict[str, Any] = {"flows": found} if found else {}
    return keys | ({"flows_file": str(_flows_file(folder))} if scenario.core else {})


def pfcp(served: Core, folder: Path) -> Mapping[str, Any]:
    """The configuration of `joulepath pfcp`, which names flows for `joulepath ioam`."""
    written = {"path": str(_flows_file(folder)), "seconds": _WRITE_SECONDS}
    return {"interfaces": [_N4], "groups": dict(served.groups), "flows_file": written}


def _flows_file(folder: Path) -> Path:
    return folder / "sessions.yaml"
