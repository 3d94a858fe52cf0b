# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.rapl.source import RaplReading, Zone, ZoneCount
from joulepath.rapl.unwrap import FROZEN_SECONDS, PLATFORM_WATTS, PLAUSIBLE_WATTS, Unwrapper

pytestmark = pytest.mark.unit

PACKAGE = Zone("package", "0", "0")
DRAM = Zone("dram", "0", "0")
PSYS = Zone("psys", "0", "0")
RANGE = 1000.0


def reading(unreadable: tuple[Zone, ...] = (), **joules: float) -> RaplReading:
    zones = {"package": PACKAGE, "dram": DRAM, "psys": PSYS}
    return RaplReading(
        {zones[name]: ZoneCount(value, RANGE) for name, value in joules.items()}, dict.fromkeys(unreadable, "no access")
    )


@given(
    start=st.floats(0, RANGE, exclude_max=True),
    steps=st.lists(st.tuples(st.floats(0.001, 0.99), st.floats(0, 1)), min_size=1, max_size=40),
)
def test_energy_is_the_sum_of_the_steps_whatever_wraps(start: float, steps: list[tuple[float, float]]) -> None:
    unwrapper, at, true = Unwrapper(), 0.0, 0.0
    unwrapper.add(at, reading(package=start))
    for seconds, load in steps:
        at += seconds
        true += load * PLAUSIBLE_WATTS * seconds
        snapshot = unwrapper.add(at, reading(package=(start + true) % RANGE))
    energy = snapshot.zones[PACKAGE]
    assert energy.joules == pytest.approx(true, rel=1e-9, abs=1e-6)
    assert energy.measured_seconds == pytest.approx(at)
    assert snapshot.host is not None
    assert snapshot.host.joules == pytest.approx(energy.joules, abs=1e-9)


def test_a_gap_in_which_the_counter_could_have_wrapped_is_unmeasured() -> None:
    unwrapper = Unwrapper()
    unwrapper.add(0.0, reading(package=0))
    unwrapper.add(0.5, reading(package=100))
    snapshot = unwrapper.add(0.5 + RANGE / PLAUSIBLE_WATTS, reading(package=300))
    assert snapshot.zones[PACKAGE].joules == 100
    assert snapshot.zones[PACKAGE].measured_seconds == 0.5


def test_without_a_range_a_drop_is_unmeasured_and_counting_goes_on() -> None:
    unwrapper = Unwrapper()
    for at, joules in enumerate([50.0, 70.0, 10.0, 15.0]):
        snapshot = unwrapper.add(at, RaplReading({PACKAGE: ZoneCount(joules, None)}, {}))
    assert snapshot.zones[PACKAGE].joules == 25
    assert snapshot.zones[PACKAGE].measured_seconds == 2


def test_host_is_package_and_dram_or_psys_alone() -> None:
    both = Unwrapper()
    both.add(0.0, reading(package=0, dram=0))
    host = both.add(0.5, reading(package=100, dram=20)).host
    assert host is not None
    assert (host.joules, host.measured_seconds) == (120, 0.5)
    psys = Unwrapper()
    psys.add(0.0, reading(package=0, dram=0, psys=0))
    host = psys.add(0.1, reading(package=100, dram=20, psys=200)).host
    assert host is not None
    assert host.joules == 200


def test_host_is_absent_while_a_part_is_unreadable_and_loses_nothing() -> None:
    unwrapper = Unwrapper()
    unwrapper.add(0.0, reading(package=0, dram=0))
    assert unwrapper.add(0.3, reading(package=100, unreadable=(DRAM,))).host is None
    snapshot = unwrapper.add(0.6, reading(package=200, dram=40))
    assert snapshot.host is not None
    assert (snapshot.host.joules, snapshot.host.measured_seconds) == (240, 0.6)
    assert snapshot.read_errors == 1


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, RANGE, exclude_max=True), st.booleans()), max_size=30))
def test_counters_never_go_down(reads: list[tuple[float, float, bool]]) -> None:
    unwrapper, at, joules, seconds = Unwrapper(), 0.0, 0.0, 0.0
    for step, raw, readable in reads:
        at += step
        counts = reading(package=raw, dram=raw) if readable else reading(package=raw, unreadable=(DRAM,))
        host = unwrapper.add(at, counts).host
        if host is not None:
            assert host.joules >= joules
            assert host.measured_seconds >= seconds
            joules, seconds = host.joules, host.measured_seconds
        assert seconds <= at + 1e-9


