# SPDX-License-Identifier: Apache-2.0
"""Parts inside parts: subsystems and components, each watt of a chassis once in either level, and their energy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.bmc.collector import collect
from joulepath.bmc.reading import ChassisPart
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.layouts import RESURVEY_SECONDS, SURVEY_SECONDS
from joulepath.reading.target import State, Target
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, poll, polls, ref

pytestmark = pytest.mark.unit

SYSTEM = "Systems/Baseboard"


@dataclass
class Node:
    """One chassis of a tree that a test writes."""

    name: str
    kind: str = "Module"
    watts: float | None = None
    joules: float | None = None
    sensors: list[dict[str, Any]] = field(default_factory=list)
    inside: list["Node"] = field(default_factory=list)
    processor: str = ""
    serial: str = ""

    def walk(self, outer: "Node | None" = None) -> Iterator[tuple["Node", "Node | None"]]:
        yield self, outer
        for one in self.inside:
            yield from one.walk(self)


def build_tree(*roots: Node, links: bool = True, systems: bool = True) -> Tree:
    """The nodes as resources; without `links` only the computer system says what belongs together."""
    resources: Tree = {"/redfish/v1": {"Chassis": ref("Chassis")}}
    members = []
    for node, outer in (pair for root in roots for pair in root.walk()):
        here = f"Chassis/{node.name}"
        members.append(ref(here))
        environment: dict[str, Any] = {"PowerLimitWatts": {"SetPoint": 900, "AllowableMax": 1000}}
        if node.watts is not None:
            environment["PowerWatts"] = {"Reading": node.watts}
        if node.joules is not None:
            source = next((one["Id"] for one in node.sensors if one["ReadingType"] == "EnergyJoules"), "none")
            uri = f"/redfish/v1/{here}/Sensors/{source}"
            environment["EnergyJoules"] = {"Reading": node.joules, "DataSourceUri": uri}
        around: dict[str, Any] = {"ComputerSystems": [ref(SYSTEM)]} if systems else {}
        if outer is not None and links:
            around["ContainedBy"] = ref(f"Chassis/{outer.name}")
        if node.processor:
            around["Processors"] = [ref(f"{SYSTEM}/Processors/{node.processor}")]
        resources[f"/redfish/v1/{here}"] = {
            "Id": node.name,
            "ChassisType": node.kind,
            "SerialNumber": node.serial,
            "Links": around,
            "EnvironmentMetrics": ref(f"{here}/EnvironmentMetrics"),
            "Sensors": ref(f"{here}/Sensors"),
        }
        resources[f"/redfish/v1/{here}/EnvironmentMetrics"] = environment
        resources[f"/redfish/v1/{here}/Sensors"] = {
            "Members": [ref(f"{here}/Sensors/{one['Id']}") for one in node.sensors]
        }
        resources |= {f"/redfish/v1/{here}/Sensors/{one['Id']}": one for one in node.sensors}
    resources["/redfish/v1/Chassis"] = {"Members": members}
    return resources


def read(resources: Tree) -> Any:
    with RedfishServer(dict_tree(resources)) as server:
        return poll(server)


def power(name: str, watts: float | None, context: str = "", **more: Any) -> dict[str, Any]:
    stated = {"PhysicalContext": context} if context else {}
    return {"Id": name, "ReadingType": "Power", "ReadingUnits": "W", "Reading": watts, **stated, **more}


def energy(name: str, joules: float, context: str = "") -> dict[str, Any]:
    stated = {"PhysicalContext": context} if context else {}
    return {"Id": name, "ReadingType": "EnergyJoules", "ReadingUnits": "J", "Reading": joules, **stated}


def accelerator(number: int, watts: float, joules: float = 0) -> Node:
    return Node(f"GPU_{number}", watts=watts, joules=joules, processor=f"GPU_{number}")


def processor(module: int, watts: float, joules: float) -> Node:
    """A CPU with only its register in its EnvironmentMetrics, as on boards of NVIDIA's Grace."""
    name = f"Module_{module}_CPU_0"
    sensors = [
        energy(f"{name}_Energy_0", joules, "CPU"),
        power(f"{name}_EnforcedEDPc_0", 300, "CPU"),
        power(f"{name}_EnforcedEDPp_0", 420, "CPU"),
        power(f"{name}_PowerLimit_0", 350, "CPU"),
        power(f"{name}_Power_0", watts, "CPU"),
        power(f"Module_{module}_Vreg_0_CpuPower_0", watts / 2, "SystemBoard"),
    ]
    return Node(f"CPU_{module}", "Component", joules=joules - 500, sensors=sensors, processor=f"CPU_{module}")


