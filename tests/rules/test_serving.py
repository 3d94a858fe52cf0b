# SPDX-License-Identifier: Apache-2.0
"""The server of constants: what it serves before, during and after a change of the topology file."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from joulepath import exposition
from joulepath.errors import UsageError
from joulepath.exporter import Condition
from joulepath_rules.constants import constants
from joulepath_rules.serving.command import ConstantsExporter
from joulepath_rules.serving.generation import Generation, read
from joulepath_rules.serving.history import KEPT_SECONDS, MOST, History
from joulepath_topology import read as read_topology
from tests.conftest import ROOT
from tests.exporters.process import Exporter
from tests.exporters.web.things import get, serving

pytestmark = pytest.mark.unit

EXAMPLE = ROOT / "examples" / "two-sites.yaml"
Row = tuple[str, frozenset[tuple[str, str]], float]


def generation(hash_: str, topology: str = "t", hosts: int = 1) -> Generation:
    rows = [("joulepath_topology_host", 1.0, {"host": f"h{number}"}) for number in range(hosts)]
    return Generation(topology, hash_, rows)


def hashes(families: Iterable[Metric]) -> list[str]:
    return [sample.labels["generation"] for family in families for sample in family.samples]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Files:
    """The current content of each path, or the mistake in it."""

    def __init__(self, **contents: Generation | UsageError) -> None:
        self.contents = contents
        self.clock = Clock()

    def read(self, path: Path) -> Generation:
        content = self.contents[str(path)]
        if isinstance(content, UsageError):
            raise content
        return content

    def exporter(self) -> ConstantsExporter:
        return ConstantsExporter(
            [Path(name) for name in self.contents], self.read, lambda first: History(first, self.clock), self.clock
        )


def test_each_constant_is_a_series_with_its_labels_and_the_generation() -> None:
    """As rules they would have the same names, labels and values, without the generation."""
    topology = read_topology(EXAMPLE)
    generation_of_example = read(EXAMPLE, "")
    exporter = ConstantsExporter([EXAMPLE], lambda _: generation_of_example)
    families = text_string_to_metric_families(body(exporter).decode())
    served: list[Row] = [
        (sample.name, frozenset((name, value) for name, value in sample.labels.items() if value), sample.value)
        for family in families
        for sample in family.samples
    ]
    own = {"topology": topology.name, "generation": topology.hash}
    expected: list[Row] = [
        (constant.name, frozenset({**constant.labels, **own}.items()), constant.value)
        for constant in constants(topology)
    ]
    assert len(expected) > 50
    assert Counter(served) == Counter(expected)


def body(exporter: ConstantsExporter, **headers: str) -> bytes:
    (target,) = exporter.targets
    with serving(exporter) as server:  # type: ignore[arg-type]  # serves whatever has the frame's shape
        status, _, response = get(server, f"/probe?target={target}", **headers)
    assert status == 200
    return response


def test_constants_have_empty_labels_instance_and_job() -> None:
    """Under honor_labels an empty label stands for "none": the joins of the chain keep all labels of constants."""
    assert b'joulepath_topology_host{generation="g",host="h0",instance="",job="",topology="t"} 1.0' in body(
        Files(t=generation("g")).exporter()
    )


def test_a_replaced_generation_is_served_for_ten_minutes() -> None:
    files = Files(t=generation("old"))
    exporter = files.exporter()
    files.contents["t"] = generation("new")
    exporter.reload()
    files.clock.now += KEPT_SECONDS - 1
    assert sorted(hashes(exporter.probe("t"))) == ["new", "old"]
    files.clock.now += 1
    assert hashes(exporter.probe("t")) == ["new"]


def test_an_unchanged_file_starts_no_generation() -> None:
    files = Files(t=generation("same"))
    exporter = files.exporter()
    page = exporter.probe("t")
    exporter.reload()
    assert exporter.probe("t") is page


def test_a_generation_that_returns_is_the_current_one() -> None:
    """There and back again: each once, and the one in between for ten minutes from its end."""
    files = Files(t=generation("a"))
    exporter = files.exporter()
    for name in ("b", "a"):
        files.clock.now += 60
        files.contents["t"] = generation(name)
        exporter.reload()
    assert hashes(exporter.probe("t")) == ["a", "b"]
    files.clock.now += KEPT_SECONDS
    assert hashes(exporter.probe("t")) == ["a"]


def test_generations_are_bounded() -> None:
    """A file that changes all the time: the newest ones stay."""
    files = Files(t=generation("0"))
    exporter = files.exporter()
    for number in range(1, 9):
        files.contents["t"] = generation(str(number))
        exporter.reload()
    assert sorted(hashes(exporter.probe("t"))) == [str(9 - MOST + number) for number in range(MOST)]


def test_a_wrong_file_changes_nothing() -> None:
    """Not even what the other file says: both are taken over together, or none."""
    files = Files(t=generation("a"), u=generation("b", "u"))
    exporter = files.exporter()
    files.contents.update(t=generation("c"), u=UsageError("u: is wrong"))
    with pytest.raises(UsageError, match="u: is wrong"):
        exporter.reload()
    assert (hashes(exporter.probe("t")), hashes(exporter.probe("u"))) == (["a"], ["b"])


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match=r"u: name: t has the name 't' too"):
        Files(t=generation("a"), u=generation("b")).exporter()


def test_its_own_metrics_count_constants_by_generation() -> None:
    files = Files(t=generation("a", hosts=3))
    exporter = files.exporter()
    files.contents["t"] = generation("b", hosts=5)
    exporter.reload()
    (family,) = exporter.collect()
    assert {(sample.labels["generation"], sample.labels["state"]): sample.value for sample in family.samples} == {
        ("b", "current"): 5,
        ("a", "previous"): 3,
    }


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_a_page_is_encoded_once_for_each_way_to_ask(accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrape of 27,000 constants costs no more than to send them."""
    calls: list[bool] = []
    encode: Callable[..., bytes] = exposition.encode

    def count_and_encode(*arguments: object, openmetrics: bool) -> bytes:
        calls.append(openmetrics)
        return encode(*arguments, openmetrics=openmetrics)

    monkeypatch.setattr(exposition, "encode", count_and_encode)
    exporter = Files(t=generation("a", hosts=100)).exporter()
    plain = [body(exporter, Accept=accept) for _ in range(3)]
    packed = [body(exporter, **{"Accept": accept, "Accept-Encoding": "gzip"}) for _ in range(3)]
    assert len(calls) == 2
    assert len(set(plain)) == 1
    assert {gzip.decompress(response) for response in packed} == set(plain)
    assert plain[0].endswith(b"# EOF\n") == (accept != "text/plain")


