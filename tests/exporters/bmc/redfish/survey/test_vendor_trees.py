# SPDX-License-Identifier: Apache-2.0
"""Small trees after the shapes that vendors give theirs: chassis in chassis, shared meters, no PhysicalContext."""

from typing import Any

import pytest

from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, legacy, poll, ref, tree

pytestmark = pytest.mark.unit

BOX = ("chassis", "1")


def read(resources: Tree) -> Any:
    with RedfishServer(dict_tree(resources)) as server:
        return poll(server)


def sensor(name: str, reading: Any, **more: Any) -> dict[str, Any]:
    return {"Id": name, "ReadingType": "Power", "Reading": reading, **more}


def with_sensors(resources: Tree, chassis: str, *sensors: dict[str, Any]) -> Tree:
    folder = f"Chassis/{chassis}/Sensors"
    resources[f"/redfish/v1/Chassis/{chassis}"]["Sensors"] = ref(folder)
    resources[f"/redfish/v1/{folder}"] = {"Members": [ref(f"{folder}/{one['Id']}") for one in sensors]}
    return {**resources, **{f"/redfish/v1/{folder}/{one['Id']}": one for one in sensors}}


def sensors(*entries: dict[str, Any]) -> Any:
    return read(with_sensors(tree({"1": {}}), "1", *entries))


def rectifier(number: int, watts: float | None) -> dict[str, Any]:
    return sensor(f"Rectifier{number}InputPower", watts, PhysicalContext="Rectifier", PhysicalSubContext="Input")


def test_supplies_without_readings_do_not_hide_the_sensors_that_have_them() -> None:
    """A chassis manager of HPE Cray EX: its Power names the rectifiers, its sensors measure them."""
    resources = legacy({"PowerSupplies": [{"Name": "Rectifier 1"}, {"Name": "Rectifier 0"}]})
    reading = read(with_sensors(resources, "1", rectifier(0, 3433), rectifier(1, 3400)))
    assert reading.power == {BOX: 6833}
    assert reading.sources == {BOX: "psu_input"}


def test_supplies_that_share_a_member_id_are_two() -> None:
    supplies = [{"MemberId": "0", "PowerInputWatts": 200}, {"MemberId": "0", "PowerInputWatts": 210}]
    reading = read(legacy({"PowerSupplies": supplies}))
    assert reading.power == {BOX: 410}
    assert reading.psu_input == {("1", "0"): 200, ("1", "1"): 210}


def test_too_few_metered_supplies_do_not_make_half_a_chassis() -> None:
    resources = legacy({"PowerSupplies": [{"Name": "Rectifier 1"}, {"Name": "Rectifier 0"}]})
    assert read(with_sensors(resources, "1", rectifier(0, 3433))).power == {}
    assert sensors(rectifier(0, 3433), rectifier(1, None)).power == {}


def hgx(**base: Any) -> Tree:
    """Two accelerators on a baseboard, each a chassis of its own, as on NVIDIA's."""
    resources = tree(
        {
            "Baseboard": {"ChassisType": "RackMount", "Links": {"Contains": [ref("Chassis/GPU_0/")]}, **base},
            "GPU_0": {"ChassisType": "Module", "EnvironmentMetrics": ref("Chassis/GPU_0/EnvironmentMetrics")},
            "GPU_1": {
                "ChassisType": "Module",
                "EnvironmentMetrics": ref("Chassis/GPU_1/EnvironmentMetrics"),
                "Links": {"ContainedBy": ref("Chassis/Baseboard")},
            },
            "DRAM_1": {
                "ChassisType": "Component",
                "EnvironmentMetrics": ref("Chassis/DRAM_1/EnvironmentMetrics"),
                "Links": {"ContainedBy": ref("Chassis/GPU_1")},
            },
        }
    )
    for name, watts in {"GPU_0": 870.5, "GPU_1": 600.0, "DRAM_1": 34.5}.items():
        path = f"/redfish/v1/Chassis/{name}/EnvironmentMetrics"
        resources[path] = {"PowerWatts": {"Reading": watts}, "EnergykWh": []}
    return resources


