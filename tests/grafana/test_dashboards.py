# SPDX-License-Identifier: Apache-2.0
"""The committed dashboards are what the code makes; every panel explains itself and asks for what there is.

The rules of grafana/dashboard-linter are among these tests, but for those that ask for variables `job` and `instance`:
recorded series belong to a topology.
"""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards import dashboards, write
from joulepath_dashboards.common import (
    GRAMS_PER_HOUR,
    GRAMS_PER_KWH,
    PER_HOUR,
    RANGE_STEP,
    RANGE_STEPS,
    empty,
)
from joulepath_dashboards.queries import filled, queries
from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from joulepath_topology import read
from joulepath_topology.promql import selectors
from tests.grafana.public_series import EXPORTED, PUBLIC, has_topology, labels

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parent.parent.parent
GRAFANA = ROOT / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
DASHBOARDS: dict[str, dict[str, Any]] = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
PANELS: dict[str, dict[str, Any]] = {
    f"{name}: {panel['title']}": panel
    for name, content in DASHBOARDS.items()
    for panel in content["panels"]
    if panel["type"] != "row"
}
TARGETS = {f"{title} {target['refId']}": target for title, panel in PANELS.items() for target in panel["targets"]}
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")} | {
    GRAMS_PER_HOUR,
    GRAMS_PER_KWH,
    PER_HOUR,
}
EVERYTHING = ROOT / "tests" / "rules" / "topologies" / "everything.yaml"
SEGMENTS = {component.segment for component in read(EVERYTHING).components.values()}
every_dashboard = pytest.mark.parametrize("content", DASHBOARDS.values(), ids=DASHBOARDS)
every_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def test_the_committed_dashboards_are_those_of_the_code(tmp_path: Path) -> None:
    first, second = write(tmp_path / "first"), write(tmp_path / "second")
    assert [path.name for path in first] == [path.name for path in FILES] == sorted(dashboards())
    for generated, again, committed in zip(first, second, FILES, strict=True):
        assert generated.read_bytes() == again.read_bytes()
        assert generated.read_bytes() == committed.read_bytes(), "run `python -m joulepath_dashboards`"


@every_dashboard
def test_the_models_of_grafana_keep_all_of_a_dashboard(content: dict[str, Any]) -> None:
    register_default_plugins()
    assert json.loads(json.dumps(Dashboard.from_json(content), cls=JSONEncoder)) == content


@every_dashboard
def test_ids_are_unique_and_panels_do_not_overlap(content: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in content["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in content["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@every_dashboard
def test_the_variables_of_a_page_are_those_it_uses(content: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in content["templating"]["list"]}
    assert next(iter(variables)) == "datasource"
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert variables["datasource"]["label"] == "Data source"
    if "topology" in variables:  # sums over two topologies would mix applications of one name
        assert not variables["topology"]["multi"]
        assert not variables["topology"]["includeAll"]
    for variable in variables.values():
        assert variable["label"]
        assert variable["type"] == "datasource" or variable["refresh"] == 2  # when the time range changes
        assert variable.get("includeAll", False) == variable.get("multi", False)
    used = set(re.findall(r"\$\{?([a-zA-Z_]\w*)", json.dumps(content)))  # $1 is a group of label_replace
    assert {name for name in used if not name.startswith("__")} == set(variables)


@every_dashboard
def test_a_page_says_its_question_and_leads_to_the_others(content: dict[str, Any]) -> None:
    assert content["uid"] == f"joulepath-{content['title'].removeprefix('Joulepath: ').lower().replace(' ', '-')}"
    assert content["description"].endswith(".")
    assert content["editable"] is False
    (link,) = content["links"]
    assert link["type"] == "dashboards"
    assert set(link["tags"]) <= set(content["tags"])
    assert link["includeVars"]
    assert link["keepTime"]
    addresses = {each["uid"]: each for each in DASHBOARDS.values()}
    for target, query in re.findall(r'"url": "/d/([\w-]+)\?([^"]*)"', json.dumps(content)):
        variables = {variable["name"] for variable in addresses[target]["templating"]["list"]}
        kept = re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", query)
        assert {name for pair in kept for name in pair if name} == variables


@every_dashboard
def test_no_panel_is_repeated_for_each_application(content: dict[str, Any]) -> None:
    """Ten applications must not make thirty panels."""
    assert not [panel["title"] for panel in content["panels"] if panel.get("repeat")]
    assert len([panel for panel in content["panels"] if panel["type"] != "row"]) <= 30


@every_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    reference_ids = [target["refId"] for target in panel["targets"]]
    assert reference_ids
    assert len(set(reference_ids)) == len(reference_ids)
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@every_panel
def test_a_panel_says_what_a_gap_means_and_shows_it(panel: dict[str, Any]) -> None:
    assert re.search(r"\b(gap|empty cell|missing)\b", panel["description"])
    if panel["type"] in {"timeseries", "state-timeline"}:
        where = panel["fieldConfig"]["defaults"]["custom"] | panel["options"]  # it depends on the kind of panel
        assert where["spanNulls"] is False
    elif panel["type"] == "xychart":
        assert panel["fieldConfig"]["defaults"]["custom"]["show"] == "points"
    else:
        assert all(target["instant"] and not target["range"] for target in panel["targets"])
        assert panel["options"].get("reduceOptions", {"calcs": ["last"]})["calcs"] == ["last"]


@every_panel
def test_a_panel_without_data_says_why(panel: dict[str, Any]) -> None:
    """In a sentence; in a word where each cell of a table or one large figure would repeat it."""
    text = panel["fieldConfig"]["defaults"]["noValue"]
    if panel["type"] in {"table", "stat"}:
        assert text == "gap"
    else:
        assert re.fullmatch(r"No data: [a-zA-Z`].+\w`?\.", text)


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("Watts; a gap means that a host is dark, or off; more.", "No data: a host is dark, or off."),
        ("Watts. A gap means less than half of it.", "No data: less than half of it."),
        ("States; nothing is missing where there is no bar.", "No data: nothing is missing where there is no bar."),
    ],
)
def test_the_sentence_is_what_a_gap_means(description: str, sentence: str) -> None:
    assert empty(description) == sentence


