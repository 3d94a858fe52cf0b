# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  # data in rows
"""Damaged input for the parser of requests and for each parser of what devices say.

Each target runs a minute where long tests run, and some hundred inputs elsewhere, so that it cannot rot.
"""

import asyncio
import contextlib
import io
import json
import random
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest

from joulepath.bmc.collector import collect as collect_bmc
from joulepath.bmc.ipmi import dcmi
from joulepath.bmc.ipmi.client import IpmiClient, IpmiFaultError, PyghmiClient
from joulepath.bmc.ipmi.source import IpmiSource
from joulepath.bmc.login import Login
from joulepath.bmc.redfish.service.client import ResourceFaultError
from joulepath.bmc.redfish.service.items import Item, capacities, value
from joulepath.bmc.redfish.service.transport import decode_json
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.reports import values
from joulepath.errors import JoulepathError, UsageError
from joulepath.exposition import encode
from joulepath.ioam.backend.pcapfile import PcapFile
from joulepath.ioam.wire import decode, gtpu
from joulepath.metrics import filled
from joulepath.pdu.collector import collect as collect_pdu
from joulepath.pdu.profiles.catalogue import load_shipped
from joulepath.pdu.redfish.source import RedfishPduSource
from joulepath.pdu.snmp import messages, snmpwalk
from joulepath.pdu.snmp.client import GarbledError, Missing, Oid, Value, opaque
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.source import PduSource
from joulepath.pdu.survey import written
from joulepath.pdu.survey.layout import SYS_OBJECT_ID
from joulepath.pdu.survey.value import text
from joulepath.rapl.boards import Boards
from joulepath.rapl.collector import collect_boards
from joulepath.rapl.hwmon import HwmonSource
from joulepath.rapl.source import PowercapSource
from joulepath.reading.poller import Poller
from joulepath.reading.poller import Target as Polled
from joulepath.reading.rejected import NotMeasuredError
from joulepath.web.http import BadRequestError, parse
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.ipmi_bmc import _record
from joulepath_lab.devices.snmp_agent import Agent
from tests.exporters.fuzz import Target, damaged, disturbed, fuzz

ROOT = "/redfish/v1"
QUANTITIES = ("power", "apparent_power", "current", "voltage", "power_factor", "meter_energy")

HEADS = (
    b"GET /metrics HTTP/1.1\r\nHost: a:9\r\nAccept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n",
    b"GET /probe?target=a%20b HTTP/1.1\r\nHost: [::1]\r\nAccept-Encoding: gzip;q=0\r\nAccept-Encoding: br\r\n\r\n",
    b"POST / HTTP/1.0\r\nContent-Length: 0\r\nConnection: close\r\nAuthorization: Basic eDp5\r\n\r\n",
    b"GET http://host/metrics HTTP/1.1\r\nHost: host\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\r\nHEAD /%ff%00 HTTP/1.1\r\nHost: x\r\nX: \xe9\r\n folded\r\n\r\n",
)


def _request(head: bytes) -> None:
    request = parse(head)
    assert isinstance(request.path, str)
    for name in ("accept", "accept-encoding", "authorization", "connection"):
        request.header(name)
    assert request.keep_alive in {True, False}


@cache
def _answers() -> Sequence[bytes]:
    """Messages of the lab's agent, with objects of each type."""
    agent = Agent(rpdu2_objects(lambda: {1: ("one", 40.0), 2: ("two", 90.0)}))
    objects = [tuple(map(int, oid.split("."))) for oid in rpdu2_objects(lambda: {1: ("one", 40.0)})]
    asked = [messages.request(Community("public", version), "get", objects[at : at + 5], 0)
             for at in range(0, 20, 5) for version in (1, 2)]  # fmt: skip
    answers = [agent._answer(one.message(messages.MIN_ID)) for one in asked]
    agent.stop()
    return [*(one for one in answers if one is not None), *(one.message(messages.MIN_ID) for one in asked)]


