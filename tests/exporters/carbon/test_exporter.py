# SPDX-License-Identifier: Apache-2.0
"""The exporter whole: its configuration, its series, values that grow old, and a source that fails alone."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import requests_mock
from prometheus_client.core import Metric

from joulepath.carbon.collector import collect
from joulepath.carbon.command import CarbonExporter, described, read, targets
from joulepath.carbon.config import read as read_here
from joulepath.carbon.settings import Point
from joulepath.carbon.source import CarbonReading
from joulepath.errors import JoulepathError
from joulepath.reading.poller import Snapshot
from tests.exporters.carbon.answers import NOW, UK, question, seconds

pytestmark = pytest.mark.unit

AVERAGE = "grid_carbon_intensity_average_grams_per_kilowatt_hour"
UPDATED = "grid_carbon_intensity_updated_timestamp_seconds"
Series = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def web() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


def samples(families: Iterable[Metric]) -> Mapping[Series, float]:
    found: dict[Series, float] = {}
    for family in families:
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def labelled(name: str, **labels: str) -> Series:
    return name, frozenset(labels.items())


def exporter(path: Path, text: str) -> CarbonExporter:
    path.write_text(text)
    return CarbonExporter(lambda: targets(read_here(path), {}), path, wall_clock=lambda: seconds(NOW))


def test_failing_source_fails_alone(web: requests_mock.Mocker, tmp_path: Path) -> None:
    web.get(requests_mock.ANY, status_code=500)
    found = samples(exporter(tmp_path / "carbon.yaml", "sources: {ember: {zones: [DE]}, uk: {}}").once())
    found = {
        (name, labels - {("instance", "ember/DE"), ("instance", "uk/GB")}): value
        for (name, labels), value in found.items()
    }
    zone = {"grid_zone": "DE", "source": "ember", "boundary": "lifecycle"}
    assert found[labelled(AVERAGE, **zone, state="settled")] == 344.14
    assert found[labelled("carbon_up", **zone)] == 1
    assert found[labelled("carbon_up", grid_zone="GB", source="uk", boundary="direct")] == 0
    # An average of a year does not grow old: it has no time of an update.
    assert not [name for name, _ in found if name == UPDATED]
    info = {"kind": "average", "year": "2024", "licence": "CC BY 4.0", "attribution": "Ember, Yearly Electricity Data"}
    assert found[labelled("grid_carbon_intensity_info", **zone, **info)] == 1


def test_nothing_answered_is_a_failure(web: requests_mock.Mocker, tmp_path: Path) -> None:
    web.get(requests_mock.ANY, status_code=500)
    with pytest.raises(JoulepathError, match=r"^uk/GB: answers 500"):
        exporter(tmp_path / "carbon.yaml", "sources: {uk: {}}").once()


def test_reload_takes_zones_and_keeps_answers(web: requests_mock.Mocker, tmp_path: Path) -> None:
    web.get(requests_mock.ANY, json=UK)
    path = tmp_path / "carbon.yaml"
    running = exporter(path, "sources: {ember: {zones: [DE]}}")
    running.once()
    path.write_text("sources: {ember: {zones: [DE, FR]}}")
    running.reload()
    assert set(running.targets) == {"ember/DE", "ember/FR"}
    assert any(name == AVERAGE for name, _ in samples(running.probe("ember/DE")))  # what was read stays
    assert not samples(running.probe("ember/FR"))  # and this is not yet read
    assert running.condition("ember/DE").up
    with pytest.raises(KeyError):
        running.probe("ember/GB")


def at(now: float, point: Point) -> Mapping[Series, float]:
    """The series at a moment [s after the end of the point's interval], read a minute after that end."""
    asked = question("uk", "GB")
    snapshot = Snapshot(
        up=False, reading=CarbonReading({point.state: point}), read_at=0.0, read_timestamp=point.end + 60
    )
    return samples(collect(asked, snapshot, point.end + now))


def test_last_value_is_kept_until_the_limit_of_its_source() -> None:
    point = Point(seconds("2026-11-28T11:30Z"), 1800, "estimated", 210)
    labels = {"grid_zone": "GB", "source": "uk", "boundary": "direct", "state": "estimated"}
    kept = at(10_800, point)
    assert kept[labelled(AVERAGE, **labels)] == 210
    assert kept[labelled(UPDATED, **labels, kind="average")] == seconds("2026-11-28T12:00Z")
    assert {name for name, _ in at(10_801, point)} == {"carbon_up", "carbon_last_read_timestamp_seconds"}


def test_check_says_what_would_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "carbon.yaml"
    path.write_text("sources: {ember: {zones: [DE]}, uk: {}}")
    ember, uk = described(read(path))
    assert ember == "ember/DE: average, lifecycle, of 2024; CC BY 4.0; attribution: Ember, Yearly Electricity Data"
    assert uk.startswith("uk/GB: average, direct, every 300 s; CC BY 4.0; attribution: National Energy System Operator")
