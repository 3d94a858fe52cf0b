# SPDX-License-Identifier: Apache-2.0
"""An allowed entry that is probably a mistake gives a warning; one that lies just beside it does not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath.cli import main
from joulepath_topology.reading import examine
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit


def power(*sources: dict[str, Any], **host: Any) -> dict[str, Any]:
    """The factory in which ru-1 has these plugs."""
    return changed(hosts={"ru-1": {"power": list(sources), **host}})


def reserve(du: float, upf: float, capacity: float = 16) -> dict[str, Any]:
    """The factory with other reservations on edge-1."""
    return changed(
        hosts={"edge-1": {"capacity": capacity}},
        components={"du-1": {"reservation": du}, "upf-1": {"reservation": upf}},
    )


def both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The factory with one more plug at each of two hosts."""
    data = changed()
    data["hosts"]["ru-1"]["power"].append(first)
    data["hosts"]["edge-1"]["power"].append(second)
    return data


def share(du: dict[str, Any], upf: dict[str, Any]) -> dict[str, Any]:
    """The factory with this work of the two components on edge-1."""
    active = {"active": {"query": "sum(busy)"}} if "query" in du else {}
    return changed(hosts={"edge-1": active}, components={"du-1": {"share": [du]}, "upf-1": {"share": [upf]}})


def daemon() -> dict[str, Any]:
    """The factory with another host on which pods of upf-1's names run."""
    return changed(
        hosts={"x": {"site": "edge", "power": [{"rapl": "x"}]}},
        components={"x": {"role": "management", "share": [{"kepler_pod": "core/upf-.*"}]}},
    )


def models(*requests: Any) -> dict[str, Any]:
    """The factory with models beside it."""
    names = [f"m{number}" for number in range(len(requests))]
    return changed(
        hosts={name: {"site": "edge", "power": [{"rapl": name}]} for name in names},
        components={name: {"role": "model", "requests": one} for name, one in zip(names, requests, strict=True)},
    )


def nodes(first: Any, second: Any) -> dict[str, Any]:
    """The factory in which ru-1 and upf-1 are counted at these nodes."""
    return changed(components={"ru-1": {"traffic": {"ioam": first}}, "upf-1": {"traffic": {"ioam": second}}})


QUERY = {"watts": "sum(x{a='b'})"}
SAME = {"watts": 'sum( x{a="b"} )'}

