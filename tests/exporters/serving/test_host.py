# SPDX-License-Identifier: Apache-2.0
"""The frame of exporters that read this host at a scrape: its sections, and what is logged when one cannot be read."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

import pytest

from joulepath.errors import AbsentError, JoulepathError
from joulepath.exporter import Condition
from joulepath.metrics import Family, counter
from joulepath.serving.host import HostExporter, Section

pytestmark = pytest.mark.unit

Read = Callable[[], float]


def section(name: str, read: Read, *, empty: bool = False, faults: Sequence[str] = ()) -> Section[float]:
    metric = counter(f"{name}_total", "A number.")

    def collect(value: float) -> Iterable[Family]:
        family = metric.family()
        family.add_metric([], value)
        return [family, counter("unread_total", "Never has a sample.").family()]

    return Section(read, collect, lambda _: faults, lambda _: empty)


def raising(error: JoulepathError) -> Read:
    def read() -> float:
        raise error

    return read


def host(*sections: Section[float], clock: Callable[[], float] | None = None) -> HostExporter:
    seconds = iter(range(1000))  # so that each scrape reads
    return HostExporter("house", "rooms", sections, clock or (lambda: float(next(seconds))))


def samples(exporter: HostExporter) -> dict[str, float]:
    return {
        sample.name: sample.value for family in exporter.collect() for sample in family.samples if not sample.labels
    }


def polls(exporter: HostExporter) -> dict[str, float]:
    found = (sample for family in exporter.collect() for sample in family.samples)
    return {sample.labels["result"]: sample.value for sample in found if sample.name == "joulepath_polls_total"}


def test_all_sections_are_on_metrics_and_families_without_a_sample_are_not() -> None:
    exporter = host(section("a", lambda: 1.0), section("b", lambda: 2.0))
    assert samples(exporter).items() >= {"a_total": 1.0, "b_total": 2.0}.items()
    assert [family.name for family in exporter.once()] == ["a", "b"]


def test_the_host_is_the_only_target() -> None:
    exporter = host(section("a", lambda: 1.0))
    assert (list(exporter.targets), list(exporter.files), exporter.ready) == ([], [], True)
    with pytest.raises(KeyError):
        exporter.probe("house")


def test_scrapes_within_half_a_second_share_a_reading() -> None:
    # A reading asks the clock for its end, too.
    times, numbers = iter([0.0, 0.0, 0.4, 0.5, 0.5]), iter([1.0, 2.0])
    exporter = host(section("a", lambda: next(numbers)), clock=lambda: next(times))
    assert [samples(exporter)["a_total"] for _ in range(3)] == [1.0, 1.0, 2.0]


def test_a_section_that_fails_leaves_the_others_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    exporter = host(section("a", raising(JoulepathError("a: cannot be read"))), section("b", lambda: 2.0))
    assert [family.name for family in exporter.once()] == ["b"]
    assert caplog.messages == ["a: cannot be read"]
    for _ in range(3):
        found = samples(exporter)
        assert "a_total" not in found
        assert found["b_total"] == 2.0
    assert caplog.messages == ["a: cannot be read"]


def test_a_section_absent_from_the_host_is_not_a_fault_beside_another(caplog: pytest.LogCaptureFixture) -> None:
    exporter = host(section("a", raising(AbsentError("no a"))), section("b", lambda: 2.0))
    assert samples(exporter)["b_total"] == 2.0
    assert [family.name for family in exporter.once()] == ["b"]
    assert not caplog.messages


def test_without_any_section_there_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    exporter = host(section("a", raising(AbsentError("no a"))), section("b", raising(JoulepathError("b is shut"))))
    for _ in range(2):
        assert not {"a_total", "b_total"} & samples(exporter).keys()
    assert caplog.messages == ["no a; b is shut"]
    with pytest.raises(JoulepathError) as raised:
        exporter.once()
    assert raised.value.messages == ("no a; b is shut",)


def test_faults_within_a_section_are_logged_once_and_it_is_served(caplog: pytest.LogCaptureFixture) -> None:
    exporter = host(section("a", lambda: 1.0, faults=["x is shut", "y is shut"]))
    for _ in range(3):
        assert samples(exporter)["a_total"] == 1.0
    assert caplog.messages == ["x is shut", "y is shut"]


def test_once_raises_the_faults_if_every_section_is_empty() -> None:
    empty = section("a", lambda: 0.0, empty=True, faults=["y is shut", "x is shut"])
    for others in ([], [section("b", raising(JoulepathError("no b")))]):
        with pytest.raises(JoulepathError) as raised:
            host(empty, *others).once()
        assert raised.value.messages == (*(["no b"] if others else []), "x is shut", "y is shut")
    assert [family.name for family in host(empty, section("b", lambda: 2.0)).once()] == ["a", "b"]


def test_polls_are_those_of_the_first_section() -> None:
    turns = iter([True, False, True, True])

    def read() -> float:
        if next(turns):
            return 1.0
        raise JoulepathError("now and then")

    exporter = host(section("a", read), section("b", lambda: 2.0))
    for _ in range(3):
        exporter.collect()
    assert polls(exporter) == {"success": 3, "failure": 1}


def test_guards_read_and_log_while_nothing_scrapes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    thrice = threading.Event()
    count = 0

    def read() -> int:
        nonlocal count
        count += 1
        if count == 3:
            thrice.set()
        return count

    guarded: Section[int] = Section(read, lambda _: [], lambda value: [f"fault {min(value, 2)}"], guard_seconds=0.6)
    exporter = HostExporter("house", "rooms", [guarded])
    exporter.start()
    try:
        assert count == 1, "counting begins at the start"
        assert thrice.wait(10)
    finally:
        exporter.stop()
    assert caplog.messages == ["fault 1", "fault 2"]


def test_the_condition_says_what_was_wrong_last_and_when() -> None:
    broken = JoulepathError("no counters")
    faults: list[JoulepathError] = []
    times = iter([100.0, 200.0, 300.0])

    def read() -> float:
        if faults:
            raise faults[0]
        return 1.0

    seconds = iter(range(100))
    exporter = HostExporter(
        "house", "rooms", [section("a", read)], lambda: float(next(seconds)), wall_clock=lambda: next(times)
    )
    assert exporter.condition() == Condition("this host")
    exporter.collect()
    assert exporter.condition() == Condition("this host", up=True, read_timestamp=100.0)
    faults.append(broken)
    exporter.collect()
    down = Condition("this host", up=False, read_timestamp=100.0, fault="no counters", fault_timestamp=200.0)
    assert exporter.condition() == down
    faults.clear()
    exporter.collect()
    assert exporter.condition() == Condition(
        "this host", up=True, read_timestamp=300.0, fault="no counters", fault_timestamp=200.0
    )
    with pytest.raises(KeyError):
        exporter.condition("house")


def test_a_part_that_cannot_be_read_is_a_fault_of_a_host_that_is_up() -> None:
    exporter = host(section("a", lambda: 1.0, faults=["zone 1: cannot be read"]))
    exporter.collect()
    condition = exporter.condition()
    assert (condition.up, condition.fault) == (True, "zone 1: cannot be read")
