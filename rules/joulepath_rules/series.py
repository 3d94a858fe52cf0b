# SPDX-License-Identifier: Apache-2.0
"""The recorded series as data: name, labels, unit, meaning. Documentation, dashboards and tests derive from it.

Every series also has the label `topology`.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """One recorded name."""

    name: str
    labels: tuple[str, ...]
    """All labels that it can have, without `topology`."""
    unit: str
    meaning: str
    public: bool
    """Part of the interface. The others are steps in between and may change."""


def _series(*rows: tuple[str, str, str, str], public: bool) -> tuple[Series, ...]:
    return tuple(Series(name, tuple(labels.split()), unit, meaning, public) for name, labels, unit, meaning in rows)


PUBLIC = _series(
    ("attribution:heartbeat", "", "", "1 at every evaluation"),
    ("host:power_watts", "host site", "W", "complete or absent"),
    (
        "host:power_source:info", "host tier method", "",
        "which tier counts; method `measured`, `modelled` (scaled, or with an offset) or `declared` (a constant)",
    ),
    ("host:missing:info", "host tier source", "", "1 for each source that was not read"),
    (
        "component:power_watts", "component host site segment part", "W",
        "part `static`, `dynamic` or `undivided`; with `unattributed`",
    ),
    (
        "component:unmeasured:info", "component host", "",
        "its share is not known; its watts are in the host's `unattributed`",
    ),
    (
        "application_component:power_watts", "application component host site segment", "W",
        "with `unattributed`; adds up to the component, and to the host. 0 W is known, an absent row is not known",
    ),
    (
        "application:power_watts", "application segment", "W",
        "only while every component of its path is known; `unattributed` while every host is. 0 W is a measurement",
    ),
    ("application:power_covered_watts", "application segment", "W", "the part of it that is known"),
    ("application:complete:info", "application", "", "1 while `application:power_watts` may be read as a total"),
    (
        "application:missing:info", "application component host", "",
        "1 for each component at which its share is not known",
    ),
    (
        "application:power_part_watts", "application segment part", "W",
        "the same divided by part; without `unattributed`",
    ),
    (
        "application:co2_grams_per_second", "application segment basis", "g/s",
        "basis `location` (the grid) or `market` (the contract); absent while a site that it touches has no factor",
    ),
    (
        "application:bits:rate", "application", "bit/s",
        "the sum over its traces, each at the hop that sees most of it; both directions",
    ),
    ("application:inferences:rate", "application", "1/s", "requests over its models"),
    ("application:tokens:rate", "application", "1/s", "generated tokens over its models"),
    ("application:joules_per_bit", "application", "J", "of the segment `network`"),
    ("application:joules_per_inference", "application", "J", "of the whole path, all segments"),
    ("application:joules_per_token", "application", "J", "of the whole path, all segments"),
    ("application:network_power:ratio", "application", "", "the network's part of all segments, 0 to 1"),
    ("application:network_co2:ratio", "application", "", "the same of its location-based CO2"),
    (
        "application:power_modelled:ratio", "application", "",
        "the part that rests on modelled or declared hosts, 0 to 1",
    ),
    (
        "node:measured:ratio", "node_id", "",
        "the part of the window in which the node's packets were counted, 0.5 to 1; absent below",
    ),
    ("host:conservation_error_watts", "host", "W", "the host against the applications on it: about 1e-13"),
    (
        "component:conservation_error_watts", "component host", "W",
        "the component against its applications: about 1e-13",
    ),
    ("application:energy_joules:1h", "application segment", "J", "energy of a closed UTC hour; one sample an hour"),
    ("application:co2_grams:1h", "application segment basis", "g", "its CO2"),
    (
        "application:coverage:ratio:1h", "application", "",
        "the part of the hour in which `application:power_watts` was there, 0 to 1",
    ),
    ("budget:energy_joules", "application budget per", "J", "used in the running hour, day or month (UTC)"),
    (
        "budget:coverage:ratio", "application budget per", "",
        "the known part of the time that has passed of the period, 0 to 1",
    ),
    ("budget:projected_joules", "application budget per", "J", "at the period's end, at the present power"),
    ("budget:limit_joules", "application budget per", "J", "the budget"),
    public=True,
)  # fmt: skip

STEPS = _series(
    (
        "source:power_watts", "host site tier method source kind instance outlet chassis", "W",
        "one plug, times its scale",
    ),
    ("host_tier:power_watts", "host site tier method", "W", "each tier that is complete"),
    ("host:power_part_watts", "host site part", "W", "the host by part"),
    ("adapter:active:rate", "component host unit", "", "the active work of a component, in the unit of its source"),
    ("adapter:host_active:rate", "host unit", "", "the active work of a host"),
    (
        "adapter:traffic:rate", "counter application ioam_namespace trace_id by unit", "1/s",
        "traffic by application or trace, from PromQL",
    ),
    ("adapter:whole:rate", "counter by", "1/s", "total traffic, from PromQL"),
    (
        "adapter:steady:info", "counter", "",
        "1 while every target of a counter from PromQL was read at both ends of the window",
    ),
    ("component:active_unit:ratio", "component host unit", "", "a component's part of its host's work, in one unit"),
    ("component:active:ratio", "component host", "", "the same over all units"),
    ("node:user:rate", "node_id by", "1/s", "all user packets or bytes of a node"),
    ("node:traced:rate", "node_id by", "1/s", "the same where all of them carry a trace"),
    ("component:counted:rate", "component by", "1/s", "all traffic where the component's is counted"),
    ("component:traced:rate", "component by", "1/s", "the same, of the declared applications"),
    ("component:passing:rate", "component by", "1/s", "all traffic of the component itself, if anchored"),
    ("component:whole:rate", "component by", "1/s", "the whole of which its shares are taken, if anchored"),
    ("component:watts_per_amount", "component node_id by", "W s", "watts for a packet/s or a byte/s"),
    ("component_part:watts_per_amount", "component node_id part by", "W s", "the same by part"),
    ("domain:power_watts", "domain", "W", "components with the same supporters"),
    ("application_domain:power_watts", "application domain", "W", "an application in them"),
    ("component:watts_per_supported_watt", "component", "", "of a supporting component"),
    ("application_site:power_watts", "application segment site", "W", "an application at a site"),
    ("site:co2_grams_per_joule", "site basis", "g/J", "overhead * g/kWh / 3.6e6"),
    ("application_raw:co2_grams_per_second", "application segment basis", "g/s", "NaN where a factor is missing"),
    ("budget:elapsed_seconds", "per", "s", "of the running period"),
    ("budget:start_seconds", "per", "s", "Unix time at which it began"),
    ("budget:length_seconds", "per", "s", "of the period"),
    ("budget_component:watts:sum", "application budget per component", "W", "mean watts of the period's steps, added"),
    (
        "budget_component:steps:count", "application budget per component", "",
        "steps in which the component was measured",
    ),
    *(
        (
            f"application_component:power_watts:avg{step}", "application component host site segment", "W",
            f"mean of a step of a budget {per}",
        )
        for step, per in (("1m", "by the hour"), ("5m", "by the day"), ("1h", "by the month"))
    ),
    public=False,
)  # fmt: skip

SERIES = {series.name: series for series in (*PUBLIC, *STEPS)}


def table(series: Iterable[Series]) -> str:
    """A table in Markdown, one row for each."""
    lines = (_row(f"`{each.name}`", ", ".join(each.labels), each.unit, each.meaning) for each in series)
    return "".join([_row("series", "labels", "unit", "meaning"), "|---|---|---|---|\n", *lines])


def _row(*cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"
