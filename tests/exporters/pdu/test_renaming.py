# SPDX-License-Identifier: Apache-2.0
"""A PDU that renames its rows: series and memory stay bounded, and what is there stays readable."""

import asyncio
import logging
import resource
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.metrics import filled
from joulepath.pdu.collector import collect
from joulepath.pdu.command import read_targets
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.redfish.source import RedfishPduSource
from joulepath.pdu.source import PduSource
from joulepath.reading.bounds import FORGET_SECONDS, MAX_LABEL, MAX_ROWS
from joulepath.reading.poller import Poller, Target
from joulepath.reading.register import Registers
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent

from .conftest import client

pytestmark = pytest.mark.unit

logger = logging.getLogger(__name__)


class Renaming(Agent):
    """A PDU with `count` outlets that have other numbers and names in each `epoch`."""

    def __init__(self, count: int) -> None:
        super().__init__({})
        self._count = count
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Renames its outlets."""
        first = epoch * self._count + 1
        outlets = {number: (f"outlet {number}", 40.0) for number in range(first, first + self._count)}
        objects = rpdu2_objects(lambda: outlets, joules=lambda outlet: 3.6e6 * outlet)
        self._objects = {tuple(map(int, oid.split("."))): value for oid, value in objects.items()}
        self._order = sorted(self._objects)


class Polled:
    """Polls by a clock of its own."""

    def __init__(self, agent: Agent, profiles: Mapping[str, Profile], max_rows: int) -> None:
        self.now = 0.0
        self.registers: Registers = {}
        source = PduSource(
            "pdu-1",
            client(agent.address),
            profiles,
            "apc-rpdu2",
            clock=lambda: self.now,
            registers=self.registers,
            max_rows=max_rows,
        )
        self.source = source
        self.poller = Poller([Target("pdu-1", source, 10.0)], clock=lambda: self.now)

    def poll(self, seconds: float) -> None:
        """One poll, then so much time passes."""
        (fault,) = self.poller.once().values() or (None,)
        assert fault is None
        self.now += seconds

    @property
    def series(self) -> int:
        """Samples of a scrape."""
        return sum(len(family.samples) for family in filled(collect(*self.poller.view("pdu-1"))))

    @property
    def kept(self) -> list[int]:
        """How much is kept by row."""
        belief, state = self.source._belief, self.poller._states["pdu-1"]
        return [
            len(self.registers),
            len(belief._told),
            len(belief._judge._last),
            len(belief._judge._held),
            len(state._integrators),
            len(state._rows.known),
        ]


def _soak(
    profiles: Mapping[str, Profile], *, count: int, max_rows: int, epochs: int, seen: Callable[[int, Polled], None]
) -> Polled:
    with Renaming(count) as agent:
        polled = Polled(agent, profiles, max_rows)
        for epoch in range(epochs):
            agent.begin(epoch)
            polled.poll(1.0)  # finds rows that it does not know, and surveys before the next one
            polled.poll(1.0)
            seen(epoch, polled)
        return polled


def test_a_device_that_renames_its_rows_has_no_more_than_the_limit(
    profiles: Mapping[str, Profile], caplog: pytest.LogCaptureFixture
) -> None:
    def check_limits(_epoch: int, polled: Polled) -> None:
        # A row has up to six values, and the device and its inlet have some more.
        assert polled.series <= 30 * 8 + 40
        assert max(polled.kept) <= 30 * 6

    polled = _soak(profiles, count=10, max_rows=30, epochs=8, seen=check_limits)
    snapshot, reading = polled.poller.view("pdu-1")
    assert snapshot.rejected["beyond_limit"] >= 10
    assert reading is not None
    assert not [label for label in reading.names if int(label) > 30]
    lines = [record.getMessage() for record in caplog.records if "rows are left out" in record.getMessage()]
    assert len(lines) == 1, "it is told once, not at every poll"
    assert lines[0].startswith("pdu-1: ")
    assert "more than 30 within an hour" in lines[0]


def test_a_row_that_returns_after_an_hour_starts_anew_with_its_register(
    profiles: Mapping[str, Profile],
) -> None:
    with Renaming(3) as agent:
        polled = Polled(agent, profiles, 4096)
        for _ in range(3):
            polled.poll(10.0)
        before = dict(polled.poller.snapshot("pdu-1").energy)
        register = polled.registers["outlet", "1"]
        agent.begin(1)
        for _ in range(int(FORGET_SECONDS / 10) + 2):
            polled.poll(10.0)
        assert ("outlet", "1") not in polled.poller.snapshot("pdu-1").energy
        assert ("outlet", "1") not in polled.registers
        agent.begin(0)
        for _ in range(3):
            polled.poll(10.0)
        after = polled.poller.snapshot("pdu-1").energy
        assert before["outlet", "1"].joules > 0
        assert after["outlet", "1"].joules <= before["outlet", "1"].joules
        assert polled.registers["outlet", "1"] is not register
        assert polled.registers["outlet", "1"].joules == 3.6e6


def test_names_of_any_length_are_cut(profiles: Mapping[str, Profile]) -> None:
    outlets = {number: ("x" * 900 + str(number), 40.0) for number in (1, 2)}
    with Agent(rpdu2_objects(lambda: outlets, serial="S" * 900)) as agent:
        polled = Polled(agent, profiles, 4096)
        polled.poll(1.0)
        reading = polled.poller.view("pdu-1")[1]
    assert reading is not None
    assert {len(name) for name in reading.names.values()} == {MAX_LABEL}
    assert reading.names["1"] != reading.names["2"]
    assert len(reading.units[0].serial) == MAX_LABEL


def test_renamed_rows_are_limited_over_redfish_too() -> None:
    class Service:
        """A PDU that changes the names and ids of its outlets with each poll."""

        epoch = 0

        async def get(self, uri: str) -> Mapping[str, object]:
            unit = "/redfish/v1/PowerEquipment/RackPDUs/1"
            listed = [{"@odata.id": f"{unit}/Outlets/{self.epoch}-{number}"} for number in range(5)]
            tree: dict[str, Mapping[str, object]] = {
                "/redfish/v1/": {"PowerEquipment": {"@odata.id": "/redfish/v1/PowerEquipment"}},
                "/redfish/v1/PowerEquipment": {"RackPDUs": {"@odata.id": "/redfish/v1/PowerEquipment/RackPDUs"}},
                "/redfish/v1/PowerEquipment/RackPDUs": {"Members": [{"@odata.id": unit}]},
                unit: {"Id": "1", "SerialNumber": f"S{self.epoch}", "Outlets": {"@odata.id": f"{unit}/Outlets"}},
                f"{unit}/Outlets": {"Members": listed},
            }
            if uri in tree:
                return tree[uri]
            return {"Id": uri.rpartition("/")[2] + "y" * 300, "Name": "z" * 300, "PowerWatts": {"Reading": 7.0}}

        async def close(self) -> None:
            """Has nothing to end."""

    async def polls() -> None:
        service, now = Service(), 0.0
        source = RedfishPduSource("pdu-1", service, clock=lambda: now, max_rows=12)
        seen: set[str] = set()
        rejected = 0
        for service.epoch in range(6):
            now += 10.0
            try:
                reading = await source.read()
            except JoulepathError as fault:
                assert "beyond_limit" in str(fault)  # noqa: PT017  # a poll of which no row fits says so
                continue
            seen |= reading.values["outlet"]["power"].keys()
            rejected += reading.rejected.get("beyond_limit", 0)
            assert all(len(label) <= MAX_LABEL for label in (*seen, *reading.names.values()))
        assert len(seen) == 12
        assert rejected

    asyncio.run(polls())


def test_the_limit_is_a_key_of_each_target(tmp_path: Path) -> None:
    (tmp_path / "community").write_text("public")
    file = tmp_path / "pdu.yaml"
    file.write_text(
        "targets:\n"
        "  snmp: {address: 127.0.0.1, community_file: community, max_rows: 7}\n"
        "  redfish: {address: 'redfish+http://127.0.0.1', max_rows: 8}\n"
        "  neither: {address: 127.0.0.1, community_file: community}\n"
    )
    limits = {}
    for target in read_targets(file):
        assert isinstance(target.source, PduSource | RedfishPduSource)
        limits[target.name] = target.source._belief._rows._most
    assert limits == {"snmp": 7, "redfish": 8, "neither": MAX_ROWS}


@pytest.mark.long
def test_series_and_memory_stay_bounded_at_the_default_limit(profiles: Mapping[str, Profile]) -> None:
    resident: list[int] = []

    def check_limits(epoch: int, polled: Polled) -> None:
        assert polled.series <= MAX_ROWS * 8
        if epoch in {20, 119}:
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            resident.append(pages * resource.getpagesize() // 1024)
            logger.warning("%d series, %d KiB resident, %s", polled.series, resident[-1], polled.kept)

    _soak(profiles, count=400, max_rows=MAX_ROWS, epochs=120, seen=check_limits)
    assert resident[1] - resident[0] < 8192