WALK_LINES = (
    b'.1.3.6.1.2.1.1.3.0 = Timeticks: (42) 0:00:00.42\n.1.3.6.1.4.1.318.1 = STRING: "two\nlines"\n',
    b".1.3.6.1.4.1.9.1 = Hex-STRING: 0A 1B 2C \n1D FF\n.1.3.6.1.4.1.9.2 = INTEGER: up(1)\n",
    b".1.3.6.1.4.1.9.3 = Opaque: Float: 1.5\n.1.3.6.1.4.1.9.4 = OID: iso.3.6\n.1.3.6.1.9.5 = IpAddress: 10.0.0.1\n",
    b"1.3.6.1.2.1.1.1.0|4|text\n1.3.6.1.2.1.1.3.0|67|42\n1.3.6.1.4.1.5|4x|0a1b\n1.3.6.1.4.1.6|68x|9f780442c80000\n",
    b".1.3.6.1.4.1.9.6 42\n.1.3.6.1.4.1.9.7 = No Such Instance currently exists\n.1.3.6.1.9.8 = Counter64: 18446744073709551615\n",
)
NUMBERS = (b"1,234.5 W", b"12 kWh", b"-3", b"1.530,2", b"1'000 VA", b".5 A", b"2e3 W", b"230 V", "5 µW".encode())


def _walk(folder: Path, lines: bytes) -> None:
    (folder / "walk").write_bytes(lines)
    client = WalkClient(folder / "walk")

    async def read() -> Mapping[Oid, Value]:
        return await client.walk((1,))

    for one in asyncio.run(read()).values():
        text(one)


def _line(line: bytes) -> None:
    decoded = line.decode("utf-8", "surrogateescape")
    for _, joined in snmpwalk.join_lines(decoded.split("\n")):
        snmpwalk.read(joined)


def _number(chance: random.Random) -> tuple[str, str]:
    return damaged(chance, NUMBERS, 4).decode("utf-8", "replace"), chance.choice(QUANTITIES)


_profiles = cache(load_shipped)


class Odd:
    """An SNMP agent of a known model that answers with any value of any type."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        objects = rpdu2_objects(lambda: {1: ("one", 40.0), 2: ("two", 90.0)})
        self._objects: dict[Oid, Value] = {}
        for dotted, function in objects.items():
            content = function()
            number = tuple(map(int, dotted.split(".")))
            if isinstance(content, str):
                self._objects[number] = content.encode()
            elif content is not None:
                self._objects[number] = content if isinstance(content, int) else messages.plain(content)
        for oid in chance.sample(list(self._objects), chance.randint(0, 12)):
            if oid != SYS_OBJECT_ID:
                self._objects[oid] = self._odd()

    def _odd(self) -> Value:
        choices: Sequence[Value] = (
            *Missing,
            10**400,
            -1,
            2**64,
            float("nan"),
            float("inf"),
            1e308,
            b"\xff\xfe",
            b"x" * 4000,
            b"9" * 5000,
            b"\0\r\n",
            (),
            (1, 3),
            tuple(range(200)),
        )
        return self._chance.choice(choices)

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `Client.get`."""
        return {oid: self._objects.get(oid, Missing.NO_SUCH_INSTANCE) for oid in oids}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:  # noqa: ARG002  # all at once
        """See `Client.walk`."""
        rows = {oid: value for oid, value in sorted(self._objects.items()) if oid[: len(column)] == column}
        return {oid[len(column) :]: value for oid, value in rows.items() if oid != column}

    async def close(self) -> None:
        """Has nothing to end."""


