# SPDX-License-Identifier: Apache-2.0
"""Two sites, four hours of energy, and the answers of the source that has settled three of them."""

from datetime import UTC, datetime
from typing import Any

from joulepath_rules.history import BY_SITE
from joulepath_topology import Topology
from tests.rules.promtool import topology

START = 1_793_491_200.0  # 2026-11-01T00:00Z
HOUR = 3600.0
TEXT = """
name: plant
interval: 15s
window: 2m
sites:
  mast: {grid_zone: GB, source: uk, boundary: direct, overhead: 1.5, market: {grams_per_kwh: 20}}
  room:
    overhead: 1.25
    market: location
    supply:
      - {name: panels, share: 0.25, grams_per_kwh: 40}
      - {name: grid, share: 0.75, grams_per_kwh: 200, boundary: direct}
hosts:
  edge: {site: mast, static_watts: 60, power: [{pdu: p, outlets: ["1"]}]}
  gpu: {site: room, static_watts: 100, power: [{bmc: b}]}
components:
  upf: {role: upf, host: edge, traffic: {ioam: 4}}
  qwen: {role: model, host: gpu, requests: {vllm: {}}}
applications:
  camera: {traces: [{ioam_namespace: 123, id: "0a"}], path: [upf], models: [qwen]}
  robot: {traces: [{ioam_namespace: 123, id: "0b"}], path: [upf]}
"""
HALVES: dict[float, float | None] = {0: 180, 0.5: 210, 1: 100, 1.5: 300, 2: 150, 2.5: 150, 3: 90, 3.5: None}
"""Grams for each kWh of a half hour by its begin [h]. The last one is not known yet."""

MEGAJOULES = {
    ("camera", "network", "mast"): (3.6, 7.2, 0.36, 3.6),
    ("camera", "model", "room"): (7.2, 1.8, 3.6, 3.6),
    ("robot", "network", "mast"): (1.8, 0.0, 3.6, 3.6),
}
"""Energy of each hour by application, segment and site."""

# mast, by place: 1.5 x 195, 1.5 x 200, 1.5 x 150 g/kWh; by contract 1.5 x 20 = 30.
# room, by place and contract: 1.25 x (0.25 x 40 + 0.75 x 200) = 200 g/kWh.
GRAMS = {
    ("camera", "network", "location"): (292.5, 600.0, 22.5),
    ("camera", "model", "location"): (400.0, 100.0, 200.0),
    ("robot", "network", "location"): (146.25, 0.0, 225.0),
    ("camera", "network", "market"): (30.0, 60.0, 3.0, 30.0),
    ("camera", "model", "market"): (400.0, 100.0, 200.0, 200.0),
    ("robot", "network", "market"): (15.0, 0.0, 30.0, 30.0),
}
"""Settled CO2 of each hour by application, segment and basis; by place, the mast has no factor in the fourth hour."""


def plant() -> Topology:
    """The topology."""
    return topology(TEXT)


def written(hours: float) -> str:
    """A time as the source writes it."""
    return datetime.fromtimestamp(START + hours * HOUR, UTC).strftime("%Y-%m-%dT%H:%MZ")


def answer(halves: dict[float, float | None] = HALVES) -> dict[str, Any]:
    """The source's answer for all four hours."""
    return {
        "data": [
            {
                "from": written(begin),
                "to": written(begin + 0.5),
                "intensity": {"forecast": 170, "actual": grams, "index": "moderate"},
            }
            for begin, grams in halves.items()
        ]
    }


def energies() -> dict[tuple[str, str], dict[tuple[str, ...], dict[int, float]]]:
    """As a server tells them."""
    return {
        ("hourly", BY_SITE): {
            key: {number: amount * 1e6 for number, amount in enumerate(row)} for key, row in MEGAJOULES.items()
        }
    }