def test_a_board_in_a_server_is_a_subsystem_and_accelerators_its_parts() -> None:
    """The server's own sensors of the accelerators, and of their memories, repeat what is on the board."""
    board = Node("Board", watts=825, inside=[accelerator(number, 70 + number, 1000.0 * number) for number in (1, 2)])
    own = [
        power("PWR_SYSTEM", 1950, "VoltageRegulator"),
        *(power(f"PWR_{part}", watts, "VoltageRegulator") for part, watts in {"CPU0": 200, "CPU1": 190}.items()),
        *(power(f"PWR_GB_SXM{part}", 40, "VoltageRegulator") for part in ("1", "1_M", "2", "2_M")),
        energy("ENERGY_CPU0", 148447, "VoltageRegulator"),
    ]
    reading = read(build_tree(Node("Server", "Other", sensors=own, inside=[board])))
    assert reading.power == {("chassis", "Server"): 1950}
    assert reading.subsystems == {("Server", "Board"): 825, ("Server", "PWR_CPU0"): 200, ("Server", "PWR_CPU1"): 190}
    assert reading.subsystem_energy == {("Server", "PWR_CPU0"): 148447}
    assert reading.components == {("Server", "Board", "GPU_1"): 71, ("Server", "Board", "GPU_2"): 72}
    assert reading.component_energy == {("Server", "Board", "GPU_1"): 1000, ("Server", "Board", "GPU_2"): 2000}


def test_the_memory_of_an_accelerator_is_part_of_it() -> None:
    """Without chassis for the accelerators their sensors count, and those that continue their names do not."""
    own = [power("PWR_SYSTEM", 1950), *(power(f"PWR_SXM{part}", 60) for part in ("1", "1_M", "10", "10_M"))]
    reading = read(build_tree(Node("Server", "RackMount", sensors=own)))
    assert reading.subsystems == {("Server", "PWR_SXM1"): 60, ("Server", "PWR_SXM10"): 60}


def module(number: int, joules: float, sensors: list[dict[str, Any]]) -> Node:
    inside = [accelerator(number, 84.8, 700), processor(number, 31.5, 600)]
    register = energy(f"ProcessorModule_{number}_Energy_0", joules)
    return Node(f"HGX_ProcessorModule_{number}", joules=joules, sensors=[register, *sensors], inside=inside)


def test_hot_swap_controllers_that_feed_a_board_are_its_power() -> None:
    feeds = [power(f"HGX_Chassis_0_{name}_Power_0", watts) for name, watts in {"HSC_0": 165, "HSC_1": 174}.items()]
    board = Node("HGX_Chassis_0", "Zone", sensors=[*feeds, power("HGX_Chassis_0_TotalGPU_Power_0", 170)])
    board.inside = [module(number, 1500, [power(f"ProcessorModule_{number}_Power_0", 150)]) for number in (0, 1)]
    reading = read(build_tree(board))
    assert reading.power == {("chassis", "HGX_Chassis_0"): 339}
    assert reading.psu_input == {("HGX_Chassis_0", "HSC_0"): 165, ("HGX_Chassis_0", "HSC_1"): 174}
    modules = [("HGX_Chassis_0", f"HGX_ProcessorModule_{number}") for number in (0, 1)]
    assert reading.subsystems == dict.fromkeys(modules, 150)
    assert reading.subsystem_energy == dict.fromkeys(modules, 1500)
    assert reading.components == {
        (*modules[number], f"{kind}_{number}"): watts
        for number in (0, 1)
        for kind, watts in {"GPU": 84.8, "CPU": 31.5}.items()
    }
    assert reading.component_energy[(*modules[0], "CPU_0")] == 600


def test_a_board_without_one_of_its_feeds_has_no_power() -> None:
    feeds = [power("Board_HSC_0_Power_0", 165), power("Board_HSC_1_Power_0", None)]
    board = Node("Board", sensors=feeds, inside=[accelerator(0, 80)])
    server = Node("Server", "RackMount", watts=700, inside=[board])
    resources = build_tree(server)
    with RedfishServer(dict_tree(resources)) as server_:
        before, after = polls(
            RedfishSource("bmc", client(server_)),
            2,
            lambda turn: resources["/redfish/v1/Chassis/Board/Sensors/Board_HSC_1_Power_0"].update(
                Reading=170 if turn == 0 else None
            ),
        )
    assert before.subsystems == {("Server", "Board"): 335}
    assert before.components == {("Server", "Board", "GPU_0"): 80}
    assert after.subsystems == {}


