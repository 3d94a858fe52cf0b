# SPDX-License-Identifier: Apache-2.0
"""The method in words, and reports of which the server knows nothing, for every topology that comes with Joulepath."""

from pathlib import Path

import pytest

from joulepath_report import applications, places
from joulepath_report.amounts import per_unit
from joulepath_report.budgets import budgets
from joulepath_report.measured import measure
from joulepath_report.method import listed, method
from joulepath_report.notes import notes
from joulepath_report.period import slots
from joulepath_report.policies import policies
from joulepath_topology import read
from tests.report import plant
from tests.report.told import Told
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "examples").glob("*.yaml"), *(ROOT / "lab/joulepath_lab/scenarios").glob("*.yaml")])


def test_the_method_says_how_this_topology_is_measured() -> None:
    """Counts, kinds of meters, fallbacks, idle power, policy, interval, factors and overheads."""
    text = " ".join(method(plant.plant()))
    for words in (
        "'plant' has 2 sites, 2 hosts, 2 components and 2 applications",
        "The power of the hosts is read by bmc and pdu. gpu has other readings to fall back on.",
        "The idle power of hosts is stated for edge and gpu: it is the static part.",
        "The policy is packets-bytes: static energy follows packets (of a model: requests); dynamic energy follows",
        "evaluate every 15 s and average over 120 s",
        "mast: 400 g/kWh; room: 100 g/kWh",
        "Overheads are stated (mast: 1.1; room: 1.25).",
    ):
        assert words in text


def test_the_method_says_nothing_of_things_that_are_not_there() -> None:
    """No CO2, no idle power, no support, no fallback."""
    bare = "sites: {s: {}}\nhosts: {h: {site: s, power: [{watts: 5}]}}\ncomponents: {h: {role: upf, policy: bytes}}\n"
    text = " ".join(method(topology(bare)))
    assert "CO2" not in text
    assert "upporting" not in text
    assert "No host has a stated idle power" in text
    assert "Single components have another policy: bytes." in text
    assert "1 site, 1 host, 1 component and 0 applications" in text


def test_the_method_says_how_each_application_is_counted() -> None:
    """An application with a trace and a flow has both."""
    text = " ".join(method(read(ROOT / "examples" / "ipv4-flows.yaml")))
    flows = "packets of their flows, by addresses, ports or tunnels (flow: camera, shuttle and robot)"
    assert f"told apart by {flows}; by packets that carry their IOAM traces (trace: robot)." in text
    models = " ".join(method(read(ROOT / "examples" / "gpu-server.yaml")))
    assert "requests at model servers (requests: " in models


def test_many_hosts_are_counted_in_place_of_names() -> None:
    """A method of hundreds of hosts is as long as that of two."""
    names = [f"h{number}" for number in range(400)]
    assert listed(names[:3]) == "h0, h1 and h2"
    assert listed(names) == "400 of them"
    hosts = "".join(f"  {name}: {{site: s, static_watts: 5, power: [{{watts: 9}}]}}\n" for name in names)
    components = "".join(f"  {name}: {{role: ru}}\n" for name in names)
    many = topology(f"sites: {{s: {{}}}}\nhosts:\n{hosts}components:\n{components}")
    assert max(map(len, method(many))) < 600


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_server_that_knows_nothing_gives_no_energy(path: Path) -> None:
    """Neither 0 W nor a fault: applications and hosts are named, and their energies are not known."""
    ours = read(path)
    asked = Told(ours, slots(0, 7200), {})
    found = measure(asked)
    tables = [*applications.tables(found), *places.tables(found), *per_unit(asked, found), *budgets(asked)]
    tables += policies(asked, found)
    by_id = {table.id: table for table in tables}
    energies = by_id["applications"].column("energy_joules")
    assert energies == {**dict.fromkeys(ours.applications), "unattributed": 0.0}
    assert by_id["hosts"].column("energy_joules") == dict.fromkeys(ours.boxes)
    assert list(places.flow(found)) == []
    assert len(list(notes(found))) == 1
    assert len(list(method(ours))) >= 5
