# SPDX-License-Identifier: Apache-2.0
"""Messages for newcomers: the name that was meant, the unit to leave out, and warnings beside mistakes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath.errors import UsageError
from joulepath_topology import read
from tests.topology.examined import changed, lines

pytestmark = pytest.mark.unit

BUDGET = {"energy": "1kWh", "per": "day"}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            changed(hosts={"ru-1": {"site": "factroy"}}),
            "hosts.ru-1.site: there is no site 'factroy' under sites (did you mean factory?)",
        ),
        (
            changed(hosts={"edge-1": {"feeds": ["ru1"]}}),
            "hosts.edge-1.feeds[0]: there is no host 'ru1' under hosts (did you mean ru-1?)",
        ),
        (
            changed(components={"ru-1": {"host": "RU1"}}),
            "components.ru-1.host: there is no host 'RU1' under hosts (did you mean ru-1?)",
        ),
        (
            changed(components={"ru-1": {"traffic": {"anchor": "ufp-1"}}}),
            "components.ru-1.traffic.anchor: there is no component 'ufp-1' under components (did you mean upf-1?)",
        ),
        (
            changed(components={"amf": {"role": "core-control", "host": "ru-1", "supports": ["up-1"]}}),
            "components.amf.supports[0]: there is no component 'up-1' under components (did you mean upf-1?)",
        ),
        (
            changed(applications={"a": {"path": ["ru-1", "du1", "upf-1"]}}),
            "applications.a.path[1]: there is no component 'du1' under components (did you mean du-1?)",
        ),
        (
            changed(applications={"a": {"models": ["llm"]}}),
            "applications.a.models[0]: there is no component 'llm' under components",
        ),
        (changed(components={"ru-1": {"host": "ru-2"}}), "components.ru-1.host: there is no host 'ru-2' under hosts"),
        (
            changed(applications={"camera": {"path": ["upf-1"]}}, budgets={"x": {**BUDGET, "application": "Camara"}}),
            "budgets.x.application: there is no application 'Camara' under applications (did you mean camera?)",
        ),
    ],
)
def test_an_unknown_name_gets_the_one_that_was_meant(data: dict[str, Any], line: str) -> None:
    """In every place that refers to a name; nothing where no name is like it, or another number alone."""
    assert line in lines(data)


def test_names_in_capitals_are_suggested_as_they_are_written() -> None:
    data = changed(sites={"HALL": {"grams_per_kwh": 1, "market": "location"}}, hosts={"ru-1": {"site": "hall"}})
    assert lines(data) == ["hosts.ru-1.site: there is no site 'hall' under sites (did you mean HALL?)"]


def test_one_hint_for_a_range() -> None:
    """A hint does not divide mistakes that differ in nothing but numbers."""
    entry = {"site": "factroy", "power": [{"rapl": "x-[1-3]"}]}
    message = (
        "hosts.x-[1-3].site: there is no site 'factroy' under sites (and 2 more like this) (did you mean factory?)"
    )
    assert lines(changed(hosts={"x-[1-3]": entry})) == [message]


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ({"power": [{"watts": "1.2 kW"}]}, "hosts.ru-1.power[0].watts: must be in watts, without the unit: write 1200"),
        ({"power": [{"watts": "65W"}]}, "hosts.ru-1.power[0].watts: must be in watts, without the unit: write 65"),
        ({"max_watts": "0.5MW"}, "hosts.ru-1.max_watts: must be in watts, without the unit: write 500000"),
        ({"static_watts": "250 mW"}, "hosts.ru-1.static_watts: must be in watts, without the unit: write 0.25"),
        ({"static_watts": "70 V"}, "hosts.ru-1.static_watts: must be a number"),
    ],
)
def test_watts_with_a_unit(host: dict[str, Any], line: str) -> None:
    assert lines(changed(hosts={"ru-1": host})) == [line]


def test_a_mistake_does_not_hide_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(yaml.safe_dump(changed(window="2h", hosts={"ru-1": {"site": 5}})))
    warnings: list[str] = []
    with pytest.raises(UsageError) as caught:
        read(file, warnings.append)
    assert [line.partition(": ")[2] for line in caught.value.messages] == [
        "hosts.ru-1.site: must be a string: put it in quotes"
    ]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{file}: warning: window: is longer than an hour")


@pytest.mark.parametrize(
    ("site", "line"),
    [
        ({"market": 40}, "market: must be a mapping of keys, such as {grams_per_kwh: 48}, or location"),
        ({"price": "0.21 EUR"}, "price: must be a mapping of keys, such as {currency: EUR, per_kwh: 0.21}"),
        ({"overhead": "pue"}, "overhead: must be a number, such as 1.3, or {query: 'pue{hall=\"1\"}'}"),
        ({"overhead": "130%"}, "overhead: must be a number: write 130% as 1.3"),
        (
            {"overhead": 0.3},
            "overhead: must be greater than or equal to 1: write 1.3 where cooling and losses add 0.3",
        ),
        ({"overhead": "1,3"}, "overhead: must be a number: write 1.3, with a point and without quotes"),
    ],
)
def test_a_value_in_another_form_gets_an_example(site: dict[str, Any], line: str) -> None:
    assert lines(changed(sites={"edge": site})) == [f"sites.edge.{line}"]


def test_a_key_that_resembles_no_other_gets_the_list_of_keys() -> None:
    (line,) = lines(changed(sites={"edge": {"pue": 1.3}}))
    assert line == (
        "sites.edge.pue: unknown key 'pue': the keys are grams_per_kwh, grid_zone, source, boundary, market, factor, "
        "supply, overhead, price"
    )