def test_a_distribution_board_does_not_consume_the_power_it_passes_on() -> None:
    feeds = [power(f"PDB_0_HSC_{number}_Pwr_0", 540) for number in (0, 1)]
    tray = Node("Tray", "Shelf", watts=1073, inside=[processor(0, 95, 600)])
    reading = read(build_tree(tray, Node("PDB_0", "Component", sensors=feeds)))
    assert reading.power == {("chassis", "Tray"): 1073}
    assert reading.subsystems == {("Tray", "CPU_0"): 95}


def test_the_only_sensor_of_a_module_is_the_modules_power() -> None:
    """It hides the sensors of what is inside; one that names another device would not."""
    inside = [accelerator(0, 84.8, 700), processor(0, 31.5, 600)]
    for name, expected in {
        "ProcessorModule_0_ModulePower_0": {"HGX_ProcessorModule_0": 165.8},
        "ProcessorModule_0_TotalGPU_Power_0": {"GPU_0": 84.8, "CPU_0": 31.5},
    }.items():
        outer = Node("HGX_ProcessorModule_0", joules=1500, sensors=[power(name, 165.8)], inside=inside)
        reading = read(build_tree(Node("Tray", "Shelf", watts=1073, inside=[outer])))
        assert {part.name: watts for part, watts in reading.subsystems.items()} == expected


def test_devices_that_a_module_names_are_kept_beside_those_inside_it() -> None:
    sensors = [power("TotalGPU_Power", 84, "GPU"), power("DIMM_Power", 21, "Memory")]
    outer = Node("Module_0", sensors=sensors, inside=[accelerator(0, 84.8, 700)])
    reading = read(build_tree(Node("Tray", "Shelf", watts=1073, inside=[outer])))
    assert reading.subsystems == {("Tray", "GPU_0"): 84.8, ("Tray", "Module_0/DIMM"): 21}


def test_a_mean_beside_the_power_now_is_not_a_second_device() -> None:
    own = [power("total_power", 400), power("CPU0_Power", 90, "CPU"), power("CPU0_AveragePower", 80, "CPU")]
    assert read(build_tree(Node("Server", "RackMount", sensors=own))).subsystems == {("Server", "CPU0"): 90}


@pytest.mark.parametrize("joules", [None, 1_593_106])
def test_a_part_that_states_only_energy_does_not_hide_the_power_inside_it(joules: float | None) -> None:
    outer = Node("Module_0", joules=joules, inside=[processor(0, 95.6, 6_144_452), accelerator(0, 84.8, 700)])
    reading = read(build_tree(Node("Tray", "Shelf", watts=1073, inside=[outer])))
    assert reading.subsystems == {("Tray", "CPU_0"): 95.6, ("Tray", "GPU_0"): 84.8}
    assert reading.subsystem_energy == {("Tray", "CPU_0"): 6_144_452, ("Tray", "GPU_0"): 700}
    assert reading.components == {}


def test_a_part_with_nothing_but_a_register_keeps_it() -> None:
    reading = read(build_tree(Node("Tray", "Shelf", watts=1073, inside=[Node("Module_0", joules=77)])))
    assert reading.subsystems == {}
    assert reading.subsystem_energy == {("Tray", "Module_0"): 77}


def test_a_part_without_a_reading_of_its_own_gives_those_of_its_devices() -> None:
    board = Node("Riser", "Component", sensors=[power("nic_power", 21, "NetworkingDevice"), power("cpu_power", 40)])
    reading = read(build_tree(Node("Server", "RackMount", watts=300, inside=[board])))
    assert reading.subsystems == {("Server", "Riser/nic"): 21, ("Server", "Riser/cpu"): 40}


def test_parts_of_a_tray_without_a_meter_are_not_a_chassis() -> None:
    """An NVLink switch tray: each switch is a chassis, the tray is a computer system alone."""
    switches = [Node(f"NVSwitch_{number}", "Component", watts=193) for number in (0, 1)]
    reading = read(build_tree(Node("BMC_0", "Component"), *switches))
    assert reading.power == {}
    assert reading.subsystems == {("Baseboard", "NVSwitch_0"): 193, ("Baseboard", "NVSwitch_1"): 193}


def test_a_part_of_an_unlisted_chassis_is_not_a_chassis() -> None:
    resources = build_tree(Node("NVSwitch_0", "Component", watts=193), systems=False)
    resources["/redfish/v1/Chassis/NVSwitch_0"]["Links"] = {"ContainedBy": [ref("Chassis/Tray")]}
    reading = read(resources)
    assert reading.power == {}
    assert reading.subsystems == {("Tray", "NVSwitch_0"): 193}


