# SPDX-License-Identifier: Apache-2.0
"""All GPUs of a host: labels, gaps, libraries that fail and come back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.gpu.gpus import ABOVE_LIMIT, MISSING_SECONDS, RETRY_SECONDS, Gpus, Snapshot, drivers_devices
from joulepath.gpu.source import Device, Identity, LostError, MissingError, Reading, Shares

pytestmark = pytest.mark.unit


@dataclass
class Card:
    """A GPU that says what it is told to."""

    identity: Identity
    reading: Reading | LostError

    def read(self) -> Reading:
        if isinstance(self.reading, LostError):
            raise self.reading
        return self.reading


@dataclass
class Shelf:
    """The library of one vendor."""

    vendor: str
    cards: Sequence[Device] = ()
    fault: JoulepathError | None = None
    opened: int = 0
    closed_cards: Sequence[str] = ()
    """A line for each that cannot be opened."""
    faults: Sequence[str] = ()

    def open(self) -> Sequence[Device]:
        self.opened += 1
        self.faults = self.closed_cards
        if self.fault is not None:
            raise self.fault
        return self.cards

    def close(self) -> None:
        """Nothing to end."""


@dataclass
class NoNames:
    """Knows no process."""

    asked: list[int] = field(default_factory=list)

    def workload(self, pid: int) -> str:
        self.asked.append(pid)
        return "other"


def card(uuid: str, bus: str, joules: float | None = 0.0, watts: float | None = 50.0, vendor: str = "nvidia") -> Card:
    return Card(Identity(vendor, uuid, "H100", bus), Reading(joules, watts))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def labels(snapshot: Snapshot) -> dict[str, str]:
    return {gpu.identity.uuid: gpu.label for gpu in snapshot.gpus}


def test_labels_count_by_pci_bus_and_stay() -> None:
    clock, shelf = Clock(), Shelf("nvidia", [card("b", "0000:5e:00.0"), card("a", "0000:3b:00.0")])
    gpus = Gpus([shelf, Shelf("amd", [card("c", "0000:41:00.0", vendor="amd")])], NoNames(), clock=clock)
    assert labels(gpus.read()) == {"a": "0", "c": "1", "b": "2"}
    lost = shelf.cards[0]
    assert isinstance(lost, Card)
    lost.reading = LostError("b has gone")
    gpus.read()
    shelf.cards = [card("d", "0000:01:00.0"), shelf.cards[1]]
    clock.now += RETRY_SECONDS
    assert labels(gpus.read()) == {"a": "0", "c": "1", "b": "2", "d": "3"}


def test_a_lost_gpu_is_a_gap_for_itself_alone() -> None:
    clock, first, second = Clock(), card("a", "1"), card("b", "2")
    gpus = Gpus([Shelf("nvidia", [first, second])], NoNames(), clock=clock)
    gpus.read()
    for second_of in range(1, 4):
        clock.now += 1
        first.reading = Reading(50.0 * second_of, 50.0)
        second.reading = LostError("b does not answer") if second_of == 2 else Reading(50.0 * second_of, 50.0)
        snapshot = gpus.read()
        assert [gpu.up for gpu in snapshot.gpus] == [True, second_of != 2]
    one, two = snapshot.gpus
    assert one.energy == (150.0, 3.0)
    assert two.energy == (50.0, 1.0)  # the second from 1 to 2 and that from 2 to 3 are not known


def test_a_library_with_a_lost_gpu_is_opened_anew_but_seldom() -> None:
    clock, only = Clock(), card("a", "1")
    shelf = Shelf("nvidia", [only])
    gpus = Gpus([shelf], NoNames(), clock=clock)
    gpus.read()
    only.reading = LostError("a does not answer")
    for _ in range(29):
        clock.now += 1
        gpus.read()
    assert shelf.opened == 1
    clock.now += 1
    gpus.read()
    assert shelf.opened == 2


def test_a_driver_that_comes_later_is_found(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    shelf = Shelf("nvidia", fault=JoulepathError("nvidia: NVML does not start: Driver Not Loaded"))
    gpus = Gpus([shelf, Shelf("amd", fault=MissingError("amd: is not there"))], NoNames(), clock=clock)
    with pytest.raises(JoulepathError) as caught:
        gpus.read()
    assert caught.value.messages == ("nvidia: NVML does not start: Driver Not Loaded", "amd: is not there")
    shelf.fault, shelf.cards = None, [card("a", "1")]
    with pytest.raises(JoulepathError):
        gpus.read()
    clock.now += RETRY_SECONDS
    snapshot = gpus.read()
    assert labels(snapshot) == {"a": "0"}
    assert snapshot.faults == []  # this host need not have AMD's library


def test_a_gpu_that_is_added_is_found_without_a_restart(tmp_path: Path) -> None:
    clock, shelf, present = Clock(), Shelf("nvidia", [card("a", "0000:3b:00.0")]), tmp_path / "bus/pci/drivers/nvidia"
    (present / "0000:3b:00.0").mkdir(parents=True)
    (present / "module").mkdir()
    gpus = Gpus([shelf], NoNames(), clock=clock, bound=lambda: drivers_devices(tmp_path))
    gpus.read()
    shelf.cards = [*shelf.cards, card("b", "0000:01:00.0")]
    (present / "0000:01:00.0").mkdir()
    clock.now += RETRY_SECONDS - 1
    assert labels(gpus.read()) == {"a": "0"}
    clock.now += 1
    assert labels(gpus.read()) == {"a": "0", "b": "1"}
    clock.now += RETRY_SECONDS
    gpus.read()
    assert shelf.opened == 2


def test_a_gpu_that_cannot_be_opened_is_one_line_and_tried_again() -> None:
    clock, shelf = (
        Clock(),
        Shelf("nvidia", [card("a", "1")], closed_cards=["nvidia: GPU 1 cannot be opened: GPU is lost"]),
    )
    gpus = Gpus([shelf], NoNames(), clock=clock, bound=frozenset)
    assert gpus.read().faults == ["nvidia: GPU 1 cannot be opened: GPU is lost"]
    shelf.closed_cards, shelf.cards = (), [*shelf.cards, card("b", "2")]
    clock.now += RETRY_SECONDS
    snapshot = gpus.read()
    assert labels(snapshot) == {"a": "0", "b": "1"}
    assert snapshot.faults == []


def test_a_required_library_that_is_missing_is_reported() -> None:
    missing = Shelf("amd", fault=MissingError("amd: is not there"))
    gpus = Gpus([Shelf("nvidia", [card("a", "1")]), missing], NoNames(), required=["amd"], clock=(clock := Clock()))
    assert gpus.read().faults == ["amd: is not there"]
    clock.now += RETRY_SECONDS
    gpus.read()
    assert missing.opened == 1
    clock.now += MISSING_SECONDS
    gpus.read()
    assert missing.opened == 2


def test_a_library_without_gpus_is_missing_them() -> None:
    gpus = Gpus([Shelf("intel")], NoNames(), clock=Clock())
    with pytest.raises(JoulepathError, match=r"^intel: the library finds no GPU$"):
        gpus.read()


@pytest.mark.parametrize("watts", [-1.0, 5001.0, float("nan")])
def test_an_impossible_power_is_rejected(watts: float) -> None:
    gpus = Gpus([Shelf("nvidia", [card("a", "1", joules=None, watts=watts)])], NoNames(), clock=Clock())
    snapshot = gpus.read()
    assert snapshot.gpus[0].watts is None
    assert snapshot.rejected == {ABOVE_LIMIT: 1}


def test_a_snapshot_does_not_change_with_the_next_reading() -> None:
    clock, only = Clock(), card("a", "1")
    gpus = Gpus([Shelf("nvidia", [only])], NoNames(), clock=clock)
    only.reading = Reading(0.0, None, Shares(1.0, {7: 0.5}))
    before = gpus.read()
    clock.now += 1
    gpus.read()
    assert before.gpus[0].activity == {"other": 0.5}
    assert before.gpus[0].activity_seconds == 1.0
