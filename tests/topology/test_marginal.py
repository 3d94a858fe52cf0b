# SPDX-License-Identifier: Apache-2.0
"""Marginal power of components in a topology file."""

from typing import Any

import pytest

from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit


def with_entries(*entries: Any, component: str = "upf-1") -> dict[str, Any]:
    """The factory with these at one component; power of the others does not follow traffic."""
    still = {name: {"marginal": [{"joules": 0}]} for name in ("ru-1", "du-1", "upf-1")}
    return changed(components=still | {component: {"marginal": list(entries)}})


def test_an_entry_is_a_number_with_its_unit() -> None:
    known = {"per": "bytes", "joules": 2e-6, "low": 1e-6, "high": 3e-6, "method": "calibrated"}
    topology = sound(
        with_entries(known, {"per": "packets", "joules": 0.01}, {"per": "bytes", "joules": 0, "application": "a"})
    )
    (first, *others) = topology.components["upf-1"].marginal
    assert (first.joules, first.amount, first.method) == (2e-6, "volume", "calibrated")
    assert [(entry.amount, entry.method) for entry in others] == [("count", "declared"), ("volume", "declared")]
    sound(with_entries({"joules": 0}, component="ru-1"))


def test_a_small_number_needs_no_decimal_point() -> None:
    """YAML 1.1 reads `2e-6` as text."""
    (entry,) = sound(with_entries({"per": "bytes", "joules": "2e-6"})).components["upf-1"].marginal
    assert entry.joules == 2e-6


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([{"joules": 1}], ": needs per: the unit, one of packets, bytes, requests, tokens"),
        (
            [{"per": "bytes", "joules": 1, "most": 9}],
            ": least and most belong together: the traffic at which it was measured",
        ),
        ([{"per": "bytes", "joules": 1, "least": 9, "most": 8}], ": least is 9, above most, 8"),
        ([{"per": "bytes", "joules": 1, "low": 1}], ": low and high belong together: the ends of one interval"),
        (
            [{"per": "bytes", "joules": 4, "low": 1, "high": 3}],
            ": joules is 4, outside of low to high, 1 to 3",
        ),
        ([{"per": "bytes", "joules": "2 uJ"}], ".joules: must be a number"),
        ([{"per": "tokens", "joules": 1}], ".per: tokens: this component counts packets and bytes"),
        (
            [{"per": "bytes", "joules": 1, "application": "c"}],
            ".application: there is no application 'c' under applications",
        ),
    ],
)
def test_an_entry_that_makes_no_sense_is_one_line(entries: list[dict[str, Any]], line: str) -> None:
    (found,) = lines(with_entries(*entries))
    assert found == f"components.upf-1.marginal[0]{line}"


def test_the_same_unit_twice_is_a_mistake() -> None:
    entry = {"per": "bytes", "joules": 1}
    (found,) = lines(with_entries(entry, {"per": "packets", "joules": 1}, entry))
    assert found.startswith("components.upf-1.marginal[2]: stands twice for the same unit")


def test_a_component_that_counts_nothing_follows_no_unit() -> None:
    data = changed(components={"upf-1": {"marginal": [{"per": "bytes", "joules": 1}], "traffic": None}})
    assert any(".per: bytes: this component counts nothing: state {joules: 0}" in line for line in lines(data))


def test_an_application_that_does_not_pass_has_no_entry() -> None:
    data = changed(
        hosts={"h": {"site": "edge", "power": [{"pdu": "p", "outlets": ["9"]}]}},
        components={
            "gw": {
                "role": "gateway",
                "host": "h",
                "traffic": {"ioam": 9},
                "marginal": [{"per": "bytes", "joules": 1, "application": "a"}],
            }
        },
    )
    assert "components.gw.marginal[0].application: 'a' does not use this component" in lines(data)


def test_an_application_with_some_slopes_alone_is_a_warning() -> None:
    """Its marginal power would be absent."""
    text = "has no marginal power: ru-1, du-1 state no `marginal`, others on its path do"
    some = changed(components={"upf-1": {"marginal": [{"per": "bytes", "joules": 1}]}})
    assert lines(some) == [f"warning: applications.{name}: {text}" for name in "ab"]
    alone = with_entries({"per": "bytes", "joules": 1, "application": "a"})
    (line,) = lines(alone)
    assert line.startswith("warning: applications.b: has no marginal power: upf-1 state")