def test_a_link_in_place_of_an_excerpt_is_read() -> None:
    """EnvironmentMetrics may have a reference to a sensor where the schema has an excerpt of it."""
    part = accelerator(0, 300)
    part.sensors = [power("W", 310, "GPU"), energy("J", 77, "GPU")]
    resources = build_tree(Node("Server", "RackMount", watts=900, inside=[part]))
    resources["/redfish/v1/Chassis/GPU_0/EnvironmentMetrics"] = {
        "PowerWatts": ref("Chassis/GPU_0/Sensors/W"),
        "EnergyJoules": ref("Chassis/GPU_0/Sensors/J"),
    }
    reading = read(resources)
    assert reading.subsystems == {("Server", "GPU_0"): 310}
    assert reading.subsystem_energy == {("Server", "GPU_0"): 77}


def test_a_component_that_is_alone_is_the_chassis() -> None:
    reading = read(build_tree(Node("Node", "Component", watts=193)))
    assert reading.power == {("chassis", "Node"): 193}


@pytest.mark.parametrize("systems", [True, False])
def test_parts_without_a_location_belong_to_the_chassis_of_their_system(systems: bool) -> None:
    server = Node("Server", "RackMount", watts=900, inside=[accelerator(0, 300), accelerator(1, 250)])
    reading = read(build_tree(server, links=False, systems=systems))
    assert reading.power == {("chassis", "Server"): 900}
    assert reading.subsystems == {("Server", "GPU_0"): 300, ("Server", "GPU_1"): 250}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("CPU_0_EDPp", {}),
        ("cpu0_power_cap", {}),
        ("CPU0_MaxPower", {}),
        ("CPU1 TDP", {}),
        ("CPU_Power_Limit", {}),
        ("CPU_PeakPower_0", {}),
        ("CPU0_Power", {"ReadingBasis": "Headroom"}),
    ],
)
def test_limits_are_not_measurements(name: str, more: Mapping[str, Any]) -> None:
    own = [power("total_power", 400), power(name, 350, "CPU", **more), power("memory_power", 30)]
    assert read(build_tree(Node("Server", "RackMount", sensors=own))).subsystems == {("Server", "memory"): 30}


def test_parts_that_come_to_more_than_their_chassis_are_a_gap() -> None:
    """The load rose between the reading of the chassis and of its parts."""
    server = Node("Server", "RackMount", watts=500, inside=[accelerator(0, 300), accelerator(1, 250)])
    reading = read(build_tree(server))
    assert reading.power == {("chassis", "Server"): 500}
    assert reading.subsystems == {}
    assert reading.rejected == {"above_chassis": 2}