class Resources:
    """A Redfish service with the resources `tree`."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree

    async def get(self, uri: str) -> Any:
        """Returns only objects, like its client."""
        resource = self._tree.get(uri.rstrip("/")) if isinstance(self._tree, dict) else None
        if not isinstance(resource, dict):
            raise ResourceFaultError(f"{uri}: 404")
        return {"@odata.id": uri, **as_read(resource)}

    async def close(self) -> None:
        """Has nothing to end."""


def as_read(resources: Any) -> Any:
    """The same value after a round trip through JSON."""
    return decode_json(json.dumps(resources))


def ref(path: str) -> dict[str, str]:
    return {"@odata.id": f"{ROOT}/{path}"}


BMC_TREE: Mapping[str, Any] = {
    ROOT: {"Chassis": ref("Chassis"), "TelemetryService": ref("Telemetry"), "Systems": ref("Systems")},
    f"{ROOT}/Chassis": {"Members": [ref("Chassis/1"), ref("Chassis/2")]},
    f"{ROOT}/Chassis/1": {
        "Id": "1",
        "ChassisType": "RackMount",
        "SerialNumber": "S1",
        "EnvironmentMetrics": ref("Chassis/1/Env"),
        "Power": ref("Chassis/1/Power"),
        "PowerSubsystem": ref("Chassis/1/PS"),
        "Sensors": ref("Chassis/1/Sensors"),
        "Links": {"ComputerSystems": [ref("Systems/1")], "Contains": [ref("Chassis/2")]},
    },
    f"{ROOT}/Chassis/2": {"Id": "2", "ChassisType": "Module", "EnvironmentMetrics": ref("Chassis/2/Env")},
    f"{ROOT}/Chassis/2/Env": {"PowerWatts": {"Reading": 75.0}, "EnergykWh": {"Reading": 3.5}},
    f"{ROOT}/Systems/1": {"Id": "1", "PowerState": "On"},
    f"{ROOT}/Chassis/1/Env": {
        "PowerWatts": {"Reading": 300.0, "DataSourceUri": f"{ROOT}/Chassis/1/Sensors/p"},
        "EnergyJoules": {"Reading": 5000},
    },
    f"{ROOT}/Chassis/1/Power": {
        "PowerControl": [
            {
                "PowerConsumedWatts": 300,
                "PowerCapacityWatts": 900,
                "PowerMetrics": {"AverageConsumedWatts": 290, "IntervalInMin": 1, "MaxConsumedWatts": 400, "MinConsumedWatts": 100},
            }
        ],
        "PowerSupplies": [{"MemberId": "0", "PowerInputWatts": 150, "LastPowerOutputWatts": 140, "PowerCapacityWatts": 800}],
    },
    f"{ROOT}/Chassis/1/PS": {"PowerSupplies": ref("Chassis/1/PS/All")},
    f"{ROOT}/Chassis/1/PS/All": {"Members": [ref("Chassis/1/PS/0")]},
    f"{ROOT}/Chassis/1/PS/0": {"Id": "0", "SerialNumber": "P", "Metrics": ref("Chassis/1/PS/0/M"), "PowerCapacityWatts": 800},
    f"{ROOT}/Chassis/1/PS/0/M": {"InputPowerWatts": {"Reading": 310.0}, "OutputPowerWatts": {"Reading": 290.0}},
    f"{ROOT}/Chassis/1/Sensors": {"Members": [ref("Chassis/1/Sensors/p"), ref("Chassis/1/Sensors/cpu")]},
    f"{ROOT}/Chassis/1/Sensors/p": {"Id": "p", "Name": "System Power", "ReadingType": "Power", "Reading": 301, "ReadingUnits": "W"},
    f"{ROOT}/Chassis/1/Sensors/cpu": {"Id": "cpu", "Name": "CPU0 Power", "ReadingType": "Power", "Reading": 90, "ReadingUnits": "W"},
    f"{ROOT}/Telemetry": {"MetricReports": ref("Telemetry/R"), "ServiceEnabled": True},
    f"{ROOT}/Telemetry/R": {"Members": [ref("Telemetry/R/1")]},
    f"{ROOT}/Telemetry/R/1": {
        "Timestamp": "2026-01-01T00:00:00Z",
        "MetricValues": [
            {"MetricProperty": f"{ROOT}/Chassis/1/Env#/PowerWatts/Reading", "MetricValue": "299", "Timestamp": "2026-01-01T00:00:00Z"},
            {"MetricProperty": f"{ROOT}/Chassis/1/Sensors/p", "MetricValue": "nan"},
        ],
    },
}  # fmt: skip

PDU_TREE: Mapping[str, Any] = {
    ROOT: {"PowerEquipment": ref("PE"), "Vendor": "V"},
    f"{ROOT}/PE": {"RackPDUs": ref("PE/R")},
    f"{ROOT}/PE/R": {"Members": [ref("PE/R/1")]},
    f"{ROOT}/PE/R/1": {
        "Id": "1",
        "Model": "M",
        "SerialNumber": "S",
        "FirmwareVersion": "1",
        "Mains": ref("PE/R/1/Mains"),
        "Branches": ref("PE/R/1/Branches"),
        "Outlets": ref("PE/R/1/Outlets"),
        "Metrics": ref("PE/R/1/Metrics"),
    },
    f"{ROOT}/PE/R/1/Mains": {"Members": [ref("PE/R/1/Mains/AC1")]},
    f"{ROOT}/PE/R/1/Mains/AC1": {
        "Id": "AC1",
        "PowerWatts": {"Reading": 400.0, "ApparentVA": 420.0, "PowerFactor": 0.95},
        "PolyPhasePowerWatts": {"Line1ToNeutral": {"Reading": 130.0}},
        "PolyPhaseCurrentAmps": {"Line1": {"Reading": 1.5}},
        "EnergykWh": {"Reading": 12.5},
    },
    f"{ROOT}/PE/R/1/Branches": {"Members": []},
    f"{ROOT}/PE/R/1/Outlets": {"Members": [ref("PE/R/1/Outlets/1"), ref("PE/R/1/Outlets/2")]},
    f"{ROOT}/PE/R/1/Outlets/1": {"Id": "1", "Name": "one", "PowerWatts": {"Reading": 90.0}, "Voltage": {"Reading": 230.0}},
    f"{ROOT}/PE/R/1/Outlets/2": {"Id": "2", "UserLabel": "two", "CurrentAmps": {"DataSourceUri": f"{ROOT}/S/1"}},
    f"{ROOT}/S/1": {"Reading": 1.5, "ReadingUnits": "A"},
    f"{ROOT}/PE/R/1/Metrics": {"PowerWatts": {"Reading": 400.0}, "EnergykWh": {"Reading": 12.5}},
}  # fmt: skip


def _scrape(source: Any, collect: Any) -> None:
    """Three polls of a source, and what a scrape encodes of each in both formats."""

    async def polls() -> None:
        poller = Poller([Polled("device", source, 10.0)])
        for _ in range(3):
            try:
                reading = await source.read()
            except JoulepathError as fault:
                str(fault).encode("utf-8", "backslashreplace")
                continue
            (state,) = poller._states.values()
            state.succeeded(reading, 1.0, 2.0, 3.0)
            families = list(filled(collect(*poller.view("device"))))
            for openmetrics in (False, True):
                encode(families, generate_latest, openmetrics=openmetrics)

    asyncio.run(polls())


class Repository:
    """pyghmi's command as a BMC of one damaged sensor record answers it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._asked = 0
        self._record = damaged(chance, [_sensor("PSU1 Input"), _sensor("System Power", linearization=70)])

    def init_sdr(self) -> Any:
        """As pyghmi's own."""
        from pyghmi.ipmi.sdr import SDR  # noqa: PLC0415

        return SDR(self)

    def raw_command(self, netfn: int, command: int, data: Sequence[int] = (), **_: Any) -> dict[str, Any]:
        """Answers like a BMC, now and then with something else."""
        chance = self._chance
        answers = {
            (6, 1): bytes([0x20, 0x81, 1, 2, 2, 0xBF, 1, 0, 0, 1, 0]),
            (0x0A, 0x20): b"\x51\x01\x00\xff\xff" + bytes(8) + b"\x02",
            (0x0A, 0x22): b"\x01\x00",
            (0x0A, 0x23): b"\xff\xff" + self._piece(data),
            (4, 0x2D): b"\x80\xc0\x00",
            (4, 0x23): b"\xff" + bytes(6),
        }
        answer = answers.get((netfn, command), b"")
        if chance.random() < 0.05:
            return {"error": "busy", "code": chance.choice((0xC0, 0xC1, 0xFF, 0x1FF))}
        return {"data": bytearray(damaged(chance, [answer], 2) if chance.random() < 0.1 else answer), "code": 0}

    def _piece(self, data: Sequence[int]) -> bytes:
        offset, size = (data[4], data[5]) if len(data) > 5 else (0, 255)
        return self._record[offset : offset + size] if size != 255 else self._record[offset:]