def test_a_reset_is_not_counted_as_a_wrap() -> None:
    """After a suspend the counter begins at 0: as a wrap that would be 150 J in 0.1 s, more than there can be."""
    unwrapper = Unwrapper()
    unwrapper.add(0.0, reading(package=800))
    unwrapper.add(0.1, reading(package=900))
    unwrapper.add(0.2, reading(package=50))
    energy = unwrapper.add(0.3, reading(package=70)).zones[PACKAGE]
    assert energy.joules == 120
    assert energy.measured_seconds == pytest.approx(0.2)


def test_the_interval_in_which_a_zone_changes_its_register_is_unmeasured() -> None:
    unwrapper = Unwrapper()
    for at, (joules, origin) in enumerate([(10, "msr"), (15, "msr"), (300, "mmio"), (304, "mmio")]):
        energy = unwrapper.add(at / 4, RaplReading({PACKAGE: ZoneCount(joules, RANGE, origin)}, {})).zones[PACKAGE]
    assert (energy.joules, energy.measured_seconds) == (9, 0.5)


def test_psys_that_is_not_wired_is_not_the_host() -> None:
    unwrapper = Unwrapper()
    for turn in range(41):
        host = unwrapper.add(turn / 20, reading(package=turn, dram=turn / 10, psys=3)).host
    assert host is not None
    # Known at 11 J, where the host becomes other zones: 29 steps of 1.1 J are left.
    assert host.joules == pytest.approx(29 * 1.1)
    assert host.joules / host.measured_seconds == pytest.approx(22, rel=0.3)


def test_a_gap_that_only_packages_can_bridge_does_not_contradict_psys() -> None:
    unwrapper, wraps_at = Unwrapper(), 262143.0
    hosts = []
    for at in (0.0, 10.0, 20.0, 120.0, 130.0):  # in 100 s psys could have wrapped at 5 kW, a package at 1 kW not
        counts = {zone: ZoneCount(watts * at, wraps_at) for zone, watts in ((PACKAGE, 180.0), (PSYS, 230.0))}
        snapshot = unwrapper.add(at, RaplReading(counts, {}))
        assert not snapshot.doubts
        hosts.append(snapshot.host)
    assert hosts[-1] == (30 * 230, 30)


def test_psys_of_all_sockets_adds_up_or_packages_and_dram_replace_it() -> None:
    second = Zone("psys", "1", "0")
    unwrapper, at = Unwrapper(), 0.0

    def add(**joules: float) -> float | None:
        nonlocal at
        at += 0.1
        first = reading((), **{name: value for name, value in joules.items() if name != "psys1"})
        counts = {**first.counts, **({second: ZoneCount(joules["psys1"], RANGE)} if "psys1" in joules else {})}
        host = unwrapper.add(at, RaplReading(counts, {})).host
        return None if host is None else host.joules

    assert add(package=0, dram=0, psys=0, psys1=0) == 0
    assert add(package=10, dram=1, psys=15, psys1=20) == 35
    assert add(package=20, dram=2, psys=30) == 35  # a step of which only a part is known
    assert add(package=30, dram=3, psys=45) == 46
    assert add(package=40, psys=60) is None  # dram has gone: no host without it
    assert add(package=50, dram=5, psys=75) == 68


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(1, 2)), min_size=1, max_size=20))
def test_the_host_is_never_more_than_psys_or_packages_and_dram(steps: list[tuple[float, float, float]]) -> None:
    unwrapper, at, package, dram, psys = Unwrapper(), 0.0, 0.0, 0.0, 0.0
    unwrapper.add(at, reading(package=0, dram=0, psys=0))
    for watts, memory, factor in steps:
        at += 0.1
        package, dram = package + watts, dram + memory
        psys += (watts + memory) * factor
        counts = reading(package=package % RANGE, dram=dram % RANGE, psys=psys % RANGE)
        host = unwrapper.add(at, counts).host
    assert host is not None
    assert host.joules == pytest.approx(psys)  # never psys and its packages


