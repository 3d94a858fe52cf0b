# SPDX-License-Identifier: Apache-2.0
"""PDUs, power shelves and transfer switches over Redfish: the same metrics as over SNMP, from a real HTTP tree."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from joulepath.errors import JoulepathError, UsageError
from joulepath.pdu.command import read_targets
from joulepath.pdu.redfish.source import SURVEY_SECONDS, RedfishPduSource
from joulepath.pdu.source import PduReading
from joulepath.pdu.survey.layout import Unit
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc import conftest
from tests.exporters.bmc.conftest import Tree, ref
from tests.exporters.pdu.conftest import joulepath, samples

pytestmark = pytest.mark.unit

KWH = 3.6e6
ROOT = "/redfish/v1"


def excerpt(reading: Any, **more: Any) -> dict[str, Any]:
    return {"Reading": reading, **more}


def service(**kinds: dict[str, dict[str, Any]]) -> Tree:
    """A service without any Chassis: each kind of PowerEquipment with its units, each with its collections."""
    resources: Tree = {
        ROOT: {"PowerEquipment": ref("PowerEquipment"), "Vendor": "Fallback"},
        f"{ROOT}/PowerEquipment": {kind: ref(f"PowerEquipment/{kind}") for kind in kinds},
    }
    for kind, units in kinds.items():
        folder = f"PowerEquipment/{kind}"
        resources[f"{ROOT}/{folder}"] = {"Members": [ref(f"{folder}/{unit}") for unit in units]}
        for unit, properties in units.items():
            here = f"{folder}/{unit}"
            own: dict[str, Any] = {"Id": unit}
            for key, value in properties.items():
                if key in {"Mains", "Branches", "Outlets", "Subfeeds", "OutletGroups"}:
                    own[key] = ref(f"{here}/{key}")
                    resources[f"{ROOT}/{here}/{key}"] = {"Members": [ref(f"{here}/{key}/{name}") for name in value]}
                    resources |= {f"{ROOT}/{here}/{key}/{name}": {"Id": name, **one} for name, one in value.items()}
                elif key == "Metrics":
                    own[key] = ref(f"{here}/Metrics")
                    resources[f"{ROOT}/{here}/Metrics"] = value
                else:
                    own[key] = value
            resources[f"{ROOT}/{here}"] = own
    return resources


def metered(watts: Any, kwh: Any = None, **more: Any) -> dict[str, Any]:
    return {"PowerWatts": excerpt(watts), **({} if kwh is None else {"EnergykWh": excerpt(kwh)}), **more}


def rack_pdu(**more: Any) -> dict[str, Any]:
    """A rack PDU with a three-phase inlet, two branches and three outlets in two groups."""
    phases = {f"Line{number}ToNeutral": excerpt(100.0 * number) for number in (1, 2, 3)}
    mains = metered(
        600,
        56438,
        PolyPhasePowerWatts=phases,
        PolyPhaseCurrentAmps={"Line1": excerpt(0.5), "Neutral": excerpt(0.1)},
        PolyPhaseVoltage={"Line1ToNeutral": excerpt(230), "Line1ToLine2": excerpt(398)},
    )
    outlets = {
        "1": metered(184.4, 361.66, UserLabel="gpu-1", Voltage=excerpt(230.5), CurrentAmps=excerpt(0.81)),
        "2": metered(277.2, 1200.1, Name="Outlet 2"),
        "3": metered(0, 90.5, UserLabel="", PowerState="Off"),
    }
    return {
        "Manufacturer": "Acme",
        "Model": "P-3",
        "SerialNumber": "A-1",
        "FirmwareVersion": "1.2",
        "Mains": {"AC1": mains},
        "Branches": {"A": metered(184.4), "B": metered(277.2)},
        "Outlets": outlets,
        "OutletGroups": {"G1": metered(461.6), "G2": metered(184.4)},
        "Metrics": metered(600, 56438) | {"PowerWatts": excerpt(600, ApparentVA=620, PowerFactor=0.97)},
        **more,
    }


def polls(
    server: RedfishServer, count: int = 1, between: Callable[[int], None] = lambda _: None, **options: Any
) -> list[PduReading]:
    return conftest.polls(RedfishPduSource("pdu", conftest.client(server), **options), count, between)


def read(resources: Tree) -> PduReading:
    with RedfishServer(dict_tree(resources)) as server:
        return polls(server)[0]


def test_a_rack_pdu_is_published_by_level() -> None:
    reading = read(service(RackPDUs={"1": rack_pdu()}))
    assert reading.values["inlet"] == {
        "power": {"AC1": 600},
        "meter_energy": {"AC1": 56438 * KWH},
        "apparent_power": {"AC1": 620},
        "power_factor": {"AC1": 0.97},
    }
    assert reading.values["phase"] == {
        "power": {"1": 100, "2": 200, "3": 300},
        "current": {"1": 0.5},
        "voltage": {"1": 230, "1-2": 398},
    }
    assert reading.values["branch"] == {"power": {"A": 184.4, "B": 277.2}}
    assert reading.values["outlet"]["power"] == {"1": 184.4, "2": 277.2, "3": 0}
    assert reading.values["outlet"]["meter_energy"] == pytest.approx(
        {"1": 361.66 * KWH, "2": 1200.1 * KWH, "3": 90.5 * KWH}
    )
    assert reading.values["outlet"]["voltage"] == {"1": 230.5}
    assert reading.values["outlet"]["current"] == {"1": 0.81}
    assert reading.names == {"1": "gpu-1", "2": "Outlet 2"}
    assert (reading.vendor, reading.profile) == ("Acme", "redfish")
    assert reading.units == (Unit("P-3", "A-1", "1.2"),)
    assert reading.rejected == {}


def test_totals_are_the_inlet_where_no_inlet_is_metered() -> None:
    reading = read(service(RackPDUs={"7": {"Metrics": metered(576.3, 10), "Mains": {"AC1": {}}}}))
    assert reading.values["inlet"] == {"power": {"7": 576.3}, "meter_energy": {"7": 10 * KWH}}
    assert reading.vendor == "Fallback"


def test_several_units_are_distinguished_by_their_label() -> None:
    units = {"RackPDUs": {"1": {"Outlets": {"1": metered(10)}}, "2": {"Outlets": {"1": metered(20)}}}}
    assert read(service(**units)).values["outlet"]["power"] == {"1.1": 10, "2.1": 20}
    both = {"RackPDUs": {"1": {"Outlets": {"1": metered(10)}}}, "FloorPDUs": {"1": {"Branches": {"1": metered(20)}}}}
    reading = read(service(**both))
    assert reading.values["outlet"]["power"] == {"RackPDUs/1.1": 10}
    assert reading.values["branch"]["power"] == {"FloorPDUs/1.1": 20}


def test_a_transfer_switch_has_two_inlets_and_subfeeds_as_branches() -> None:
    phase = {"PolyPhasePowerWatts": {"Line1ToNeutral": excerpt(410)}}
    switch = {
        "Mains": {"A": metered(410, **phase), "B": metered(0)},
        "Subfeeds": {"S1": metered(405)},
        "Metrics": metered(410),
    }
    reading = read(service(TransferSwitches={"1": switch}))
    assert reading.values["inlet"]["power"] == {"A": 410, "B": 0}
    assert reading.values["phase"]["power"] == {"A.1": 410}
    assert reading.values["branch"]["power"] == {"S1": 405}


def test_a_shelf_that_meters_its_supplies_alone_takes_what_they_take() -> None:
    resources = service(PowerShelves={"1": {"PowerSupplies": ref("Shelf/Supplies")}})
    resources[f"{ROOT}/Shelf/Supplies"] = {"Members": [ref(f"Shelf/Supplies/{number}") for number in (1, 2)]}
    for number in (1, 2):
        resources[f"{ROOT}/Shelf/Supplies/{number}"] = {"Id": str(number), "Metrics": ref(f"Shelf/Metrics/{number}")}
        resources[f"{ROOT}/Shelf/Metrics/{number}"] = {"InputPowerWatts": excerpt(300 + number)}
    assert read(resources).values["inlet"]["power"] == {"1": 301, "2": 302}


def test_a_reading_that_only_its_sensor_has_is_read_there() -> None:
    outlet = {
        "PowerWatts": {"DataSourceUri": f"{ROOT}/Sensors/W"},
        "EnergykWh": {"DataSourceUri": f"{ROOT}/Sensors/E"},
        "CurrentAmps": {"DataSourceUri": f"{ROOT}/Sensors/Gone"},
    }
    resources = service(RackPDUs={"1": {"Outlets": {"1": outlet}}})
    resources[f"{ROOT}/Sensors/W"] = {"Reading": 0.25, "ReadingType": "Power", "ReadingUnits": "kW", "ApparentVA": 260}
    resources[f"{ROOT}/Sensors/E"] = {"Reading": 7200, "ReadingType": "EnergyJoules", "ReadingUnits": "J"}
    reading = read(resources)
    assert reading.values["outlet"] == {
        "power": {"1": 250},
        "apparent_power": {"1": 260},
        "meter_energy": {"1": 7200},
    }
    assert reading.rejected == {"unreadable": 1}


@pytest.mark.parametrize(
    ("sensor", "power", "rejected"),
    [
        ({"Reading": 5.0}, {"1": 5.0}, {}),
        ({"Reading": 5.0, "ReadingUnits": "W"}, {"1": 5.0}, {}),
        ({"Reading": 5.0, "ReadingUnits": "A"}, None, {"implausible": 1}),
        ({"Reading": 5.0, "ReadingType": "Temperature"}, None, {"implausible": 1}),
    ],
)
def test_power_is_not_read_at_a_sensor_of_something_else(
    sensor: dict[str, Any], power: dict[str, float] | None, rejected: dict[str, int]
) -> None:
    outlets = {"1": {"PowerWatts": {"DataSourceUri": f"{ROOT}/Sensors/W"}}, "2": {"Voltage": excerpt(230)}}
    resources = service(RackPDUs={"1": {"Outlets": outlets}})
    resources[f"{ROOT}/Sensors/W"] = sensor
    reading = read(resources)
    assert reading.values["outlet"].get("power") == power
    assert reading.values["outlet"]["voltage"] == {"2": 230}
    assert reading.rejected == rejected


def test_a_link_in_place_of_an_excerpt_is_read() -> None:
    resources = service(RackPDUs={"1": {"Outlets": {"1": {"PowerWatts": {"@odata.id": f"{ROOT}/Sensors/W"}}}}})
    resources[f"{ROOT}/Sensors/W"] = {"Reading": 184.4, "ReadingType": "Power", "ReadingUnits": "W"}
    assert read(resources).values["outlet"] == {"power": {"1": 184.4}}


def test_a_glitch_that_volts_and_amperes_contradict_is_left_out() -> None:
    outlet = metered(100, Voltage=excerpt(230), CurrentAmps=excerpt(0.45))
    resources = service(RackPDUs={"1": {"Outlets": {"1": outlet}}})
    watts = resources[f"{ROOT}/PowerEquipment/RackPDUs/1/Outlets/1"]["PowerWatts"]
    with RedfishServer(dict_tree(resources)) as server:
        shown = [
            (reading.values["outlet"].get("power"), reading.rejected.get("contradicted"))
            for reading in polls(server, 3, lambda turn: watts.update(Reading=999_000 if turn == 1 else 100))
        ]
    assert shown == [({"1": 100}, None), (None, 1), ({"1": 100}, None)]


def test_a_meter_without_a_believed_reading_is_up() -> None:
    resources = service(RackPDUs={"1": {"Outlets": {"1": metered(100)}}})
    watts = resources[f"{ROOT}/PowerEquipment/RackPDUs/1/Outlets/1"]["PowerWatts"]
    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(server, 3, lambda turn: watts.update(Reading=999_000 if turn == 1 else 100))
    assert [dict(reading.values) for reading in readings] == [
        {"outlet": {"power": {"1": 100}}},
        {},
        {"outlet": {"power": {"1": 100}}},
    ]
    assert readings[1].rejected == {"contradicted": 1}


def test_a_reset_register_makes_its_counter_neither_fall_nor_jump() -> None:
    resources = service(RackPDUs={"1": {"Outlets": {"1": metered(20, 500)}}})
    register = resources[f"{ROOT}/PowerEquipment/RackPDUs/1/Outlets/1"]["EnergykWh"]
    shows = [500, 501, 0, 0, 1]
    clock = iter(range(0, 10**7, 3600))
    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(server, 5, lambda turn: register.update(Reading=shows[turn]), clock=lambda: next(clock))
    counters = [reading.values["outlet"].get("meter_energy", {}).get("1") for reading in readings]
    assert counters == [500 * KWH, 501 * KWH, None, 501 * KWH, 502 * KWH]


def test_a_lifetime_register_is_preferred_to_one_a_user_can_reset() -> None:
    outlet = {"EnergykWh": {"Reading": 1, "LifetimeReading": 900}}
    assert read(service(RackPDUs={"1": {"Outlets": {"1": outlet}}})).values["outlet"]["meter_energy"] == {
        "1": 900 * KWH
    }


@pytest.mark.parametrize(
    ("watts", "reason"),
    [
        ("184 W", "not_a_number"),
        (True, "not_a_number"),
        (-5, "implausible"),
        (1e9, "implausible"),
        (10**400, "implausible"),
        ("-5", "implausible"),
    ],
)
def test_a_value_that_is_not_a_measurement_is_rejected(watts: Any, reason: str) -> None:
    reading = read(service(RackPDUs={"1": {"Outlets": {"1": metered(watts), "2": metered(20)}}}))
    assert reading.values["outlet"]["power"] == {"2": 20}
    assert reading.rejected == {reason: 1}


def test_numbers_as_text_are_read() -> None:
    reading = read(service(RackPDUs={"1": {"Outlets": {"1": metered("184.4", "361.5")}}}))
    assert reading.values["outlet"] == {"power": {"1": 184.4}, "meter_energy": {"1": 361.5 * KWH}}


def test_a_null_value_or_an_absent_outlet_gives_no_sample() -> None:
    gone = metered(15, Status={"State": "Absent"})
    reading = read(service(RackPDUs={"1": {"Outlets": {"1": metered(None), "2": metered(20), "3": gone}}}))
    assert reading.values["outlet"]["power"] == {"2": 20}
    assert reading.rejected == {}


@pytest.mark.parametrize("expands", [True, False])
def test_a_collection_that_expands_is_one_request(expands: bool) -> None:
    resources = service(RackPDUs={"1": {"Outlets": {str(number): metered(number) for number in range(1, 25)}}})
    if expands:
        resources[ROOT]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"Levels": True}}
    asked: list[int] = []
    with RedfishServer(dict_tree(resources)) as server:
        reading = polls(server, 3, lambda _: asked.append(sum(server.requests.values())))[-1]
    assert len(reading.values["outlet"]["power"]) == 24
    assert asked[2] - asked[1] == (2 if expands else 25)  # one of them the unit itself, for its serial number


@pytest.mark.parametrize("kwh", [1.0, 9000.0])
def test_another_unit_at_the_address_adds_nothing(kwh: float) -> None:
    resources = service(RackPDUs={"1": {"SerialNumber": "A", "Outlets": {"1": metered(20, 500)}}})
    here = f"{ROOT}/PowerEquipment/RackPDUs/1"

    def between(turn: int) -> None:
        if turn == 1:
            resources[here]["SerialNumber"] = "B"
            resources[f"{here}/Outlets/1"]["EnergykWh"]["Reading"] = kwh
        elif turn == 2:
            resources[f"{here}/Outlets/1"]["EnergykWh"]["Reading"] = kwh + 1

    with RedfishServer(dict_tree(resources)) as server:
        before, swapped, later = (
            reading.values["outlet"]["meter_energy"]["1"]
            for reading in polls(server, 3, between, clock=iter(range(0, 10**6, 30)).__next__)
        )
    assert before == 500 * KWH
    assert swapped <= before
    assert later == pytest.approx(swapped + KWH)


def test_an_unreadable_outlet_does_not_hide_others() -> None:
    resources = service(RackPDUs={"1": {"Outlets": {"1": metered(10), "2": metered(20)}}})
    behaviour = Behaviour()

    def between(turn: int) -> None:
        if turn == 1:
            behaviour.answer = lambda request: (
                web.json_response({"error": {}}, status=503) if request.path.endswith("/Outlets/1") else None
            )

    with RedfishServer(dict_tree(resources), behaviour) as server:
        later = polls(server, 2, between)[1]
    assert later.values["outlet"]["power"] == {"2": 20}
    assert later.rejected == {"unreadable": 1}


def test_an_outlet_that_is_new_is_found_by_the_next_survey() -> None:
    resources = service(RackPDUs={"1": {"Outlets": {"1": metered(10)}}})
    folder = f"{ROOT}/PowerEquipment/RackPDUs/1/Outlets"
    now = [0.0]

    def between(turn: int) -> None:
        now[0] = turn * (SURVEY_SECONDS + 1)
        if turn == 1:
            resources[folder]["Members"].append({"@odata.id": f"{folder}/2"})
            resources[f"{folder}/2"] = {"Id": "2", **metered(30)}

    with RedfishServer(dict_tree(resources)) as server:
        later = polls(server, 2, between, clock=lambda: now[0])[1]
    assert later.values["outlet"]["power"] == {"1": 10, "2": 30}


def test_a_service_without_power_equipment_is_one_clear_error() -> None:
    with pytest.raises(JoulepathError, match=r"^pdu: has no PowerEquipment .* joulepath bmc$"):
        read({ROOT: {"Chassis": ref("Chassis")}})


def test_joulepath_bmc_says_which_command_reads_a_pdu() -> None:
    with RedfishServer(dict_tree(service(RackPDUs={"1": rack_pdu()}))) as server:
        done = joulepath("--target", f"redfish+http://127.0.0.1:{server.port}", "--once", command="bmc")
    assert done.returncode == 1
    assert "read its PowerEquipment with joulepath pdu" in done.stderr


def test_once_prints_a_pdu_at_a_redfish_address() -> None:
    with RedfishServer(dict_tree(service(RackPDUs={"1": rack_pdu()}))) as server:
        done = joulepath("--target", f"redfish+http://127.0.0.1:{server.port}", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    series = samples(done.stdout)
    assert series["pdu_outlet_power_watts", frozenset({("outlet", "2")})] == 277.2
    assert series["pdu_outlet_info", frozenset({("outlet", "1"), ("name", "gpu-1")})] == 1
    assert series["pdu_outlet_energy_joules_total", frozenset({("outlet", "2")})] == 0


def test_a_configuration_names_redfish_addresses_beside_others(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "community").write_text("public\n")
    file = tmp_path / "pdu.yaml"
    file.write_text(
        "targets:\n"
        "  new: {address: 'redfish://10.0.0.7', user: reader, password_file: password, verify: false, interval: 20}\n"
        "  old: {address: 10.0.0.5, community_file: community}\n"
    )
    new, old = read_targets(file)
    assert (new.name, new.interval, new.files) == ("new", 20, (tmp_path / "password",))
    assert isinstance(new.source, RedfishPduSource)
    assert old.name == "old"


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("{address: 'redfish+http://h', user: u, password_env: P}", "would send the password in clear text"),
        ("{address: 'redfish://h', community_env: C}", "of SNMP belong to an address udp://HOST"),
        ("{address: 'redfish://h', profile: poe}", "belong to an address udp://HOST"),
        ("{address: h, community_env: C, verify: false}", "belong to an address redfish://HOST"),
        ("{address: 'redfish://h', user: u}", "user needs either password_file or password_env"),
    ],
)
def test_keys_that_do_not_fit_the_address_are_one_line(tmp_path: Path, target: str, line: str) -> None:
    file = tmp_path / "pdu.yaml"
    file.write_text(f"targets:\n  one: {target}\n")
    with pytest.raises(UsageError) as fault:
        read_targets(file)
    assert len(fault.value.messages) == 1
    assert line in fault.value.messages[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--target", "udp://h", "--user", "u"], "belong to --target redfish://HOST"),
        (["--target", "redfish://h", "--user", "u"], "user needs either password_file or password_env"),
    ],
)
def test_arguments_that_do_not_fit_the_address_are_one_line(arguments: list[str], line: str) -> None:
    done = joulepath(*arguments)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