DOUBTFUL = [
    (changed(window="2h"), "window: is longer than an hour"),
    (changed(sites={"edge": {"overhead": 130}}), "sites.edge.overhead: 130 times the measured power"),
    (changed(sites={"factory": {"grams_per_kwh": 0.38}}), "sites.factory.grams_per_kwh: 0.38 g/kWh is very little"),
    (
        changed(sites={"edge": {"price": {"currency": "EUR", "query": 'price{currency="GBP"}'}}}),
        "sites.edge.price.query: reads prices in GBP, and the currency is EUR",
    ),
    (changed(sites={"factory": {"grams_per_kwh": 380000}}), "sites.factory.grams_per_kwh: 380000 g/kWh is more than"),
    (changed(sites={"edge": {"market": {"grams_per_kwh": 0.04}}}), "sites.edge.market.grams_per_kwh: 0.04 g/kWh"),
    (
        power({"pdu": "p", "outlets": ["1"]}, {"bmc": "b"}, {"rapl": "r"}),
        "hosts.ru-1.power: adds outlets, bmc and rapl",
    ),
    (power({"bmc": "b"}, {"rapl": "r"}), "hosts.ru-1.power: adds bmc and rapl"),
    (power({"rapl": "r", "scale": 135}), "hosts.ru-1.power[0].scale: 135 times the reading"),
    (
        power({"rapl": "r"}, fallback=[{"bmc": "b", "scale": 135}]),
        "hosts.ru-1.fallback[0].scale: 135 times the reading",
    ),
    (both({"joules": "x_total"}, {"joules": "x_total"}), "hosts.edge-1.power[1].joules: host 'ru-1' reads the same"),
    (both(QUERY, SAME), "hosts.edge-1.power[1].watts: host 'ru-1' reads the same query"),
    (power(QUERY, SAME), "hosts.ru-1.power[1].watts: this host reads the same query"),
    (both({**QUERY, "scale": 0.5}, {**SAME, "scale": 0.6}), "hosts.edge-1.power[1].watts: host 'ru-1' reads the same"),
    (power(QUERY, fallback=[SAME]), "hosts.ru-1.fallback[0].watts: this host reads the same query"),
    (share({"kepler_pod": "a/b"}, {"kepler_pod": "a/b"}), "components.upf-1.share[0]: already counts for 'du-1'"),
    (share({"workload": "a"}, {"workload": "a"}), "components.upf-1.share[0]: already counts for 'du-1'"),
    (share({"query": "sum(a)"}, {"query": "sum( a )"}), "components.upf-1.share[0]: already counts for 'du-1'"),
    (models({"vllm": {"model_name": "a"}}, {"vllm": {"model_name": "a"}}), "components.m1.requests: already counts"),
    (
        share({"kepler_pod": "core/.*"}, {"kepler_pod": "core/upf-.*"}),
        "components.upf-1.share[0]: 'core/upf-x' fits the share 'core/.*' of 'du-1', too: it would count twice",
    ),
    (
        share({"kepler_container": "upf"}, {"kepler_container": "(upf|smf).*"}),
        "components.upf-1.share[0]: 'upf' fits the share 'upf' of 'du-1', too",
    ),
    (
        models({"vllm": {"model_name": "a"}}, {"vllm": {"model_name": "a", "instance": "1"}}),
        "components.m1.requests: already counts for 'm0'",
    ),
    (
        models({"triton_vllm": {"model_name": "a"}}, {"triton_tensorrt_llm": {"model_name": "a"}}),
        "components.m1.requests: already counts for 'm0'",
    ),
    (reserve(0.25, 0.125), "components.du-1.reservation: 0.25 of capacity 16"),
    (nodes(4, 4), "components.upf-1.traffic.ioam: node 4 already counts for 'ru-1'"),
    (
        nodes({"node": 4, "instances": ["a", "b"]}, {"node": 4, "instances": ["b", "a"]}),
        "components.upf-1.traffic.ioam: node 4 already counts for 'ru-1'",
    ),
    (power({"watts": "mad_over_time(x[5m])"}), "hosts.ru-1.power[0].watts: mad_over_time is experimental"),
]


@pytest.mark.parametrize(("data", "line"), DOUBTFUL)
def test_a_likely_mistake_is_a_warning(data: dict[str, Any], line: str) -> None:
    """The likely mistake is named, and the topology is usable."""
    topology, problems = examine(data)
    assert topology is not None
    [problem] = map(str, problems)
    assert problem.startswith(f"warning: {line}")


@pytest.mark.parametrize(
    "data",
    [
        changed(window="1h"),
        changed(sites={"edge": {"overhead": 2.9, "market": {"grams_per_kwh": 0}}}),
        changed(sites={"factory": {"grams_per_kwh": 1}}),
        power({"pdu": "p", "outlets": ["1"]}, {"watts": "gauge"}, {"joules": "gpu_total"}),
        power({"rapl": "r"}, {"joules": "gpu_total"}),
        power({"bmc": "rack", "chassis": "1"}, {"bmc": "rack", "chassis": "2"}),
        power({"pdu": "p", "outlets": ["1"]}, fallback=[{"bmc": "b"}, {"rapl": "r", "scale": 9}]),
        both({**QUERY, "scale": 0.5}, {**SAME, "scale": 0.5}),
        both({"watts": 65}, {"watts": 65}),
        both({"joules": 'x_total{port="1"}'}, {"joules": 'x_total{port="2"}'}),
        share({"kepler_pod": "a/b"}, {"kepler_pod": "a/c"}),
        share({"kepler_pod": "a/upf"}, {"kepler_pod": "a/upf-.*"}),
        share({"kepler_pod": "a/.*"}, {"kepler_pod": "b/.*"}),
        share({"kepler_container": ".*"}, {"kepler_container": r"\\pL+"}),
        daemon(),
        models("vllm", "vllm"),
        models({"vllm": {"model_name": "a"}}, {"triton_vllm": {"model_name": "a"}}),
        models({"vllm": {"model_name": "a", "instance": "1"}}, {"vllm": {"model_name": "a", "instance": "2"}}),
        reserve(1, 1),
        reserve(2, 0.1, capacity=64),
        reserve(0.25, 0.5, capacity=1),
        nodes(4, 5),
        nodes({"node": 4, "instances": ["a"]}, {"node": 4, "instances": ["b", "c"]}),
    ],
)  # fmt: skip
def test_a_usual_topology_gives_no_warning(data: dict[str, Any]) -> None:
    """Usual topologies that lie near a warning are accepted without a word."""
    sound(data)


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        (4, {"node": 4, "instance": "a"}, "'ru-1' uses node 4 at every exporter: give that its `instances`, too"),
        ({"node": 4, "instance": "a"}, 4, "uses node 4 at every exporter, but 'ru-1' uses it at a: add `instances`"),
        (
            {"node": 4, "instances": ["a", "b"]},
            {"node": 4, "instances": ["b", "c"]},
            "node 4 of instance 'b' already counts for 'ru-1'",
        ),
    ],
)
def test_a_capture_point_belongs_to_one_component(first: Any, second: Any, line: str) -> None:
    """These could only count packets twice, so they are errors."""
    assert lines(nodes(first, second)) == [f"components.upf-1.traffic.ioam: {line}"]