def test_sighup_loads_a_changed_file_and_a_wrong_one_is_one_line(tmp_path: Path) -> None:
    """SIGHUP takes a changed file over; a wrong one is one line, and what was read before stays."""
    text = EXAMPLE.read_text()
    path = tmp_path / "topology.yaml"
    path.write_text(text)
    with Exporter("rules", "serve", path) as server:

        def sizes() -> list[float]:
            served = server.samples()
            return sorted(value for (name, _), value in served.items() if name == "joulepath_rules_constants")

        (before,) = sizes()
        path.write_text(text + "nonsense: 1\n")
        server.reload()
        assert sizes() == [before]
        assert server.value("joulepath_config_last_reload_successful") == 0
        (line,) = [line for line in server.log if "level=ERROR" in line]
        assert f"{path}: nonsense" in line
        path.write_text(text.replace("interval: 15s", "interval: 10s"))
        server.reload()
        assert sizes() == [before, before]
        assert server.value("joulepath_config_last_reload_successful") == 1
        (target,) = {
            dict(labels)["topology"] for name, labels in server.samples() if name == "joulepath_rules_constants"
        }
        samples = server.samples(f"/probe?target={target}")
        assert len(samples) == 2 * before
        assert server.end() == 0


def test_the_condition_says_when_the_files_were_read_last() -> None:
    files = Files(a=generation("g1", "a"))
    exporter = files.exporter()
    assert exporter.condition("a") == Condition("a", up=True, read_timestamp=1000.0)
    files.clock.now += 60
    files.contents["a"] = UsageError("a: is wrong")
    with pytest.raises(UsageError):
        exporter.reload()
    assert exporter.condition("a").read_timestamp == 1000.0
    files.contents["a"] = generation("g2", "a")
    exporter.reload()
    assert exporter.condition("a").read_timestamp == 1060.0
    with pytest.raises(KeyError):
        exporter.condition("b")