def test_a_description_that_is_silent_about_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say what a gap means"):
        empty("Watts of a host.")


@every_panel
def test_thresholds_are_in_the_unit_of_the_panel(panel: dict[str, Any]) -> None:
    """A share is 0 to 1: a threshold of 80 would never be reached."""
    defaults = panel["fieldConfig"]["defaults"]
    steps = [step["value"] for step in defaults.get("thresholds", {"steps": []})["steps"] if step["value"] is not None]
    assert steps == sorted(steps)
    if defaults["unit"] == "percentunit":
        assert all(0 < step <= 1 for step in steps)


@every_panel
def test_a_figure_over_the_range_has_short_steps(panel: dict[str, Any]) -> None:
    """Grafana's own step of a figure would be a hundredth of the range."""
    if any("$__interval]" in target["expr"] for target in panel["targets"]):
        assert (panel["interval"], panel["maxDataPoints"]) == (RANGE_STEP, RANGE_STEPS)


@every_panel
def test_the_columns_of_a_table_are_named_and_have_units(panel: dict[str, Any]) -> None:
    if panel["type"] != "table":
        return
    organize = next(step["options"] for step in panel["transformations"] if step["id"] == "organize")
    alone = len(panel["targets"]) == 1  # Grafana then leaves out the letter of the query
    columns = {"Value" if alone else f"Value #{target['refId']}": target for target in panel["targets"]}
    overrides = {item["matcher"]["options"]: item["properties"] for item in panel["fieldConfig"]["overrides"]}
    for value, target in columns.items():
        column = organize["renameByName"][value]
        assert [setting["id"] for setting in overrides[column]] in (["unit"], ["unit", "noValue"])
        assert overrides[column][0]["value"] in UNITS
        assert labels(promql.parse(filled(target["expr"]))) == set(organize["indexByName"]) - set(columns)


@every_target
def test_a_query_reads_known_series_and_its_legend_labels_exist(target: dict[str, Any]) -> None:
    kept = labels(promql.parse(filled(target["expr"])))
    assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= kept


@every_target
def test_a_query_reads_the_selected_topology_alone(target: dict[str, Any]) -> None:
    """As far as series have a topology: those of exporters have none."""
    for selector in selectors(filled(target["expr"])):
        assert ('topology="joulepath"' in selector) == has_topology(selector)


@every_target
def test_a_segment_that_is_asked_for_exists(target: dict[str, Any]) -> None:
    assert set(re.findall(r'segment="(\w+)"', target["expr"])) <= SEGMENTS


@every_target
def test_a_counter_is_read_as_a_rate_over_grafanas_range(target: dict[str, Any]) -> None:
    """A rate over $__rate_interval, or the increase over the chosen time range: nothing else has enough samples."""
    for name in re.findall(r"\w+", target["expr"]):
        if name in EXPORTED and name.endswith(("_total", "_sum", "_count")):
            ranged = (
                rf"(?:rate\({name}(?:{{[^}}]*}})?\[\$__rate_interval\]|increase\({name}(?:{{[^}}]*}})?\[\$__range\])"
            )
            assert re.search(ranged, target["expr"])