def test_a_frozen_package_is_reported_and_hides_the_host_until_it_moves() -> None:
    unwrapper, at = Unwrapper(), 0.0
    unwrapper.add(at, reading(package=100, dram=0))
    moving = unwrapper.add(0.5, reading(package=120, dram=1))
    assert moving.host is not None
    assert not moving.doubts
    while at < FROZEN_SECONDS:
        at += 0.5
        still = unwrapper.add(0.5 + at, reading(package=120, dram=at % RANGE))
    assert PACKAGE not in still.zones
    assert DRAM in still.zones
    assert still.host is None
    (line,) = still.doubts
    assert "package 0 stands still" in line
    unwrapper.add(at + 100, reading(package=120, dram=5))
    back = unwrapper.add(at + 100.5, reading(package=130, dram=6))
    assert not back.doubts
    assert back.zones[PACKAGE].joules == 30
    assert back.zones[PACKAGE].measured_seconds < FROZEN_SECONDS + 2


def test_an_impossibly_high_psys_is_left_out_for_packages_and_memory() -> None:
    unwrapper = Unwrapper()
    for turn in range(8):
        # Believed for three steps; then its unit is wrong.
        psys = 30.0 * turn if turn < 4 else 90 + (turn - 3) * PLATFORM_WATTS
        counts = {PACKAGE: ZoneCount(10.0 * turn, None), DRAM: ZoneCount(1.0 * turn, None), PSYS: ZoneCount(psys, None)}
        snapshot = unwrapper.add(turn * 0.5, RaplReading(counts, {}))
        assert (PSYS in snapshot.zones) == (turn < 6)
    assert any("psys 0 counts more than 5000 W" in line for line in snapshot.doubts)
    assert snapshot.host is not None
    assert snapshot.host.joules == 90 + 11  # psys while it was right; the first step of other parts has no beginning


def test_a_host_with_hidden_zones_is_not_complete() -> None:
    unwrapper = Unwrapper()
    for turn in range(3):
        snapshot = unwrapper.add(
            turn / 2, RaplReading({PACKAGE: ZoneCount(10.0 * turn, RANGE)}, {}, "intel-rapl:1 is hidden")
        )
    assert snapshot.zones[PACKAGE].joules == 20
    assert snapshot.host is None


def test_one_reset_is_not_reported() -> None:
    unwrapper = Unwrapper()
    for at, joules in enumerate([500.0, 600.0, 5_000_000.0, 5_000_100.0, 5_000_200.0]):
        snapshot = unwrapper.add(at, RaplReading({PACKAGE: ZoneCount(joules, None)}, {}))
        assert PACKAGE in snapshot.zones
        assert not snapshot.doubts
    assert snapshot.zones[PACKAGE].joules == 300


def test_frozen_memory_and_an_unwired_psys_are_reported() -> None:
    unwrapper = Unwrapper()
    for turn in range(12):
        counts = {PACKAGE: ZoneCount(100.0 * turn, None), DRAM: ZoneCount(7, None), PSYS: ZoneCount(3, None)}
        doubts = unwrapper.add(turn / 5, RaplReading(counts, {})).doubts
    assert sorted(line.partition(";")[0].removeprefix(": ") for line in doubts) == [
        "dram 0 stands still",
        "psys 0 counts less than the packages it should hold",
    ]


def test_each_psys_may_be_less_than_the_packages_of_all_sockets() -> None:
    unwrapper, second = Unwrapper(), Zone("psys", "1", "0")
    for turn in range(12):
        counts = {
            PACKAGE: ZoneCount(100.0 * turn, None),
            PSYS: ZoneCount(60.0 * turn, None),
            second: ZoneCount(70.0 * turn, None),
        }
        assert not unwrapper.add(turn / 5, RaplReading(counts, {})).doubts