def test_one_mistake_is_not_a_warning_as_well() -> None:
    """A warning about a part that is refused would be noise."""
    assert len(lines(changed(sites={"edge": {"overhead": 130, "market": {"grams_per_kwh": -1}}}))) == 2
    assert lines(changed(sites={"edge": {"overhead": "130"}})) == [
        "sites.edge.overhead: must be a number: leave out the quotes"
    ]


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """A file with one warning."""
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(changed(sites={"edge": {"overhead": 130}})))
    return path


WARNING = "warning: sites.edge.overhead: 130 times the measured power"


def test_check_prints_warnings(doubtful: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status stays 0."""
    assert main(["rules", "check", str(doubtful)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{doubtful}: {WARNING}")
    assert not printed.err


def test_generate_prints_warnings(doubtful: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, beside the errors of other files; the rules are written."""
    assert main(["rules", "generate", str(doubtful), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(f"joulepath rules: {doubtful}: {WARNING}")
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("per", "words", "days"),
    [
        ("month", [], "31 days"),
        ("month", ["--retention", "30d"], "31 days"),
        ("month", ["--retention", "31d"], None),
        ("month", ["--retention", "1y"], None),
        ("day", [], None),
        ("day", ["--retention", "12h"], "1 day"),
        ("hour", ["--retention", "12h"], None),
    ],
)
def test_a_budget_longer_than_the_retention_is_a_warning(
    per: str, words: list[str], days: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A budget needs samples for all of its period; Prometheus keeps 15 days of them unless told otherwise."""
    data = changed()
    data["budgets"] = {"b": {"application": "a", "energy": "2kWh", "per": per}}
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(data))
    assert main(["rules", "check", *words, str(path)]) == 0
    printed = capsys.readouterr().out
    if days is None:
        assert "warning" not in printed
    else:
        assert f"{path}: warning: budgets.b.per: needs {days} of samples, but the server keeps" in printed


def test_retention_is_a_duration(doubtful: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another word is one line."""
    with pytest.raises(SystemExit):
        main(["rules", "check", "--retention", "long", str(doubtful)])
    assert "must be a duration such as 24h: 'long'" in capsys.readouterr().err


def test_promtools_refusal_names_the_entry_of_the_query(
    tmp_path: Path, promtool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A query that only promtool refuses is named by its place, as often as it stands in the file."""
    data = changed(hosts={"ru-1": {"fallback": [{"watts": "mad_over_time(x[5m])"}]}})
    data["hosts"]["x-[1-300]"] = {"site": "edge", "power": [{"watts": 'mad_over_time(x{a="[1-300]"}[5m])'}]}
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(data))
    monkeypatch.setenv("PATH", str(promtool.parent))
    assert main(["rules", "check", str(path)]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in printed] == ["hosts.ru-1.fallback[0].watts", "hosts.x-1.power[0].watts"]
    assert 'promtool refuses this: unknown function with name "mad_over_time"' in printed[0]
    assert printed[1].endswith("(and 299 more like this)")
