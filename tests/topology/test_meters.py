# SPDX-License-Identifier: Apache-2.0
"""The table of meters: an entry is all that a new kind needs."""

import pytest
from pydantic import ValidationError, create_model

from joulepath_rules import meters as reading
from joulepath_topology.common import Entry
from joulepath_topology.meters import METERS, Meter, Part, keys

pytestmark = pytest.mark.unit

FANS = {
    "fan": Meter("fan_energy_joules_total", "fan_measured_seconds_total", "Instance of the fan exporter."),
    "tray": Meter(
        "tray_energy_joules_total",
        "tray_measured_seconds_total",
        "Instance of the tray exporter.",
        Part("blade", "blade", "Blade of that tray, where it has several.", many=False),
    ),
    "rack": Meter(
        "rack_energy_joules_total",
        "rack_measured_seconds_total",
        "Instance of the rack exporter; needs `shelves`.",
        Part("shelf", "shelves", "Shelves of that rack, which are added.", many=True),
    ),
}


def test_keys_of_a_new_kind() -> None:
    """Each has the exporter's instance as value and a description, and a part that may be named beside it."""
    model = create_model("Fans", __base__=Entry, **keys(FANS))
    schema = model.model_json_schema()["properties"]
    assert {name: each["description"] for name, each in schema.items()} == {
        "fan": "Instance of the fan exporter.",
        "tray": "Instance of the tray exporter.",
        "blade": "Blade of that tray, where it has several.",
        "rack": "Instance of the rack exporter; needs `shelves`.",
        "shelves": "Shelves of that rack, which are added.",
    }
    assert model.model_validate({"rack": "r", "shelves": ["1", "2"]}).model_dump(exclude_none=True) == {
        "rack": "r",
        "shelves": ("1", "2"),
    }
    for wrong in ({"rack": "r", "shelves": []}, {"tray": "t", "blade": ["1"]}, {"fan": 5}, {"wind": "w"}):
        with pytest.raises(ValidationError):
            model.model_validate(wrong)


def test_the_rule_reads_a_new_kind() -> None:
    """With a part where it is named; the only part of an instance where it may be left out."""
    found = {words["kind"]: words for words in reading.alternatives(FANS)}
    assert {kind: (words["named"], words["unnamed"]) for kind, words in found.items()} == {
        "fan": ("fan", "never"),
        "tray": ("tray_blade", "tray"),
        "rack": ("rack", "never"),
    }
    assert {kind: (words["matchers"], words["labels"]) for kind, words in found.items()} == {
        "fan": ('kind="fan"', "instance"),
        "tray": ('kind="tray",blade!=""', "instance, blade"),
        "rack": ('kind="rack"', "instance, shelf"),
    }
    assert {words["joules"] for words in found.values()} == {meter.joules for meter in FANS.values()}
    assert {words["seconds"] for words in found.values()} == {meter.seconds for meter in FANS.values()}


def test_a_constant_is_read_by_its_part() -> None:
    assert reading.read_by({"kind": "bmc", "instance": "b", "chassis": "1"}) == "bmc_chassis"
    assert reading.read_by({"kind": "bmc", "instance": "b"}) == "bmc"
    assert reading.read_by({"kind": "pdu", "instance": "p", "outlet": "1"}) == "pdu"
    assert reading.read_by({"kind": "offset"}) == "offset"


def test_keys_of_the_table_are_all_different() -> None:
    """Two kinds with one key would be one key of a file."""
    names = [name for kind, meter in METERS.items() for name in (kind, meter.part.key if meter.part else None) if name]
    assert len(names) == len(set(names)) == len(keys())
