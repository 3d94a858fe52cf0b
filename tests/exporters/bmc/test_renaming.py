# SPDX-License-Identifier: Apache-2.0
"""A BMC that renames what it has: series and memory stay bounded, over Redfish and over IPMI."""

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

import pytest

from joulepath.bmc.collector import collect
from joulepath.bmc.command import read_targets
from joulepath.bmc.ipmi.source import IpmiSource
from joulepath.bmc.reading import BmcReading, Box, ChassisComponent, ChassisPart
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.source import BmcSource
from joulepath.metrics import filled
from joulepath.reading.bounds import MAX_LABEL, MAX_ROWS
from joulepath.reading.poller import Poller, Target
from joulepath.reading.register import Registers
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, ref, tree
from tests.exporters.bmc.redfish.test_soak import resident_kib

pytestmark = pytest.mark.unit

logger = logging.getLogger(__name__)


def build_renamed_tree(epoch: int, count: int) -> Tree:
    """Chassis with power and a register, all named after the epoch, and with names too long."""
    names = [f"{'long-' * 40}{epoch}-{number}" for number in range(count)]
    resources = tree({name: {"EnvironmentMetrics": ref(f"Chassis/{name}/EnvironmentMetrics")} for name in names})
    for name in names:
        resources[f"/redfish/v1/Chassis/{name}/EnvironmentMetrics"] = {
            "PowerWatts": {"Reading": 100.0},
            "EnergyJoules": {"Reading": 5000.0},
        }
    return resources