@pytest.mark.parametrize("metered", [True, False])
def test_modules_are_subsystems_of_the_box_around_them(metered: bool) -> None:
    resources = hgx(**({"Power": ref("Chassis/Baseboard/Power")} if metered else {}))
    resources["/redfish/v1/Chassis/Baseboard/Power"] = {"PowerControl": [{"PowerConsumedWatts": 2400}]}
    reading = read(resources)
    assert reading.power == ({("chassis", "Baseboard"): 2400} if metered else {})
    assert reading.subsystems == {("Baseboard", "GPU_0"): 870.5, ("Baseboard", "GPU_1"): 600}


def test_a_board_alone_in_an_unmeasured_chassis_is_the_server() -> None:
    resources = tree(
        {
            "Frame": {"ChassisType": "RackMount", "Links": {"Contains": [ref("Chassis/Board")]}},
            "Board": {"ChassisType": "Card", "Power": ref("Chassis/Board/Power")},
        },
        Chassis__Board__Power={"PowerControl": [{"PowerConsumedWatts": 148}]},
    )
    assert read(resources).power == {("chassis", "Board"): 148}


def test_one_power_resource_of_two_chassis_counts_once() -> None:
    power = {"PowerControl": [{"PowerConsumedWatts": 300}], "PowerSupplies": [{"PowerInputWatts": 290}]}
    shared = {"Power": ref("Chassis/2/Power")}
    reading = read(tree({"1": shared, "2": shared}, Chassis__2__Power=power))
    assert reading.power == {("chassis", "2"): 300}
    assert reading.psu_input == {("2", "0"): 290}


def test_a_shared_power_resource_keeps_its_supplies_input() -> None:
    shared = {"Power": ref("Chassis/1/Power")}
    reading = read(tree({"0": shared, "1": shared}, Chassis__1__Power=supplies("SN-1", "SN-2")))
    assert reading.power == {BOX: 800}
    assert reading.sources == {BOX: "psu_input"}


def test_a_shared_resource_belongs_to_the_innermost_chassis() -> None:
    shared = {"Power": ref("Chassis/A/B/Power")}
    resources = tree({"A": shared}, Chassis__A__B__Power={"PowerControl": [{"PowerConsumedWatts": 148}]})
    resources["/redfish/v1/Chassis"]["Members"].insert(0, ref("Chassis/A/B"))
    resources["/redfish/v1/Chassis/A/B"] = {"Id": "B", **shared}
    assert read(resources).power == {("chassis", "B"): 148}


def supplies(*serials: str) -> dict[str, Any]:
    return {"PowerSupplies": [{"PowerInputWatts": 400, "SerialNumber": serial} for serial in serials]}


def test_supplies_that_two_sleds_share_are_not_one_sleds_power() -> None:
    sled = {"ChassisType": "Sled"}
    resources = tree(
        {"1": {**sled, "Power": ref("Chassis/1/Power")}, "2": {**sled, "Power": ref("Chassis/2/Power")}},
        Chassis__1__Power=supplies("SN-1", "SN-2"),
        Chassis__2__Power=supplies("SN-2", "SN-1"),
    )
    reading = read(resources)
    assert reading.power == {}
    assert reading.psu_input == {("1", "0"): 400, ("1", "1"): 400}


def test_supplies_listed_by_node_and_enclosure_belong_to_the_enclosure() -> None:
    node = {**supplies("SN-1", "SN-2"), "PowerControl": [{"PowerConsumedWatts": 350}]}
    resources = tree(
        {
            "node": {"Power": ref("Chassis/node/Power"), "Links": {"ContainedBy": ref("Chassis/frame/")}},
            "frame": {"ChassisType": "Enclosure", "Power": ref("Chassis/frame/Power")},
        },
        Chassis__node__Power=node,
        Chassis__frame__Power=supplies("SN-1", "SN-2"),
    )
    reading = read(resources)
    assert reading.power == {("enclosure", "frame"): 800, ("chassis", "node"): 350}
    assert reading.psu_input == {("frame", "0"): 400, ("frame", "1"): 400}


