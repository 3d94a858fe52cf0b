# SPDX-License-Identifier: Apache-2.0
"""The example of docs/reference/attribution.md with two more things: intervals, and a smaller model beside the other.

The radio unit draws 120 W (70 static), the DU 130 W (50), the UPF 50 W (30), the AMF 15 W (5), the rest of edge-1 65 W
(15), the model 400 W (100) and the smaller one 40 W (30). Of 1000 packets/s and 1,000,000 bytes/s, the camera sends 300
and 600,000, the robot 500 and 200,000. Of 5 requests/s and 200 tokens/s the camera has 1 and 50, the robot 3 and 120;
no application asks the smaller model.
"""

import yaml

from joulepath_topology import Topology
from joulepath_whatif.present import Present
from tests.topology.examined import sound

TEXT = """
sites:
  plant: {grams_per_kwh: 380, price: {currency: EUR, per_kwh: 0.2}}
  edge: {grams_per_kwh: 100, overhead: 1.2, price: {currency: EUR, per_kwh: 0.3}}
hosts:
  ru-1: {site: plant, static_watts: 70, power: [{pdu: pdu-1, outlets: ["3"]}]}
  edge-1: {site: edge, static_watts: 100, capacity: 20, power: [{pdu: pdu-2, outlets: ["1", "2"]}]}
  gpu-1: {site: edge, static_watts: 100, power: [{pdu: pdu-2, outlets: ["3"]}]}
  gpu-2: {site: edge, static_watts: 30, power: [{pdu: pdu-2, outlets: ["4"]}]}
components:
  ru-1: {role: ru, traffic: {anchor: upf-1}, marginal: [{joules: 0, low: 0, high: 0}]}
  du-1:
    role: du
    host: edge-1
    reservation: 10
    share: [{kepler_pod: "ran/du-.*"}]
    traffic: {anchor: upf-1}
    marginal: [{per: bytes, joules: 2.0e-5, low: 1.5e-5, high: 2.5e-5, method: calibrated}]
  upf-1:
    role: upf
    host: edge-1
    reservation: 6
    share: [{kepler_pod: "core/upf-.*"}]
    traffic: {ioam: 4}
    marginal: [{per: bytes, joules: 1.0e-5, low: 1.0e-5, high: 1.0e-5, method: calibrated}]
  amf:
    role: core-control
    host: edge-1
    reservation: 1
    share: [{kepler_pod: "core/amf-.*"}]
    supports: [ru-1, du-1, upf-1]
    marginal: [{joules: 0, low: 0, high: 0}]
  llm:
    role: model
    host: gpu-1
    requests: vllm
    marginal: [{per: tokens, joules: 0.6, low: 0.5, high: 0.8, method: calibrated}]
  small:
    role: model
    host: gpu-2
    requests: vllm
    marginal: [{per: tokens, joules: 0.2, low: 0.1, high: 0.3, method: calibrated}]
applications:
  camera: {traces: [{ioam_namespace: 123, id: "0a"}], path: [ru-1, du-1, upf-1], models: [llm]}
  robot: {traces: [{ioam_namespace: 123, id: "0b"}], path: [ru-1, du-1, upf-1], models: [llm]}
"""


def topology(text: str | None = None) -> Topology:
    """The house, or one with another text, of which warnings are left out."""
    return sound(yaml.safe_load(TEXT)) if text is None else Topology.model_validate(yaml.safe_load(text))


def present() -> Present:
    """The figures that the rules record, by hand."""
    shares = {
        "camera": {"ru-1": 51.0, "du-1": 63.0, "upf-1": 21.0, "amf": 6.75, "llm": 95.0},
        "robot": {"ru-1": 45.0, "du-1": 41.0, "upf-1": 19.0, "amf": 5.25, "llm": 240.0},
        "unattributed": {
            "ru-1": 24.0,
            "du-1": 26.0,
            "upf-1": 10.0,
            "amf": 3.0,
            "llm": 65.0,
            "small": 40.0,
            "unattributed": 65.0,
        },
    }
    parts = {
        "ru-1": (70.0, 50.0),
        "du-1": (50.0, 80.0),
        "upf-1": (30.0, 20.0),
        "amf": (5.0, 10.0),
        "unattributed": (15.0, 50.0),
        "llm": (100.0, 300.0),
        "small": (30.0, 10.0),
    }
    host = {"ru-1": "ru-1", "llm": "gpu-1", "small": "gpu-2"}
    network = {"camera": (300.0, 6e5), "robot": (500.0, 2e5)}
    model = {"camera": (1.0, 50.0), "robot": (3.0, 120.0)}
    amounts = ("count", "volume")
    return Present(
        at=1_800_000_000,
        shares={
            (name, component, host.get(component, "edge-1")): watts
            for name, own in shares.items()
            for component, watts in own.items()
        },
        parts={
            (component, host.get(component, "edge-1"), part): watts
            for component, both in parts.items()
            for part, watts in zip(("static", "dynamic"), both, strict=True)
        },
        traffic={
            (name, component, by): rate
            for components, sent in ((("ru-1", "du-1", "upf-1"), network), (("llm",), model))
            for component in components
            for name, rates in sent.items()
            for by, rate in zip(amounts, rates, strict=True)
        },
        whole={
            (component, by): rate
            for component, rates in {
                **dict.fromkeys(("ru-1", "du-1", "upf-1"), (1000.0, 1e6)),
                "llm": (5.0, 200.0),
                "small": (0.0, 0.0),
            }.items()
            for by, rate in zip(amounts, rates, strict=True)
        },
        grams={("plant", "location"): 380 / 3.6e6, ("edge", "location"): 120 / 3.6e6},
        overhead={("plant",): 1.0, ("edge",): 1.2},
        prices={("plant", "EUR"): 0.2, ("edge", "EUR"): 0.3},
    )
