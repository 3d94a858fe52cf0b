# SPDX-License-Identifier: Apache-2.0
"""A snapshot as a scrape sees it."""

from collections import Counter

import pytest
from prometheus_client.registry import CollectorRegistry

from joulepath.metrics import TARGET_LABELS, filled, registry
from joulepath.pdu.collector import collect
from joulepath.pdu.metrics import METRICS
from joulepath.pdu.source import PduReading
from joulepath.pdu.survey.layout import Unit
from joulepath.reading.energy import Energy
from joulepath.reading.poller import Snapshot

pytestmark = pytest.mark.unit

READING = PduReading(
    values={
        "inlet": {"power": {"1": 290.0}, "meter_energy": {"1": 360000.0}, "power_factor": {"1": 0.94}},
        "outlet": {"power": {"1": 40.0, "2": 250.0}, "current": {"1": 0.2}},
    },
    names={"1": "robot", "2": "server"},
    vendor="APC",
    profile="apc-rpdu2",
    units=(Unit("AP8641", "A1", "6.8"), Unit("AP8641", "B2", "6.8")),
    rejected=Counter({"not_available": 3}),
    evidence="mib",
    method="derived",
    accuracy="1 %, IEC 62053-21 class 1",
)
SNAPSHOT = Snapshot(
    up=True,
    reading=READING,
    read_at=5.0,
    read_timestamp=1.7e9,
    energy={("outlet", "1"): Energy(400.0, 10.0), ("inlet", "1"): Energy(2900.0, 10.0)},
    rejected={"not_available": 3},
)


def scrape_registry(snapshot: Snapshot[PduReading], reading: PduReading | None) -> CollectorRegistry:
    return registry(lambda: filled(collect(snapshot, reading)))


def names(registry: CollectorRegistry) -> set[str]:
    return {sample.name for family in registry.collect() for sample in family.samples}


def test_a_reading_is_published_under_its_level() -> None:
    collector_registry = scrape_registry(SNAPSHOT, READING)
    assert collector_registry.get_sample_value("pdu_up") == 1
    assert collector_registry.get_sample_value("pdu_outlet_power_watts", {"outlet": "2"}) == 250
    assert collector_registry.get_sample_value("pdu_outlet_current_amperes", {"outlet": "2"}) is None
    assert collector_registry.get_sample_value("pdu_inlet_power_factor_ratio", {"inlet": "1"}) == 0.94
    assert collector_registry.get_sample_value("pdu_inlet_meter_energy_joules_total", {"inlet": "1"}) == 360000
    assert collector_registry.get_sample_value("pdu_outlet_energy_joules_total", {"outlet": "1"}) == 400
    assert collector_registry.get_sample_value("pdu_outlet_measured_seconds_total", {"outlet": "1"}) == 10
    assert collector_registry.get_sample_value("pdu_outlet_info", {"outlet": "1", "name": "robot"}) == 1
    assert collector_registry.get_sample_value("pdu_last_read_timestamp_seconds") == 1.7e9
    assert collector_registry.get_sample_value("pdu_readings_rejected_total", {"reason": "not_available"}) == 3
    unit = {"vendor": "APC", "model": "AP8641", "firmware": "6.8", "profile": "apc-rpdu2"}
    unit |= {"evidence": "mib", "method": "derived", "accuracy": "1 %, IEC 62053-21 class 1"}
    assert collector_registry.get_sample_value("pdu_info", {**unit, "serial": "B2"}) == 1


def test_nothing_is_published_before_the_first_poll() -> None:
    assert names(scrape_registry(Snapshot(), None)) == set()


def test_a_device_that_was_never_read_is_down_and_has_no_readings() -> None:
    assert names(scrape_registry(Snapshot(up=False), None)) == {"pdu_up"}


def test_without_a_current_reading_only_the_state_is_published() -> None:
    collector_registry = scrape_registry(Snapshot(**{**SNAPSHOT.__dict__, "up": False}), None)
    assert collector_registry.get_sample_value("pdu_up") == 0
    assert names(collector_registry) == {"pdu_up", "pdu_last_read_timestamp_seconds", "pdu_readings_rejected_total"}


def test_linked_units_that_say_nothing_of_themselves_are_one_sample() -> None:
    reading = PduReading(**{**READING.__dict__, "units": (Unit(), Unit())})
    families = {family.name: family for family in collect(SNAPSHOT, reading)}
    assert len(families["pdu_info"].samples) == 1


def test_each_metric_is_stated_once_without_target_labels() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert not TARGET_LABELS & {label for metric in METRICS for label in metric.labels}
    stated = {metric.name for metric in METRICS}
    assert names(scrape_registry(SNAPSHOT, READING)) <= stated