TREES: st.SearchStrategy[Any] = st.recursive(
    st.tuples(st.booleans(), st.floats(1, 100), st.just([])),
    lambda inner: st.tuples(st.booleans(), st.floats(1, 100), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def grow_part(shape: Any, names: Iterator[int]) -> tuple[Node, float]:
    """A part that takes its own watts and those inside it, and whether a meter shows so; and its watts."""
    metered, own, inside = shape
    node = Node(f"Part_{next(names)}")
    watts = own
    for one in inside:
        part, flows = grow_part(one, names)
        node.inside.append(part)
        watts += flows
    node.watts = watts if metered else None
    return node, watts


def outermost(node: Node) -> float:
    return node.watts if node.watts is not None else sum(map(outermost, node.inside))


@settings(deadline=None, max_examples=25)
@given(st.lists(TREES, min_size=1, max_size=3), st.floats(1, 100))
def test_power_is_conserved_at_either_level(shapes: list[Any], rest: float) -> None:
    names = iter(range(1000))
    parts = [grow_part(shape, names) for shape in shapes]
    total = rest + sum(watts for _, watts in parts)
    reading = read(build_tree(Node("Server", "RackMount", watts=total, inside=[part for part, _ in parts])))
    assert reading.power == {("chassis", "Server"): total}
    assert sum(reading.subsystems.values()) <= total * (1 + 1e-9)
    assert sum(reading.subsystems.values()) == pytest.approx(sum(outermost(part) for part, _ in parts))
    for part, watts in reading.subsystems.items():
        inner = [value for key, value in reading.components.items() if key[:2] == part]
        assert sum(inner) <= watts * (1 + 1e-9)


def counters_of(readings: list[Any]) -> dict[tuple[str, ...], float]:
    """The scrape after these polls, 10 s apart."""
    state: State[Any] = State(Target("bmc", RedfishSource("bmc", client(RedfishServer(dict_tree({})))), 10.0))
    for turn, reading in enumerate(readings):
        state.succeeded(reading, 10.0 * turn, 10.0 * turn, 10.0 * turn)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collect("redfish", state.snapshot, readings[-1])
        for sample in family.samples
    }


def test_energy_of_subsystems_and_components_is_counted_with_its_time() -> None:
    board = Node("Board", watts=800, joules=50, inside=[accelerator(0, 300, 70)])
    resources = build_tree(Node("Server", "RackMount", watts=2000, inside=[board]))
    with RedfishServer(dict_tree(resources)) as server:
        counters = counters_of(polls(RedfishSource("bmc", client(server)), 2))
    for level, labels, watts in (
        ("subsystem", ("Server", "Board"), 800),
        ("component", ("Server", "Board", "GPU_0"), 300),
    ):
        assert counters[f"bmc_{level}_power_watts", *labels] == watts
        assert counters[f"bmc_{level}_measured_seconds_total", *labels] == 10
        assert counters[f"bmc_{level}_energy_joules_total", *labels] == 10 * watts
    assert counters["bmc_subsystem_meter_energy_joules_total", "Server", "Board"] == 50
    assert counters["bmc_component_meter_energy_joules_total", "Server", "Board", "GPU_0"] == 70


@pytest.mark.parametrize("other", [10.0, 9e9])
def test_a_swapped_part_adds_nothing(other: float) -> None:
    """The part's serial number tells; its register may be higher or lower."""
    now = [0.0]
    part = accelerator(0, 300, 5e6)
    part.serial = "A"
    resources = build_tree(Node("Server", "RackMount", watts=900, inside=[part]))
    here = "/redfish/v1/Chassis/GPU_0"

    def between(turn: int) -> None:
        now[0] += SURVEY_SECONDS + RESURVEY_SECONDS if turn == 1 else 10
        if turn:
            resources[here]["SerialNumber"] = "B"
            resources[f"{here}/EnvironmentMetrics"]["EnergyJoules"]["Reading"] = other + (1000 if turn == 2 else 0)

    with RedfishServer(dict_tree(resources)) as server:
        first, swapped, later = polls(RedfishSource("bmc", client(server), clock=lambda: now[0]), 3, between)
    key = ChassisPart("Server", "GPU_0")
    assert first.subsystem_energy[key] == 5e6
    assert swapped.subsystem_energy[key] <= 5e6
    assert later.subsystem_energy[key] == pytest.approx(swapped.subsystem_energy[key] + 1000)


def test_a_part_that_was_away_is_counted_once_it_is_known_which_one_it_is() -> None:
    """The node is off while its accelerator is swapped for one with a register a little higher."""
    now = [0.0]
    part = accelerator(0, 300, 5e6)
    part.serial = "A"
    resources = build_tree(Node("Server", "RackMount", watts=900, inside=[part]))
    here = "/redfish/v1/Chassis/GPU_0"
    environment = resources[f"{here}/EnvironmentMetrics"]

    def between(turn: int) -> None:
        now[0] = 30.0 * turn
        if turn == 2:
            del resources[f"{here}/EnvironmentMetrics"]
        elif turn == 5:
            resources[here]["SerialNumber"] = "B"
            environment["EnergyJoules"]["Reading"] = 5.4e6
            resources[f"{here}/EnvironmentMetrics"] = environment
        elif turn == 7:
            environment["EnergyJoules"]["Reading"] += 1000

    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(RedfishSource("bmc", client(server), clock=lambda: now[0]), 8, between)
    counters = [reading.subsystem_energy.get(ChassisPart("Server", "GPU_0")) for reading in readings]
    assert counters[:5] == [5e6, 5e6, None, None, None]
    assert counters[5] is None
    assert counters[6:] == [5e6, 5e6 + 1000]


def test_components_that_come_to_more_than_their_subsystem_are_a_gap() -> None:
    board = Node("Board", watts=900, inside=[accelerator(0, 500, 1e6), accelerator(1, 420, 2e6)])
    reading = read(build_tree(Node("Server", "RackMount", watts=3000, inside=[board])))
    assert reading.subsystems == {("Server", "Board"): 900}
    assert reading.components == {}
    assert reading.rejected == {"above_subsystem": 2}
    assert len(reading.component_energy) == 2


def test_an_unlinked_module_beside_a_built_in_baseboard_is_a_part_too() -> None:
    """The baseboard calls itself RackMount, as the server does."""
    server, board = Node("Self", "RackMount", watts=5000), Node("HGX_Baseboard_0", "RackMount", watts=3000.5)
    reading = read(build_tree(server, board, Node("OAM_1", watts=650.5), links=False, systems=False))
    assert reading.power == {("chassis", "Self"): 5000}
    assert reading.subsystems == {("Self", "HGX_Baseboard_0"): 3000.5, ("Self", "OAM_1"): 650.5}