def _sensor(name: str, linearization: int = 0) -> bytes:
    return _record(1, {"name": name, "unit": "W", "step": 2, "linearization": linearization})


def _ipmi(chance: random.Random) -> IpmiClient:
    client = PyghmiClient("192.0.2.1", 623, Login("a", "b"), "user")
    client._command = Repository(chance)
    client._connect = lambda: client._command  # type: ignore[method-assign]  # no network
    client._fault = IpmiFaultError  # type: ignore[method-assign]  # and no logout
    return client


def _sensors(client: IpmiClient) -> None:
    for key, name, unit in list(client.sensors()):
        assert isinstance(name, str)
        assert isinstance(unit, str)
        with contextlib.suppress(NotMeasuredError):
            record = client.sensor(key)
            assert record is None or isinstance(record, float)


def _whole_bmc(client: IpmiClient) -> None:
    source = IpmiSource("device", client)
    with contextlib.suppress(JoulepathError):
        reading = source._measure()
        assert all(isinstance(watts, float | int) for watts in reading.power.values())


DCMI = struct.pack("<BHHHHIIB", 0xDC, 120, 80, 200, 110, 1_700_000_000, 60_000, 0x40)


def _dcmi(data: bytes) -> None:
    reading = dcmi.PowerReading.parse(data)
    assert reading.past is None or reading.past.catches_up >= 0
    assert reading.watts >= 0


