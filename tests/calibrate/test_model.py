# SPDX-License-Identifier: Apache-2.0
"""The action `model`: from samples to the file that the workload exporter reads."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from joulepath.cli import main
from joulepath.workload.places import Places
from joulepath.workload.power import file, machine
from tests.calibrate import hosts, power
from tests.calibrate.test_asked import counter, gauge
from tests.conftest import Monitoring
from tests.rules.backfilled import Sample, served

TOPOLOGY = """\
name: house
sites: {s: {grams_per_kwh: 360}}
hosts:
  edge-1: {site: s, power: [{pdu: p, outlets: ["1"]}]}
  bare: {site: s, power: [{pdu: p, outlets: ["2"]}]}
  guess: {site: s, power: [{power_model: guess}]}
components: {upf: {host: edge-1, role: upf}}
"""
DAY = power.windows(3, lambda load: power.IDLE + power.bent(load), terms=True, rest=120)
GIB = 2**30


@dataclass(frozen=True)
class Place:
    """A folder with a topology, and the words that say where samples are."""

    folder: Path
    source: Sequence[str]

    def calibrate(self, host: str, *words: str, output: str = "model.yaml") -> int:
        path = str(self.folder / "house.yaml")
        return main(["calibrate", "model", path, host, *self.source, *words, "--output", str(self.folder / output)])


def written(place: Place, output: str = "model.yaml") -> dict[str, dict[str, float]]:
    """The plain data of the file."""
    data: dict[str, dict[str, float]] = yaml.safe_load((place.folder / output).read_text())
    return data


@pytest.fixture
def of_csv(tmp_path: Path) -> Place:
    (tmp_path / "house.yaml").write_text(TOPOLOGY)
    rows = [f"{one.at + 1},{one.watts},{one.load},{one.memory},{one.disk}" for one in DAY]
    head = "time,watts,load,memory_bytes,disk_bytes_per_second"
    (tmp_path / "samples.csv").write_text("\n".join([head, *rows, ""]))
    return Place(tmp_path, ["--csv", str(tmp_path / "samples.csv"), "--this-machine"])


@pytest.mark.unit
def test_the_file_holds_for_the_machine_and_gives_the_watts(of_csv: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Half busy with 10 GB in use and 1 GB/s: 100 + 90 + 5 + 20 = 215 W."""
    assert of_csv.calibrate("edge-1", "--memory", "--disk", "--name", "small server") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["idle", "50%", "100%", "memory", "disk", "180"]
    model = file.read(of_csv.folder / "model.yaml")
    assert model.name == "small server"
    assert not list(machine.differences(model.machine, machine.read(Places())))
    assert model.watts(0.5, 10e9, 1e9) == pytest.approx(215, rel=0.01)
    data = written(of_csv)
    assert data["validation"]["windows"] == 180
    assert 0.014 < data["validation"]["mape"] < 0.018
    assert data["idle_watts"]["standard_error"] > 0
    assert str(data["fitted"]["data"]).startswith("540 windows of 120 s from 1970-01-01T00:02Z to ")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("host", "words", "line"),
    [
        ("edge-2", (), "house.yaml: hosts.edge-2: is not in the file (did you mean edge-1?)"),
        ("edge-1", ("--name", "n" * 129), "--name: must have at most 128 characters"),
        ("edge-1", ("--points", "0.95,1"), "hosts.edge-1: a point needs 20 windows on each side of it"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    of_csv: Place, host: str, words: Sequence[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert of_csv.calibrate(host, *words) in {1, 2}
    captured = capsys.readouterr()
    assert captured.out == ""
    assert line in captured.err
    assert captured.err.count("\n") == 1
    assert not (of_csv.folder / "model.yaml").exists()


@pytest.mark.unit
def test_a_file_that_is_there_is_not_replaced(of_csv: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (of_csv.folder / "model.yaml").write_text("mine\n")
    assert of_csv.calibrate("edge-1") == 2
    assert "model.yaml: is there already: remove it first, or choose another --output" in capsys.readouterr().err
    assert (of_csv.folder / "model.yaml").read_text() == "mine\n"


@pytest.mark.unit
def test_samples_without_a_machine_are_refused(of_csv: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(of_csv.folder, of_csv.source[:2])
    assert place.calibrate("edge-1") == 2
    assert "--csv: says nothing of the machine: run this on the host itself" in capsys.readouterr().err


@pytest.mark.unit
@pytest.mark.parametrize("points", ["", "1,0.5", "0,1", "0.5", "nan,1", "0.5,0.5,1", "half,1"])
def test_points_that_do_not_rise_to_one_are_refused(
    of_csv: Place, points: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        of_csv.calibrate("edge-1", f"--points={points}")
    assert "must be busy parts that rise to 1, such as 0.5,1" in capsys.readouterr().err


def samples(end: float) -> Iterator[Sample]:
    """A day of edge-1 with its meter and node_exporter, and of `bare` without names of its processor."""
    watts = [one.watts for one in DAY]
    for host in ("edge-1", "bare"):
        own = f'topology="house",host="{host}",site="s",tier="1",method="measured"'
        yield from gauge(f"host_tier:power_watts{{{own}}}", watts, end)
    for host in ("edge-1", "bare"):
        for cpu in ("0", "1", "2", "3"):
            for mode in ("idle", "user"):
                rates = [one.load if mode == "user" else 1 - one.load for one in DAY]
                series = f'node_cpu_seconds_total{{instance="{host}",cpu="{cpu}",mode="{mode}"}}'
                yield from counter(series, rates, end)
    own = 'instance="edge-1"'
    ones = [1.0] * len(DAY)
    yield from gauge(f'node_cpu_info{{{own},cpu="0",model_name="Example CPU"}}', ones, end)
    yield from gauge(f'node_cpu_info{{{own},cpu="1",model_name="Example CPU"}}', ones, end)
    for governor in ("performance", "powersave"):
        values = [float(governor == "powersave")] * len(DAY)
        yield from gauge(f'node_cpu_scaling_governor{{{own},cpu="0",governor="{governor}"}}', values, end)
    for kind in ("read", "written"):
        for device, part in (("nvme0n1", 0.5), ("dm-0", 0.5), ("md127", 0.5)):  # the same bytes three times
            series = f'node_disk_{kind}_bytes_total{{{own},device="{device}"}}'
            yield from counter(series, [part * one.disk for one in DAY], end)
    yield from gauge(f'node_dmi_info{{{own},product_name="Box 9"}}', ones, end)
    yield from gauge(f"node_memory_MemAvailable_bytes{{{own}}}", [64 * GIB - one.memory for one in DAY], end)
    yield from gauge(f"node_memory_MemTotal_bytes{{{own}}}", [64.0 * GIB for _ in DAY], end)


@pytest.fixture(scope="module")
def past(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(f"model-{monitoring.name}")
    (folder / "house.yaml").write_text(TOPOLOGY)
    end = time.time() // hosts.LENGTH * hosts.LENGTH
    named = sorted(samples(end), key=lambda sample: sample[0].partition("{")[0])
    with served(monitoring.prometheus, monitoring.promtool, folder, named) as server:
        yield Place(folder, ["--prometheus", server.url, "--since", "25h"])


@pytest.mark.lab
def test_a_model_from_prometheus_has_the_law_and_the_machine(past: Place) -> None:
    assert past.calibrate("edge-1", "--memory", "--disk", output="asked.yaml") == 0
    data = written(past, "asked.yaml")
    assert data["machine"] == {
        "cpu_model": "Example CPU",
        "cpus": 4,
        "memory_bytes": 64 * GIB,
        "product_name": "Box 9",
        "governor": "powersave",
    }
    model = file.read(past.folder / "asked.yaml")
    assert [busy for busy, _ in model.cpu] == [0.5, 1]
    assert model.watts(0) == pytest.approx(power.IDLE, rel=0.03)
    assert model.watts(1) == pytest.approx(power.IDLE + 140, rel=0.03)
    assert model.watts_per_gigabyte == pytest.approx(power.WATTS_PER_GIGABYTE, rel=0.1)
    assert model.joules_per_gigabyte == pytest.approx(power.JOULES_PER_GIGABYTE, rel=0.1)


@pytest.mark.lab
@pytest.mark.parametrize(
    ("host", "words", "line"),
    [
        ("bare", (), 'has no single processor in node_cpu_info{instance="bare"}: start its node_exporter with --coll'),
        ("bare", ("--this-machine", "--memory"), "has no memory in URL: scrape its node_exporter with instance="),
        ("guess", (), "hosts.guess.power[0]: is modelled: only a meter can be fitted to"),
    ],
)
def test_a_server_without_the_series_is_refused_in_one_line(
    past: Place, host: str, words: Sequence[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert past.calibrate(host, *words, output="refused.yaml") in {1, 2}
    (message,) = capsys.readouterr().err.replace(past.source[1], "URL").splitlines()
    assert line in message
    assert not (past.folder / "refused.yaml").exists()
