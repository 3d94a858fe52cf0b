# SPDX-License-Identifier: Apache-2.0
"""Findings, and the topology that is drafted from them, for the tests of drafts."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from joulepath_init.asking import Questions
from joulepath_init.draft import Draft, Wishes, draft
from joulepath_init.found import Found, Node, Pod, Reading
from joulepath_topology import Topology, read


def drafted(found: Found, wishes: Wishes = Wishes(), answers: Questions | None = None) -> tuple[Draft, Topology]:  # noqa: B008
    """The draft, and its text as read. Fails on a mistake in it."""
    made = draft(found, wishes, answers or Questions(None), iter(f"{number:032x}" for number in range(1, 999)).__next__)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "topology.yaml"
        path.write_text(made.text, encoding="utf-8")
        return made, read(path)


PLUG = Reading("pdu", "pdu-1", "1", "edge-1", 250.0)


def hosts(*readings: Reading, answers: Questions | None = None, **more: Any) -> Mapping[str, Any]:
    """The hosts of a draft, as they stand in the file."""
    made, _ = drafted(Found(readings=list(readings), **more), answers=answers)
    entries: dict[str, dict[str, Any]] = yaml.safe_load(made.text)["hosts"]
    return {name: {key: value for key, value in entry.items() if key != "site"} for name, entry in entries.items()}


def components(found: Found, **wishes: Any) -> Mapping[str, Any]:
    """The components of a draft, as they stand in the file."""
    made, _ = drafted(found, Wishes(**wishes))
    entries: dict[str, Any] = yaml.safe_load(made.text)["components"]
    return entries


PODS = [Pod("core", "upf-7d9f8c6b5-x2x4z", "edge-1"), Pod("core", "upf-b-7d9f8c6b5-x2x4z", "edge-1")]
EDGE = Node("edge-1", "0.10", frozenset({"package", "dram"}))