@every_dashboard
def test_a_variable_of_one_value_is_not_a_regular_expression(content: dict[str, Any]) -> None:
    """Grafana quotes the values of those variables alone that may have several: `cam.1` would be `cam-1`, too."""
    for variable in content["templating"]["list"]:
        if variable["name"] == "label":  # a part of names of series, which has no characters to quote
            continue
        operator = "=~" if variable.get("multi") else "="
        for expr in (target["expr"] for panel in content["panels"] for target in panel.get("targets", ())):
            found = re.findall(rf'(\W+)"\${variable["name"]}"', expr)
            assert set(found) <= {operator}
            assert len(found) == len(re.findall(rf"\${variable['name']}\b", expr))


def test_a_component_on_two_hosts_is_shown_on_each() -> None:
    """Measured on one host, it may have no share on the other. Without its hosts it is shown while all are measured."""
    for title, target in TARGETS.items():
        if "_watts" not in target["expr"]:
            continue
        kept = labels(promql.parse(filled(target["expr"])))
        whole = "unless on (component) (joulepath_topology_component" in target["expr"]
        assert "component" not in kept or kept & {"host", "part", "application"} or whole, title


def test_the_queries_of_a_page_begin_with_its_variables() -> None:
    expressions = queries(DASHBOARDS["end-to-end.json"])
    assert len(expressions) > 25
    assert expressions[:2] == [
        "group by (topology) (attribution:heartbeat)",
        'group by (application) (application:power_covered_watts{topology="joulepath",application!="unattributed"})',
    ]


@every_dashboard
def test_queries_are_plain_promql_without_variables(content: dict[str, Any]) -> None:
    expressions = queries(content)
    assert len(expressions) > 10
    for query in expressions:
        assert not re.search(r"\$[^1]", query)  # $1 is a group of label_replace
        labels(promql.parse(query))


def test_grafanas_own_variables_are_filled_in_whole() -> None:
    assert filled("rate(x[$__rate_interval]) / y[$__range:$__interval]") == "rate(x[1m]) / y[1h:30s]"
    assert filled("sum_over_time(x[$__range:$__interval]) * $__interval_ms") == "sum_over_time(x[1h:30s]) * 30000"


def test_a_selection_is_filled_in_as_promql_quotes_it() -> None:
    assert filled('x{application="$application"}', "a|c") == 'x{application=~"a|c"}'
    assert filled('x{application=~"$application"}', r"a\.b|c") == r'x{application=~"a\\.b|c"}'
    assert filled('x{topology="$topology"}', topology="plant-b") == 'x{topology="plant-b"}'


def test_a_variable_without_a_query_is_named() -> None:
    broken = {"panels": [], "templating": {"list": [{"type": "query", "name": "host", "query": "metrics(x)"}]}}
    with pytest.raises(ValueError, match=r"variable host: metrics\(x\) is not"):
        queries(broken)


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("node:user:rate", "not a public series"),
        ("other_program_watts", "not a public series"),
        ("sum by (application) (pdu_outlet_power_watts)", "application"),
        ("host:power_watts{component='x'}", "component"),
        ("sum by (application) (host:power_watts)", "application"),
        ("host:power_watts / on (application) application:bits:rate", "application"),
    ],
)
def test_the_check_of_queries_can_fail(expr: str, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        labels(promql.parse(expr))


def test_public_series_are_recorded() -> None:
    """By the laboratory's topology those that panels read, by the topology that uses every key all of them."""
    everything = recorded(EVERYTHING)
    assert {name.replace("LABEL:", "team:") for name in PUBLIC} <= everything
    read_by_panels = {name for name in PUBLIC if any(name in target["expr"] for target in TARGETS.values())}
    assert read_by_panels <= recorded(ROOT / "lab" / "joulepath_lab" / "scenarios" / "native.yaml")


def recorded(path: Path) -> set[str]:
    """The names that the rules of a topology record."""
    return {rule.record for group in generate(read(path)) for rule in group.rules if isinstance(rule, Rule)}


def test_provisioning_fits_the_dashboards() -> None:
    def read_provisioning(kind: str) -> dict[str, Any]:
        (path,) = (GRAFANA / "provisioning" / kind).glob("*.yml")
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert content["apiVersion"] == 1
        return content

    (source,) = read_provisioning("datasources")["datasources"]
    assert source["type"] == "prometheus"
    assert source["uid"]
    (provider,) = read_provisioning("dashboards")["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].startswith("/")