def test_a_placeholder_serial_number_does_not_merge_two_supplies() -> None:
    resources = tree(
        {"1": {"Power": ref("Chassis/1/Power")}, "2": {"Power": ref("Chassis/2/Power")}},
        Chassis__1__Power=supplies("N/A", "N/A"),
        Chassis__2__Power=supplies("N/A", "N/A"),
    )
    assert read(resources).power == {BOX: 800, ("chassis", "2"): 800}


def test_supplies_are_recognised_by_name_where_no_context_is_stated() -> None:
    reading = sensors(
        sensor("ps0_input_power", 110),
        sensor("power_PSU1_Input_Power", 120),
        sensor("PSU0_POUT", 101),
        sensor("PSU1_Power", 111),
        sensor("cpu0_power", 60),
        {"Id": "p12v_fan_pwr", "ReadingUnits": "W", "Reading": 7},
    )
    assert reading.power == {BOX: 230}
    assert reading.psu_input == {("1", "ps0"): 110, ("1", "PSU1"): 120}
    assert reading.psu_output == {("1", "PSU0"): 101}
    assert reading.subsystems == {("1", "cpu0"): 60, ("1", "p12v_fan"): 7}


@pytest.mark.parametrize("name", ["CPU0_Power", "PSU1_PIN", "TotalGPU_Power_0"])
def test_the_only_sensor_is_not_the_whole_where_it_names_a_part(name: str) -> None:
    reading = sensors(sensor(name, 80), sensor("inlet", 23, ReadingType="Temperature"))
    assert reading.power == ({BOX: 80} if name == "PSU1_PIN" else {})
    assert set(reading.sources.values()) <= {"psu_input"}


def test_of_several_chassis_sensors_only_the_total_counts() -> None:
    parts = [sensor(f"Feed_{number}_Power_0", 500, PhysicalContext="Chassis") for number in range(2)]
    assert sensors(*parts, sensor("Total_Power", 1010, PhysicalContext="Chassis")).power == {BOX: 1010}
    assert sensors(*parts, sensor("cpu_power", 1, PhysicalContext="CPU")).power == {}


