# SPDX-License-Identifier: Apache-2.0
"""Watts of direct current as volts times amperes: where a profile may say so, and which voltage a current has."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pysnmp.proto.rfc1902 import ObjectIdentifier

from joulepath.errors import JoulepathError, UsageError
from joulepath.pdu.check import check
from joulepath.pdu.profiles.catalogue import read_folder
from joulepath.pdu.profiles.quantity import Quantity
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.source import PduReading, PduSource
from joulepath.pdu.survey.layout import Cell
from joulepath.reading.energy import Integrator
from joulepath_lab.devices.snmp_agent import Agent, Value
from tests.conftest import ROOT
from tests.exporters.pdu.conftest import SECRET, client, joulepath, read, run, samples

pytestmark = pytest.mark.unit

PLANT = "1.3.6.1.4.1.99999.4"
VOLTS, AMPERES, FLAG = f"{PLANT}.1", f"{PLANT}.2", f"{PLANT}.3"
UP_TIME = "1.3.6.1.2.1.1.3.0"


def profile(folder: Path, power: Mapping[str, object], table: Mapping[str, object] | None = None) -> Profile:
    """A plant with outlets of this power."""
    outlet = {"index": ["number"], "direct_current": True, **(table or {}), "quantities": {"power": power}}
    plant = {"vendor": "ACME", "sys_object_ids": [PLANT], "levels": {"outlet": outlet}}
    (folder / "plant.yaml").write_text(yaml.safe_dump(plant, sort_keys=False))
    return read_folder(folder)["plant"]


def poll(profile: Profile, objects: Mapping[str, Value | None]) -> PduReading:
    """One poll of an agent with these objects."""
    with Agent(_functions(objects)) as agent:
        return read(PduSource("plant", client(agent.address), {"plant": profile}, "plant"))


def _functions(objects: Mapping[str, Value | None]) -> Mapping[str, Callable[[], Value | None]]:
    return {oid: lambda oid=oid: objects[oid] for oid in (UP_TIME, *objects) if oid in objects}  # type: ignore[misc]


def watts(reading: PduReading) -> Mapping[str, float]:
    return reading.values.get("outlet", {}).get("power", {})


HUNDREDTHS = {"column": VOLTS, "scale": 0.01}
TENTHS = {"column": AMPERES, "scale": 0.1}


def test_a_table_of_circuits_has_the_voltage_of_the_bus(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS})
    reading = poll(plant, {f"{VOLTS}.0": 5416, f"{AMPERES}.1": 51, f"{AMPERES}.2": 0, f"{AMPERES}.7": 3})
    assert watts(reading) == {"1": 276.216, "2": 0, "7": 16.248}
    assert reading.method == "derived"
    assert reading.watts == {("outlet", label): value for label, value in watts(reading).items()}


def test_a_circuit_has_the_voltage_of_its_own_module(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS}, {"index": ["number", "number"]})
    modules = {f"{VOLTS}.1": 5400, f"{VOLTS}.2": 4800}
    circuits = {f"{AMPERES}.1.1": 10, f"{AMPERES}.1.9": 20, f"{AMPERES}.2.1": 10, f"{AMPERES}.3.1": 10}
    # A circuit of module 3, which has no voltage, has no power.
    assert watts(poll(plant, {**modules, **circuits})) == {"1.1": 54, "1.9": 108, "2.1": 48}


def test_the_voltage_of_a_module_counts_for_all_of_its_circuits(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS}, {"index": ["number", "number"]})
    modules = {f"{VOLTS}.1.1": 5400, f"{VOLTS}.200.1": 4800}
    circuits = {f"{AMPERES}.1.1": 10, f"{AMPERES}.1.2": 20, f"{AMPERES}.200.2": 10}
    assert watts(poll(plant, {**modules, **circuits})) == {"1.1": 54, "1.2": 108, "200.2": 48}


def test_of_two_voltages_neither_is_guessed(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS}, {"index": ["number", "number"]})
    buses = {f"{VOLTS}.1.1": 5400, f"{VOLTS}.1.2": 4800}
    assert watts(poll(plant, {**buses, f"{AMPERES}.1.1": 10, f"{AMPERES}.1.7": 10})) == {"1.1": 54}


def test_objects_are_paired_by_label_or_with_the_only_one(tmp_path: Path) -> None:
    amperes = {"objects": {"a": f"{AMPERES}.1", "b": f"{AMPERES}.2"}, "scale": 0.1}
    values: Mapping[str, Value] = {f"{VOLTS}.1.0": 54, f"{VOLTS}.2.0": 48, f"{AMPERES}.1.0": 10, f"{AMPERES}.2.0": 10}
    each = profile(tmp_path, {"volts": {"objects": {"b": f"{VOLTS}.2", "a": f"{VOLTS}.1"}}, "amperes": amperes})
    assert watts(poll(each, values)) == {"a": 54, "b": 48}
    one = profile(tmp_path, {"volts": {"objects": {"bus": f"{VOLTS}.1"}}, "amperes": amperes})
    assert watts(poll(one, values)) == {"a": 54, "b": 54}


def test_text_and_plain_objects_may_be_factors(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": {"column": VOLTS, "text": True}, "amperes": AMPERES})
    assert watts(poll(plant, {f"{VOLTS}.0": "53.50", f"{AMPERES}.1": 12})) == {"1": 642}


@pytest.mark.parametrize(("flag", "expected"), [(0, 2700), (1, 270)])
def test_a_flag_of_the_device_scales_the_currents(tmp_path: Path, flag: int, expected: float) -> None:
    by_flag = {"units": {"column": FLAG, "scales": {0: 1, 1: 0.1}}}
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": {"column": AMPERES, "scale_by": by_flag}})
    assert watts(poll(plant, {f"{VOLTS}.0": 5400, f"{AMPERES}.1": 50, f"{FLAG}.0": flag})) == {"1": expected}


def test_a_changed_flag_does_not_change_the_watts(tmp_path: Path) -> None:
    by_flag = {"units": {"column": FLAG, "scales": {0: 1, 1: 0.1}}}
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": {"column": AMPERES, "scale_by": by_flag}})
    now: dict[str, Value | None] = {UP_TIME: 100, f"{VOLTS}.0": 5400, f"{AMPERES}.1": 5, f"{FLAG}.0": 0}
    with Agent(_functions(now)) as agent:
        source = PduSource("plant", client(agent.address), {"plant": plant}, "plant")
        assert watts(run(source.read())) == {"1": 270}
        now |= {f"{FLAG}.0": 1, f"{AMPERES}.1": 50}
        assert watts(run(source.read())) == {"1": 270}
        run(source.close())


def test_the_sign_of_a_current_and_not_of_a_voltage_is_kept(tmp_path: Path) -> None:
    bus = {"column": VOLTS, "scale": 0.001, "absolute": True}
    discharges = {"column": AMPERES, "scale": -0.1, "bounds": [-100, 100]}  # this device counts discharge as positive
    plant = profile(tmp_path, {"volts": bus, "amperes": discharges, "bounds": [-10000, 10000]})
    reading = poll(plant, {f"{VOLTS}.0": -54000, f"{AMPERES}.1": 100, f"{AMPERES}.2": -20})
    assert watts(reading) == {"1": -540, "2": 108}


def test_without_volts_the_watts_are_missing_for_a_reason(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": {**HUNDREDTHS, "sentinels": [2147483647]}, "amperes": TENTHS})
    now: dict[str, Value | None] = {UP_TIME: 100, f"{VOLTS}.0": 5400, f"{AMPERES}.1": 10, f"{AMPERES}.2": 10}
    with Agent(_functions(now)) as agent:
        source = PduSource("plant", client(agent.address), {"plant": plant}, "plant")
        assert watts(run(source.read())) == {"1": 54, "2": 54}
        steps: list[tuple[Value | None, Mapping[str, float], Mapping[str, int]]] = [
            (None, {"1": 54}, {"not_available": 1}),
            (60_000, {"1": 54}, {"implausible": 1}),
            ("n/a", {"1": 54}, {"not_a_number": 1}),
            (10, {"1": 54, "2": 54}, {}),
        ]
        for amperes, expected, reasons in steps:
            now[f"{AMPERES}.2"] = amperes
            reading = run(source.read())
            assert watts(reading) == expected
            assert reading.rejected == reasons
        for volts in (None, 2147483647, "?"):
            now[f"{VOLTS}.0"] = volts
            with pytest.raises(JoulepathError, match="measures nothing"):
                run(source.read())
        run(source.close())


def test_a_product_has_bounds_of_its_own(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS, "bounds": [0, 100]})
    reading = poll(plant, {f"{VOLTS}.0": 5400, f"{AMPERES}.1": 10, f"{AMPERES}.2": 20})
    assert (watts(reading), reading.rejected) == ({"1": 54}, {"implausible": 1})


@given(
    volts=st.integers(-6000, 6000),
    amperes=st.integers(-30_000, 30_000),  # below all bits set
    scales=st.tuples(*[st.sampled_from(["0.001", "0.01", "0.1", "1"])] * 2),
)
def test_watts_are_the_exact_product(volts: int, amperes: int, scales: tuple[str, str]) -> None:
    """By the decimal steps: 46.0 V x 0.2 A are 9.2 W, not 9.200000000000001."""
    by_volts, by_amperes = map(Decimal, scales)
    wide = (-1e9, 1e9)
    factors = [
        Cell(
            "outlet", "voltage", "1", Quantity(column="1.3.1", absolute=True, bounds=wide), by_volts, (1, 3, 1), "mib"
        ),
        Cell("outlet", "current", "1", Quantity(column="1.3.2", bounds=wide), by_amperes, (1, 3, 2), "mib"),
    ]
    product = Quantity.model_validate({"volts": "1.3.1", "amperes": "1.3.2", "bounds": wide})
    cell = Cell("outlet", "power", "1", product, by_amperes, (1, 3, 2), "mib", *factors)
    expected = abs(volts) * by_volts * amperes * by_amperes
    assert cell.reading({(1, 3, 1): volts, (1, 3, 2): amperes}) == float(expected)


MISTAKES: Mapping[str, tuple[Mapping[str, object], Mapping[str, object], str]] = {
    "alternating current": ({"volts": VOLTS, "amperes": AMPERES}, {"direct_current": False}, "of direct current only"),
    "volts alone": ({"volts": VOLTS}, {}, "state both volts and amperes"),
    "amperes alone": ({"amperes": AMPERES}, {}, "state both volts and amperes"),
    "a column too": ({"volts": VOLTS, "amperes": AMPERES, "column": FLAG}, {}, "state one of column, objects"),
    "a scale": ({"volts": VOLTS, "amperes": AMPERES, "scale": 0.1}, {}, "scale: belongs in volts or amperes"),
    "a sentinel": ({"volts": VOLTS, "amperes": AMPERES, "sentinels": [-1]}, {}, "sentinels: belongs in volts"),
    "a product of products": (
        {"volts": VOLTS, "amperes": {"volts": VOLTS, "amperes": AMPERES}},
        {},
        "must be measured themselves",
    ),
    "a negative voltage": ({"volts": {"column": VOLTS, "scale": -1}, "amperes": AMPERES}, {}, "`absolute: true`"),
    "a key that no one knows": (
        {"volts": VOLTS, "amperes": {"column": AMPERES, "where": {"bank": 1}}},
        {},
        "where: 'bank' is neither a part",
    ),
    "a negative scale of alternating current": (
        {"column": AMPERES, "scale": -1},
        {"direct_current": False},
        "scale must be positive",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_reported_when_the_profile_is_read(tmp_path: Path, mistake: str) -> None:
    power, table, message = MISTAKES[mistake]
    with pytest.raises(UsageError) as fault:
        profile(tmp_path, power, table)
    assert message in "\n".join(fault.value.messages)


@pytest.mark.parametrize(
    ("level", "quantity", "message"),
    [
        ("outlet", {"apparent_power": {"column": VOLTS}}, "direct current has no such quantity"),
        ("outlet", {"power_factor": {"column": VOLTS}}, "direct current has no such quantity"),
        ("outlet", {"current": {"volts": VOLTS, "amperes": AMPERES}}, "make power, and nothing else"),
        ("outlet", {"voltage": {"column": VOLTS, "scale": -1}}, "scale must be positive"),
        ("phase", {"voltage": {"column": VOLTS}}, "direct current has no phases"),
    ],
)
def test_a_quantity_that_direct_current_lacks_is_a_mistake(
    tmp_path: Path, level: str, quantity: Mapping[str, object], message: str
) -> None:
    levels = {level: {"direct_current": True, "quantities": quantity}}
    plant = {"vendor": "ACME", "sys_object_ids": [PLANT], "levels": levels}
    (tmp_path / "plant.yaml").write_text(yaml.safe_dump(plant))
    with pytest.raises(UsageError) as fault:
        read_folder(tmp_path)
    assert message in "\n".join(fault.value.messages)


def test_the_check_states_the_source_of_a_derived_value(tmp_path: Path) -> None:
    profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS})
    with Agent(_functions({UP_TIME: 1, f"{VOLTS}.0": 5416, f"{AMPERES}.1": 51})) as agent:
        lines = list(check(str(tmp_path / "plant.yaml"), client(agent.address)))
    assert f"outlet    power           derived in direct current: {VOLTS} x {AMPERES}, by documentation" in lines
    assert any("276.216 W  = 51 x 0.1" in line and f"the volts at {VOLTS}.0" in line for line in lines)


DOCS = ROOT / "docs" / "guides" / "pdu.md"


def test_the_plant_in_the_documentation_is_a_profile(tmp_path: Path) -> None:
    (levels,) = [block for block in DOCS.read_text().split("```") if block.startswith("yaml\n  outlet:")]
    text = f"vendor: ACME\nsys_object_ids: [1.3.6.1.4.1.9999]\nlevels:\n{levels.removeprefix('yaml')}"
    (tmp_path / "plant.yaml").write_text(text)
    plant = read_folder(tmp_path)["plant"]
    base = "1.3.6.1.4.1.9999.9"
    reading = poll(plant, {f"{base}.1.0": -5400, f"{base}.2.0": 215, f"{base}.3.0": 1})
    assert watts(reading) == {"load": 1161}


def test_rectifiers_that_contradict_their_loads_are_doubted(tmp_path: Path) -> None:
    levels = {
        level: {"label": "all", "direct_current": True, "quantities": {"power": {"column": f"{PLANT}.{at}", **more}}}
        for at, level, more in (
            (1, "rectifier", {}),
            (2, "battery", {"bounds": [-1000, 1000]}),
            (3, "outlet", {}),
        )
    }
    (tmp_path / "plant.yaml").write_text(yaml.safe_dump({"vendor": "A", "sys_object_ids": [PLANT], "levels": levels}))
    for battery, doubted in ((-400, False), (400, True)):
        objects: Mapping[str, Value] = {f"{PLANT}.1.0": 600, f"{PLANT}.2.0": battery, f"{PLANT}.3.0": 1000}
        with Agent(_functions(objects)) as agent:
            lines = list(check(str(tmp_path / "plant.yaml"), client(agent.address)))
        doubt = (
            "doubt: rectifiers give 600 W, loads and batteries take 1400 W: is a step or the sign of the battery wrong?"
        )
        assert (doubt in lines) == doubted


def test_the_exporter_publishes_each_level_and_how_it_is_measured(community_file: Path) -> None:
    plant = "1.3.6.1.4.1.12148.10"
    objects: dict[str, Value | None] = {UP_TIME: 100, "1.3.6.1.2.1.1.2.0": ObjectIdentifier(plant)}
    objects |= {f"{plant}.2.15.0": 0, f"{plant}.10.5.5.0": 5400, f"{plant}.9.2.5.0": 20, f"{plant}.5.2.5.0": 21}
    with Agent(_functions({**objects, f"{plant}.10.6.5.0": -1}), SECRET) as agent:
        host, port = agent.address
        done = joulepath("--target", f"udp://{host}:{port}", "--community-file", community_file, "--once")
    assert done.returncode == 0, done.stderr
    series = samples(done.stdout)
    assert series["pdu_outlet_power_watts", frozenset({("outlet", "load")})] == 1080
    assert series["pdu_rectifier_power_watts", frozenset({("rectifier", "all")})] == 1134
    assert series["pdu_battery_current_amperes", frozenset({("battery", "all")})] == -1
    assert series["pdu_outlet_energy_joules_total", frozenset({("outlet", "load")})] == 0
    assert not any(name == "pdu_battery_power_watts" for name, _ in series)
    (info,) = [dict(labels) for name, labels in series if name == "pdu_info"]
    assert (info["profile"], info["method"]) == ("eltek-smartpack", "derived")


def test_derived_watts_are_integrated_as_measured_ones_are(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS})
    now: dict[str, Value | None] = {UP_TIME: 100, f"{VOLTS}.0": 5000, f"{AMPERES}.1": 10}
    integrator = Integrator(60)
    with Agent(_functions(now)) as agent:
        source = PduSource("plant", client(agent.address), {"plant": plant}, "plant")
        for at, amperes in ((0, 10), (10, 30)):
            now[f"{AMPERES}.1"] = amperes
            integrator.add(at, run(source.read()).watts["outlet", "1"])
        run(source.close())
    assert integrator.energy == (1000, 10)  # from 50 W to 150 W in 10 s


def test_no_shipped_profile_multiplies_alternating_current(profiles: Mapping[str, Profile]) -> None:
    """The schema forbids it; and what is direct current has no phases and no volt-amperes."""
    derived = [
        (name, table.direct_current)
        for name, each in profiles.items()
        for tables in each.levels.values()
        for table in tables
        for quantity in table.quantities.values()
        if quantity.derived
    ]
    assert {"eltek-smartpack", "vertiv-netsure-ncu", "ge-pulsar"} <= {name for name, _ in derived}
    assert all(direct for _, direct in derived)


def _plant_of(profiles: Mapping[str, Profile], name: str, now: Mapping[str, Value | None]) -> tuple[Agent, PduSource]:
    agent = Agent(_functions(now))
    agent.start()
    return agent, PduSource(name, client(agent.address), profiles, name)


def test_a_glitch_of_a_current_gives_no_watts(profiles: Mapping[str, Profile]) -> None:
    """Volts times amperes confirm nothing where they are all that there is."""
    plant = "1.3.6.1.4.1.12148.10"
    load, rectifiers = f"{plant}.9.2.5.0", f"{plant}.5.2.5.0"
    now: dict[str, Value | None] = {UP_TIME: 100, f"{plant}.2.15.0": 1, f"{plant}.10.5.5.0": 5400}
    now |= {load: 153, rectifiers: 160}
    agent, source = _plant_of(profiles, "eltek-smartpack", now)
    expected = {("outlet", "load"): 826.2, ("rectifier", "all"): 864}
    for glitch in ({}, {load: 9990}, {}, {rectifiers: 49990}, {}):
        now |= {load: 153, rectifiers: 160, **glitch}
        reading = run(source.read())
        gone = {("outlet", "load")} if load in glitch else {("rectifier", "all")} if glitch else set()
        assert reading.watts == {key: value for key, value in expected.items() if key not in gone}
        assert reading.rejected == ({"contradicted": 2} if glitch else {})
    run(source.close())
    agent.stop()


def test_a_large_plant_is_believed_at_the_first_poll(profiles: Mapping[str, Profile]) -> None:
    plant = "1.3.6.1.4.1.885.3.2"
    now: Mapping[str, Value] = {
        UP_TIME: 100,
        f"{plant}.1.1.0": "53.50",
        f"{plant}.1.2.0": 1600,
        f"{plant}.4.1.2.1": "1600",
    }
    agent, source = _plant_of(profiles, "netsure-vortex", now)
    assert run(source.read()).watts == {("outlet", "load"): 85600, ("branch", "1"): 85600}
    run(source.close())
    agent.stop()


def test_loads_on_the_battery_do_not_contradict_absent_mains(profiles: Mapping[str, Profile]) -> None:
    """A generator that feeds a little while the battery carries the load."""
    plant = "1.3.6.1.4.1.2011.6.164.1"
    now: Mapping[str, Value] = {
        UP_TIME: 100,
        f"{plant}.3.1.11.0": 210,
        f"{plant}.4.2.1.0": -812,
        f"{plant}.6.2.1.1.4.1": 500,
        f"{plant}.6.2.1.1.5.1": 850,
        f"{plant}.6.2.1.1.6.1": 4250,
    }
    agent, source = _plant_of(profiles, "huawei-smu", now)
    reading = run(source.read())
    assert (reading.watts, reading.rejected) == ({("inlet", "1"): 210, ("outlet", "1"): 4250}, {})
    run(source.close())
    agent.stop()


def test_starting_rectifiers_are_believed_if_loads_and_battery_agree(
    profiles: Mapping[str, Profile],
) -> None:
    """The mains returns: from 0 to 40 kW in one poll, of which a quarter charges the battery."""
    plant = "1.3.6.1.4.1.7309.5.3.1"
    now: dict[str, Value | None] = {UP_TIME: 100, f"{plant}.10.0": 50_000, f"{plant}.12.0": 50_000}
    now |= {f"{plant}.11.0": 600_000, f"{plant}.13.0": -600_000, f"{plant}.1.0": 0, f"{plant}.2.0": 0}
    agent, source = _plant_of(profiles, "alpha-cordex", now)
    assert run(source.read()).watts == {
        ("rectifier", "all"): 0,
        ("battery", "all"): -30_000,
        ("outlet", "load"): 30_000,
    }
    now |= {f"{plant}.13.0": 200_000, f"{plant}.1.0": 800_000, f"{plant}.2.0": 40_000_000}
    assert run(source.read()).watts == {
        ("rectifier", "all"): 40_000,
        ("battery", "all"): 10_000,
        ("outlet", "load"): 30_000,
    }
    run(source.close())
    agent.stop()