def _hwmon(folder: Path, chance: random.Random) -> Path:
    """Trees of hwmon and powercap, some files of which hold something else."""
    files = {
        "class/hwmon/hwmon0/name": b"ina226",
        "class/hwmon/hwmon0/curr1_input": b"1500",
        "class/hwmon/hwmon0/in1_input": b"12000",
        "class/hwmon/hwmon1/name": b"acpi",
        "class/hwmon/hwmon1/power1_average": b"25000000",
        "class/hwmon/hwmon1/power1_label": b"Module",
        "class/hwmon/hwmon1/energy1_input": b"123456",
        "class/powercap/intel-rapl:0/name": b"package-0",
        "class/powercap/intel-rapl:0/energy_uj": b"12345",
        "class/powercap/intel-rapl:0/max_energy_range_uj": b"262143328850",
        "class/powercap/intel-rapl:0:0/name": b"dram",
        "class/powercap/intel-rapl:0:0/energy_uj": b"999",
    }
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(damaged(chance, [content], 3))
    return folder


def _boards(sysfs: Path) -> None:
    boards = Boards()
    for second in (0.0, 1.0):
        families = list(filled(collect_boards(boards.add(second, HwmonSource(sysfs).read()))))
        encode(families, generate_latest, openmetrics=False)
    PowercapSource(sysfs).read()


ITEMS = (
    Item("power", "1", "u", ("PowerWatts", "Reading"), source="environment_metrics"),
    Item("power", "1", "u", ("PowerControl", 0, "PowerMetrics", "AverageConsumedWatts"), source="power_control_average"),
    Item("psu_input", "1", "u", ("PowerSupplies", 0, "PowerInputWatts"), "0", capacities=frozenset({800.0})),
    Item("meter_energy", "1", "u", ("EnergykWh", "Reading"), scale=3.6e6),
)  # fmt: skip


def _items(resource: Any) -> None:
    resource = as_read(resource)
    if not isinstance(resource, dict):
        return
    for item in ITEMS:
        with contextlib.suppress(NotMeasuredError):
            assert value(item, resource) >= 0
    assert all(number > 0 for number in capacities(resource))
    values(resource)


PACKET = bytes.fromhex("30ff0010000000010000000045000000")
EXTENDED = bytes.fromhex("34ff00100000000100000085010100010000000045000000")


def _pcap(order: str) -> bytes:
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + struct.pack(order + "IIII", 1, 2, 20, 20) + bytes(20)


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


PCAPNG = (
    _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    + _block(1, struct.pack("<HHI", 1, 0, 65535) + struct.pack("<HH4sHH", 2, 4, b"eth0", 0, 0))
    + _block(6, struct.pack("<IIIII", 0, 0, 0, 8, 8) + bytes(8) + struct.pack("<HHIHH", 2, 4, 1, 0, 0))
    + _block(5, struct.pack("<III", 0, 0, 0) + struct.pack("<HHQHH", 5, 8, 3, 0, 0))
    + _block(3, struct.pack("<I", 4) + bytes(4))
)