def test_zero_watts_are_believed_only_where_every_source_says_so() -> None:
    """A BMC that answers consumes something itself."""
    resources = legacy({"PowerControl": [{"PowerConsumedWatts": 135}]})
    resources["/redfish/v1/Chassis/1"]["EnvironmentMetrics"] = ref("Chassis/1/EnvironmentMetrics")
    resources["/redfish/v1/Chassis/1/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 0}}
    assert read(resources).power == {BOX: 135}
    resources["/redfish/v1/Chassis/1/Power"] = {"PowerControl": [{"PowerConsumedWatts": 0}]}
    assert read(resources).power == {BOX: 0}


def test_a_mean_that_was_never_taken_is_rejected() -> None:
    mean = {"AverageConsumedWatts": 0, "IntervalInMin": 1, "MaxConsumedWatts": 0, "MinConsumedWatts": 0}
    control = {"PowerConsumedWatts": None, "PowerMetrics": mean}
    reading = read(legacy({"PowerControl": [control], "PowerSupplies": [{"PowerOutputWatts": 90}]}))
    assert reading.power == {}
    assert reading.rejected == {"never_read": 1}


def test_the_power_control_with_a_reading_is_the_chassis() -> None:
    controls = [{"Name": "System Power Limit"}, {"Name": "System Power Control", "PowerConsumedWatts": 158}]
    assert read(legacy({"PowerControl": controls})).power == {BOX: 158}


def test_h3c_states_its_subsystems_beside_the_whole() -> None:
    oem = {"Public": {"CurrentCPUPowerWatts": 70, "CurrentDiskPowerWatts": 36, "CurrentMemoryPowerWatts": 3}}
    reading = read(legacy({"PowerControl": [{"PowerConsumedWatts": 158, "Oem": oem}]}))
    assert reading.power == {BOX: 158}
    assert reading.subsystems == {("1", "cpu"): 70, ("1", "storage"): 36, ("1", "memory"): 3}


def regulator(index: int, name: str, reading: float, kind: str = "Power") -> dict[str, Any]:
    oem = {"ParentalContext": "Chassis", "Index": index}
    where = {"PhysicalContext": "VoltageRegulator", "PhysicalSubContext": "Input"}
    return sensor(f"ChassisVoltageRegulator{index}Input{kind}", reading, Name=name, Oem=oem, **where)


def test_of_a_blades_regulators_the_one_that_takes_the_feed_is_the_blade() -> None:
    """HPE Cray EX235a lists the regulator of its processor before that of the whole node."""
    reading = sensors(regulator(2, "PDB INRUSH CPU", 311.578), regulator(0, "Node", 747))
    assert reading.power == {BOX: 747}
    assert reading.sources == {BOX: "regulator_input"}
    assert sensors(regulator(2, "PDB INRUSH CPU", 311.578), sensor("cpu_power", 1, PhysicalContext="CPU")).power == {}


def test_of_two_sums_of_one_subsystem_one_counts() -> None:
    """EX235a: the memory by its own meter, and as the sum of its regulators."""
    memory = {"PhysicalContext": "MemorySubsystem"}
    reading = sensors(
        sensor("MemorySubsystem0Power", 65.006, Name="CPU0Memory", **memory),
        sensor(
            "ChassisMemorySubsystem0OutputPower", 73, Name="Aggregate Memory", PhysicalSubContext="Output", **memory
        ),
        sensor("Memory0Power", 5, PhysicalContext="Memory"),
    )
    assert reading.subsystems == {("1", "ChassisMemorySubsystem0"): 73}


def test_the_hot_swap_controllers_of_a_tray_are_its_input() -> None:
    """NVIDIA: each takes a part of the feed, their total is the tray, and none of them is a card."""
    reading = sensors(
        sensor("Chassis_0_HSC_0_Power_0", 585),
        sensor("Chassis_0_HSC_1_Power_0", 586.3),
        sensor("Chassis_0_TotalHSC_Power_0", 1171.35),
        sensor("Chassis_0_TotalGPU_Power_0", 800),
    )
    assert reading.power == {BOX: 1171.35}
    assert reading.subsystems == {("1", "Chassis_0_TotalGPU_Power_0"): 800}


@pytest.mark.parametrize("interval", [0, 20])
def test_amis_present_power_counts_where_the_standard_one_is_null(interval: int) -> None:
    mean = {"CurConsumedWatts": 4920, "AverageConsumedWatts": 4925, "IntervalInMin": interval}
    reading = read(legacy({"PowerControl": [{"PowerConsumedWatts": None, "PowerMetrics": mean}]}))
    assert reading.power == {BOX: 4920}
    assert reading.sources == {BOX: "oem"}


@pytest.mark.parametrize("metered", [True, False])
def test_an_accelerator_baseboard_is_part_of_the_server_whatever_its_type(metered: bool) -> None:
    """NVIDIA's, in a Gigabyte: RackMount, no link to the server, its hot-swap controllers as supplies."""
    here = "Chassis/HGX_Chassis_0"
    supply = f"{here}/PowerSubsystem/PowerSupplies/HSC_0"
    environment, gpu = {"EnvironmentMetrics": ref(f"{here}/EnvironmentMetrics")}, "Chassis/HGX_GPU_0/EnvironmentMetrics"
    resources = tree(
        {
            "BMC_0": {"ChassisType": "Component"},
            "HGX_Chassis_0": {
                "ChassisType": "RackMount",
                "PowerSubsystem": ref(f"{here}/PowerSubsystem"),
                **environment,
            },
            "HGX_GPU_0": {"EnvironmentMetrics": ref(gpu), "Links": {"ContainedBy": ref(here)}},
            "Self": {"ChassisType": "RackMount", **({"Power": ref("Chassis/Self/Power")} if metered else {})},
        },
        Chassis__Self__Power={"PowerControl": [{"PowerConsumedWatts": 4920}]},
    )
    below: Tree = {
        f"{here}/EnvironmentMetrics": {"PowerWatts": {"Reading": 2420.5}, "EnergyJoules": {"Reading": 77000}},
        f"{here}/PowerSubsystem": {"PowerSupplies": ref(f"{here}/PowerSubsystem/PowerSupplies")},
        f"{here}/PowerSubsystem/PowerSupplies": {"Members": [ref(supply)]},
        supply: {"Name": "HSC_0", "Metrics": ref(f"{supply}/Metrics")},
        f"{supply}/Metrics": {"InputPowerWatts": {"Reading": 2430}},
        gpu: {"PowerWatts": {"Reading": 870}},
    }
    reading = read({**resources, **{f"/redfish/v1/{path}": resource for path, resource in below.items()}})
    assert reading.power == ({("chassis", "Self"): 4920} if metered else {})
    assert reading.subsystems == {("Self", "HGX_Chassis_0"): 2420.5}
    assert reading.psu_input == {}
    assert reading.meter_energy == {}


def test_a_baseboards_own_bmc_measures_the_baseboard() -> None:
    resources = tree(
        {"HGX_Chassis_0": {"EnvironmentMetrics": ref("Chassis/HGX_Chassis_0/EnvironmentMetrics")}},
        Chassis__HGX_Chassis_0__EnvironmentMetrics={"PowerWatts": {"Reading": 2420.5}},
    )
    assert read(resources).power == {("chassis", "HGX_Chassis_0"): 2420.5}


def test_supplies_the_new_resource_only_names_are_read_from_the_old_one() -> None:
    folder = "Chassis/1/PowerSubsystem/PowerSupplies"
    resources = legacy(supplies("SN-1", "SN-2"))
    resources["/redfish/v1/Chassis/1"]["PowerSubsystem"] = ref("Chassis/1/PowerSubsystem")
    resources["/redfish/v1/Chassis/1/PowerSubsystem"] = {"PowerSupplies": ref(folder)}
    resources[f"/redfish/v1/{folder}"] = {"Members": [ref(f"{folder}/PS1"), ref(f"{folder}/PS2")]}
    for name in ("PS1", "PS2"):
        resources[f"/redfish/v1/{folder}/{name}"] = {"Id": name, "Status": {"State": "Enabled"}}
    reading = read(resources)
    assert reading.power == {BOX: 800}
    assert reading.psu_input == {("1", "0"): 400, ("1", "1"): 400}


def dgx() -> Tree:
    """NVIDIA DGX H100: AMI's BMC, which gives every power sensor one context, and supplies by their sensors alone."""
    folder = "Chassis/DGX/PowerSubsystem/PowerSupplies"
    resources = tree(
        {
            "DGX": {"ChassisType": "Other", "Power": ref("Chassis/DGX/Power"), "PowerSubsystem": ref("Chassis/DGX/P")},
            "HGX_Chassis_0": {"ChassisType": "Zone"},
        },
        Chassis__DGX__Power={
            "PowerControl": [{"PowerMetrics": {"AverageConsumedWatts": 0, "IntervalInMin": 0, "MaxConsumedWatts": 0}}]
        },
        Chassis__DGX__P={"PowerSupplies": ref(folder)},
    )
    names = {
        "PWR_SYSTEM": 2080,
        "PWR_CPU0": 145,
        "PWR_GB_HSC1": 96,
        "PWR_GB_HSC2": 99,
        "PWR_PSU0": 325,
        "PWR_PSU1": 351,
    }
    resources = with_sensors(
        resources, "DGX", *(sensor(name, watts, PhysicalContext="VoltageRegulator") for name, watts in names.items())
    )
    context = {"PhysicalContext": "GPUSubsystem"}
    resources = with_sensors(
        resources,
        "HGX_Chassis_0",
        sensor("HGX_Chassis_0_TotalHSC_Power_0", 828, **context),
        sensor("HGX_Chassis_0_HSC_1_Power_0", 76, **context),
        sensor("HGX_Chassis_0_TotalGPU_Power_0", 560, PhysicalContext="GPU"),
    )
    resources[f"/redfish/v1/{folder}"] = {"Members": [ref(f"{folder}/PSU{number}") for number in range(2)]}
    for number in range(2):
        source = f"/redfish/v1/Chassis/DGX/Sensors/PWR_PSU{number}"
        resources[f"/redfish/v1/{folder}/PSU{number}"] = {
            "Id": f"PSU{number}",
            "Metrics": ref(f"{folder}/PSU{number}/M"),
        }
        resources[f"/redfish/v1/{folder}/PSU{number}/M"] = {"OutputPowerWatts": {"DataSourceUri": source}}
    return resources


def test_a_dgx_is_its_system_sensor_and_its_baseboard_is_in_it() -> None:
    reading = read(dgx())
    assert reading.power == {("chassis", "DGX"): 2080}
    assert reading.sources == {("chassis", "DGX"): "sensor"}
    assert reading.psu_output == {("DGX", "PSU0"): 325, ("DGX", "PSU1"): 351}
    assert reading.psu_input == {}
    assert reading.subsystems == {("DGX", "PWR_CPU0"): 145, ("DGX", "HGX_Chassis_0"): 828}


def test_a_supplys_sensor_states_input_or_output_in_one_word() -> None:
    """iDRAC 9."""
    context = {"PhysicalContext": "PowerSupply"}
    reading = sensors(
        sensor("PSU.Slot.1_InputPower", 285.5, Name="InputPowerSensor", **context),
        sensor("PSU.Slot.1_OutputPower", 256.5, Name="OutputPowerSensor", **context),
    )
    assert reading.power == {BOX: 285.5}
    assert list(reading.psu_input.values()) == [285.5]
    assert list(reading.psu_output.values()) == [256.5]


def test_a_sensor_of_256_steps_is_worse_than_power_control() -> None:
    """iDRAC 9 of an R750: its sensor repeats IPMI's, in steps of 30 W."""
    resources = tree(
        {"1": {"Power": ref("Chassis/1/Power")}}, Chassis__1__Power={"PowerControl": [{"PowerConsumedWatts": 568}]}
    )
    name = "System Board Pwr Consumption"
    step = sensor("SystemBoardPwrConsumption", 540, Name=name, PhysicalContext="SystemBoard")
    reading = read(with_sensors(resources, "1", step))
    assert reading.power == {BOX: 568}
    assert reading.sources == {BOX: "power_control"}
    assert sensors(step).sources == {BOX: "sdr"}


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (("Sys_Power", "PSU0_PIN"), "Sys_Power"),  # as IPMI has it
        (("Server_Power", "Fan_Power"), "Server_Power"),
        (("Total_Output_Power", "Total_Input_Power"), "Total_Input_Power"),
        (("Total_Power_Out", "Total_Power"), "Total_Power"),  # Fujitsu iRMC
        (("OAM_Total_Power", "OAM1_Power"), None),  # accelerators of the OCP
        (("Ecosys_Power", "Fan_Power"), None),
    ],
)
def test_names_of_the_whole_system_are_recognised_in_any_order(names: tuple[str, ...], whole: str | None) -> None:
    for order in (names, names[::-1]):
        entries = [sensor(name, 300 + 10 * names.index(name)) for name in order]
        expected = {} if whole is None else {BOX: 300 + 10 * names.index(whole)}
        try:
            power = sensors(*entries).power
        except JoulepathError:
            power = {}
        assert power == expected
