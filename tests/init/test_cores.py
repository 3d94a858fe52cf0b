# SPDX-License-Identifier: Apache-2.0
"""Cores in a first topology: found by the metrics of their tables, with an application for each value of a key."""

from collections.abc import Mapping

import pytest

from joulepath_init import cores
from joulepath_init.asking import Questions
from joulepath_init.draft import Wishes
from joulepath_init.found import CoreThere, Found, Reading
from joulepath_topology.cores.catalogue import CORES

from .findings import components, drafted

pytestmark = pytest.mark.unit

PLUGS = [Reading("pdu", "pdu-1", str(number), name, 50.0) for number, name in enumerate(["ru-1", "gnb-1", "upf-1"])]
OPEN5GS = CoreThere("open5gs", "upf-1:9091", {"qfi": ["5", "7"]})
PFCP = CoreThere("pfcp", "upf-1", {"group": ["cameras"], "dnn": ["video", "ims"], "slice": ["1"]})


def there(*series: Mapping[str, str]) -> list[CoreThere]:
    """The cores of a server with these series."""
    return list(cores.look(lambda *names: [one for one in series if one["__name__"] in names]))


def series(metric: str, instance: str = "upf-1:9091", **labels: str) -> Mapping[str, str]:
    return {"__name__": metric, "instance": instance, **labels}


def test_each_core_is_found_by_the_metrics_of_its_table() -> None:
    for name, core in CORES.items():
        amount = core.amounts.get("volume") or core.amounts["count"]
        label = next(iter(core.keys.values()), "none")
        whole = [
            {core.instance: "here", "__name__": one.metric, **one.labels, label: "v"}
            for one in (amount.parts or amount.whole)
        ]
        assert [one.core for one in there(*whole)] == [name]
        assert there(*whole[1:]) == [], f"{name}: one of its metrics is missing"


def test_the_values_of_keys_of_many_ues_are_found() -> None:
    """A group of `other` or `unknown` sessions is not an application; an IMSI is not looked at."""
    usage = [
        series("pfcp_usage_bytes_total", "smf-1:10480", upf="upf-1", group=group, dnn=dnn, s_nssai="1-000001")
        for group, dnn in (("cameras", "video"), ("other", "ims"), ("unknown", ""))
    ]
    assert there(*usage) == [
        CoreThere("pfcp", "upf-1", {"group": ["cameras"], "dnn": ["ims", "video"], "slice": ["1-000001"]})
    ]
    assert there(series("ue_traffic", gatewayID="agw-1", IMSI="IMSI001010000000001")) == [
        CoreThere("magma", "agw-1", {})
    ]


def test_a_core_counts_at_the_component_on_its_host() -> None:
    """Open5GS has bytes by QFI and packets in total only, so all that follow it divide by bytes."""
    found = Found(readings=PLUGS, cores=[OPEN5GS])
    made, topology = drafted(found)
    assert components(found)["upf-1"] == {
        "role": "upf", "traffic": {"core": "open5gs", "instances": ["upf-1:9091"]}, "policy": "bytes",
    }  # fmt: skip
    assert components(found)["ru-1"] == {"role": "ru", "policy": "bytes", "traffic": {"anchor": "upf-1"}}
    keys = {name: dict(entry.core[0].given) for name, entry in topology.applications.items()}
    assert keys == {"qfi-5": {"qfi": ("5",)}, "qfi-7": {"qfi": ("7",)}}
    assert {entry.path for entry in topology.applications.values()} == {("ru-1", "gnb-1", "upf-1")}
    assert "guess: Open5GS of upf-1:9091 counts here, on its host. Its trap:" in made.text


def test_groups_of_pfcp_are_applications_before_dnns_and_slices() -> None:
    asked = Questions(lambda question: "site-cameras" if "Application of group cameras" in question else "")
    made, topology = drafted(Found(readings=PLUGS, cores=[PFCP, OPEN5GS]), answers=asked)
    assert {name: entry.core[0].group for name, entry in topology.applications.items()} == {
        "site-cameras": ("cameras",)
    }
    assert topology.components["upf-1"].policy is None, "it counts packets and bytes"
    assert [note for note in made.notes if note.startswith("Open5GS counts at upf-1:9091")]


def test_beside_ioam_a_core_is_a_note() -> None:
    found = Found(readings=PLUGS, cores=[OPEN5GS], ioam_nodes=[(4, "upf-1")])
    made, topology = drafted(found)
    traffic = topology.components["upf-1"].traffic
    assert traffic is not None
    assert (traffic.core, traffic.ioam is not None) == (None, True)
    assert "write `traffic: {core: open5gs, instances: [...]}` where it does" in " ".join(made.notes)
    made, topology = drafted(Found(readings=PLUGS, cores=[OPEN5GS]), Wishes(applications=["camera"]))
    assert topology.applications["camera"].traces
    assert [note for note in made.notes if "Open5GS" in note]


@pytest.mark.parametrize(
    ("one", "note"),
    [
        (CoreThere("eupf", "upf-1:9090"), "with `ioam` beside it"),
        (CoreThere("sdcore", "upf-1:8080"), "tells applications apart by `core: {ue: ...}` or `core: {session: ...}`"),
    ],
)
def test_a_core_without_a_key_of_many_ues_has_a_note(one: CoreThere, note: str) -> None:
    made, topology = drafted(Found(readings=PLUGS, cores=[one]))
    assert not topology.applications
    assert [each for each in made.notes if note in each]