def _frames(data: bytes) -> None:
    for frame in PcapFile(io.BytesIO(data), "capture").frames():
        assert isinstance(frame.octets, bytes)


def _gtpu(data: bytes) -> None:
    start, teid, _ = gtpu.payload(bytearray(data), 0, len(data))
    assert start in {gtpu.SIGNALLING, gtpu.FOREIGN} or 8 <= start <= len(data)
    assert 0 <= teid < 2**32


def _tree(tree: Mapping[str, Any], chance: random.Random) -> Any:
    return disturbed(chance, tree, chance.choice((0.01, 0.03, 0.1)))


FOLDER = Path(tempfile.gettempdir())

TARGETS = [
    Target("request head", partial(damaged, seeds=HEADS), _request, (BadRequestError,)),
    Target("SNMP message", lambda chance: damaged(chance, _answers()), messages.answer, (GarbledError,)),
    Target("Opaque", partial(damaged, seeds=[bytes.fromhex("9f780442c80000"), bytes.fromhex("9f7602ffff")]), opaque),
    Target("walk line", partial(damaged, seeds=WALK_LINES), _line, (ValueError, OverflowError)),
    Target("number in text", _number, lambda arguments: written.read(*arguments), (ValueError,)),
    Target("SNMP device", Odd, lambda odd: _scrape(PduSource("device", odd, _profiles(), "apc-rpdu2"), collect_pdu)),
    Target("Redfish item", lambda chance: disturbed(chance, {**BMC_TREE[f"{ROOT}/Chassis/1/Power"],
           **BMC_TREE[f"{ROOT}/Chassis/1/Env"], **BMC_TREE[f"{ROOT}/Telemetry/R/1"]}, 0.1), _items),
    Target("Redfish BMC", partial(_tree, BMC_TREE),
           lambda tree: _scrape(RedfishSource("device", Resources(tree)), partial(collect_bmc, ""))),
    Target("Redfish PDU", partial(_tree, PDU_TREE),
           lambda tree: _scrape(RedfishPduSource("device", Resources(tree)), collect_pdu)),
    Target("DCMI", partial(damaged, seeds=[DCMI]), _dcmi, (NotMeasuredError,)),
    Target("IPMI sensors", _ipmi, _sensors, (IpmiFaultError,)),
    Target("IPMI BMC", _ipmi, _whole_bmc),
    Target("pcap", partial(damaged, seeds=[_pcap("<"), _pcap(">"), PCAPNG]), _frames, (UsageError,)),
    Target("GTP-U", partial(damaged, seeds=[PACKET, EXTENDED]), _gtpu, (decode.Malformed,)),
]  # fmt: skip


def _targets(folder: Path) -> Iterator[Target]:
    yield from TARGETS
    yield Target("walk file", partial(damaged, seeds=WALK_LINES), partial(_walk, folder), (UsageError,))
    yield Target("hwmon and powercap", partial(_hwmon, folder / "sys"), _boards, (JoulepathError,))


NAMES = [target.name for target in _targets(FOLDER)]


@pytest.mark.unit
@pytest.mark.parametrize("name", NAMES)
def test_some_damaged_inputs_do_no_harm(tmp_path: Path, name: str) -> None:
    target = next(target for target in _targets(tmp_path) if target.name == name)
    assert fuzz(target, 1, times=100) == 100


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_minute_of_damaged_inputs_does_no_harm(tmp_path: Path, name: str) -> None:
    target = next(target for target in _targets(tmp_path) if target.name == name)
    assert fuzz(target, random.randrange(2**32), seconds=60.0) > 100


@pytest.mark.unit
def test_an_unexpected_outcome_fails_with_its_input() -> None:
    target = Target("json", partial(damaged, seeds=[b'{"a": 1}']), json.loads, (UnicodeDecodeError,))
    with pytest.raises(AssertionError, match=r"json, input 1 \d+: "):
        fuzz(target, 1, times=1000)