class Polled:
    """Polls a BMC by a clock of its own; each name of its tree lasts for one of `epochs`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.registers: Registers = {}
        self.labels: set[str] = set()
        self.most = 0

    def clock(self) -> float:
        """Monotonic seconds."""
        return self.now

    async def poll(self, poller: Poller[BmcReading], seconds: float) -> BmcReading:
        """One poll, and what it publishes; then so much time passes."""
        (state,) = poller._states.values()
        assert await poller._poll(state) is None
        reading = poller.current("bmc")
        assert reading is not None
        families = list(filled(collect("redfish", *poller.view("bmc"))))
        samples = [sample for family in families for sample in family.samples]
        self.labels |= {sample.labels["chassis"] for sample in samples if "chassis" in sample.labels}
        self.most = max(self.most, len(samples))
        self.now += seconds
        return reading


async def _soak(*, count: int, max_rows: int, epochs: int) -> tuple[Polled, RedfishSource, Poller[BmcReading]]:
    polled, resources = Polled(), build_renamed_tree(0, count)
    with RedfishServer(dict_tree(resources)) as server:
        source = RedfishSource("bmc", client(server), registers=polled.registers, clock=polled.clock, max_rows=max_rows)
        poller = Poller([Target("bmc", source, 10.0)], clock=polled.clock)
        for epoch in range(epochs):
            resources.clear()
            resources.update(build_renamed_tree(epoch, count))
            # The tree is read again since chassis are silent; a new source would do so at once.
            source._layouts._surveyed = float("-inf")
            await polled.poll(poller, 30.0)
        await source.close()
    return polled, source, poller


def test_a_renamed_tree_stays_within_the_limit_of_chassis(caplog: pytest.LogCaptureFixture) -> None:
    polled, source, poller = asyncio.run(_soak(count=4, max_rows=10, epochs=8))
    assert len(polled.labels) == 10
    assert {len(label) for label in polled.labels} == {MAX_LABEL}
    assert poller.snapshot("bmc").rejected["beyond_limit"] >= 4
    assert len(polled.registers) <= 10
    assert len(poller.snapshot("bmc").energy) <= 10
    assert len(source._rows.known) == 10
    lines = [record.getMessage() for record in caplog.records if "rows are left out" in record.getMessage()]
    assert len(lines) == 1
    assert max(len(record.getMessage()) for record in caplog.records) < 500


def test_a_chassis_keeps_its_counter_while_off_but_not_when_removed() -> None:
    class Two(BmcSource):
        """A BMC with a chassis that is off after the first polls, and one that leaves."""

        collector = "redfish"
        polls = 0

        async def _poll(self) -> BmcReading:
            self.polls += 1
            off, gone, stays = (Box("chassis", name) for name in ("off", "gone", "stays"))
            power = {stays: 10.0, off: 10.0, gone: 10.0} if self.polls <= 2 else {stays: 10.0}
            up = {box: box in power for box in ((off, gone, stays) if self.polls <= 2 else (off, stays))}
            return BmcReading("redfish", power, dict.fromkeys(power, "sensor"), up)

        def _keep(self, rows: Collection[object]) -> None:
            """Keeps nothing."""

        async def close(self) -> None:
            """Has nothing to end."""

    polled = Polled()
    poller = Poller([Target("bmc", Two("bmc", clock=polled.clock), 10.0)], clock=polled.clock)

    async def polls() -> None:
        for _ in range(400):
            await polled.poll(poller, 10.0)

    asyncio.run(polls())
    energy = poller.snapshot("bmc").energy
    assert Box("chassis", "off") in energy
    assert Box("chassis", "gone") not in energy


def test_renamed_ipmi_sensors_are_limited_too() -> None:
    class Bmc:
        """A BMC with supplies of other names in each list."""

        epoch = 0

        def raw(self, *_request: object) -> bytes:
            from joulepath.bmc.ipmi.client import UnsupportedError  # noqa: PLC0415

            raise UnsupportedError("not supported")

        def sensors(self) -> list[tuple[str, str, str]]:
            return [(f"{number}", f"PSU{self.epoch}{number} Input Power", "W") for number in range(4)]

        def sensor(self, _key: str) -> float:
            return 50.0

        def end(self) -> None:
            """Asks nothing."""

        def close(self) -> None:
            """Has no session."""

    bmc, polled = Bmc(), Polled()
    source = IpmiSource("bmc", bmc, clock=polled.clock, max_rows=9)
    poller = Poller([Target("bmc", source, 10.0)], clock=polled.clock)
    parts: set[ChassisPart] = set()

    async def polls() -> None:
        for bmc.epoch in range(1, 9):
            source._list_due = 0.0
            parts.update((await polled.poll(poller, 60.0)).psu_input.keys())

    asyncio.run(polls())
    assert len(parts) == 8, "the chassis itself is the ninth"
    assert len(source._sums._present) == 4
    assert poller.snapshot("bmc").rejected["beyond_limit"] > 0


def test_each_kind_of_row_is_named_counted_and_left_out() -> None:
    long = "n" * 1000
    box, part, inside = Box("enclosure", long), ChassisPart(long, long), ChassisComponent(long, long, long)
    reading = BmcReading(
        "redfish",
        {box: 1.0},
        {box: "sensor"},
        {box: True},
        {box: 2.0},
        {part: 3.0},
        {part: 4.0},
        {part: 5.0},
        {part: 6.0},
        {inside: 7.0},
        {inside: 8.0},
    ).with_label_names()
    rows: list[tuple[str, ...]] = list(reading.parts)
    assert len(rows) == 3
    assert {len(text) for row in rows for text in row} == {MAX_LABEL, len("enclosure")}
    assert list(reading.component_energy.values()) == [8.0]
    left = reading.without(reading.parts)
    assert not left.parts
    assert not left.watts
    assert left.rejected == {"beyond_limit": 3}


def test_the_limit_is_a_key_of_each_target(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    file = tmp_path / "bmc.yaml"
    file.write_text(
        "targets:\n"
        "  redfish: {address: 'redfish+http://127.0.0.1', max_rows: 7}\n"
        "  ipmi: {address: 'ipmi://127.0.0.1', user: reader, password_file: password, max_rows: 8}\n"
        "  neither: {address: 'ipmi+local:'}\n"
    )
    limits = {}
    for target in read_targets(file):
        assert isinstance(target.source, BmcSource)
        limits[target.name] = target.source._rows._most
    assert limits == {"redfish": 7, "ipmi": 8, "neither": MAX_ROWS}


@pytest.mark.long
def test_memory_stays_bounded_at_the_default_limit() -> None:
    resident: list[int] = []
    for epochs in (3, 45):
        polled, _, poller = asyncio.run(_soak(count=100, max_rows=4096, epochs=epochs))
        resident.append(resident_kib())
        logger.warning("%d epochs: %d samples, %d KiB resident", epochs, polled.most, resident[-1])
        assert len(polled.labels) <= 4096
        assert len(poller.snapshot("bmc").energy) <= 4096
    # 4,096 rows with their names of 128 characters, and the layout of all chassis of the last hour.
    assert resident[1] - resident[0] < 200 * 1024
