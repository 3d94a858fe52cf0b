# SPDX-License-Identifier: Apache-2.0
"""The recorded series as data: name, labels, unit, meaning. Documentation, dashboards and tests derive from it.

Every series also has the label `topology`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from joulepath_topology.meters import PARTS
from joulepath_topology.ways import WAYS


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


_BUDGET = "application site LABEL budget per time_zone"
_RATIO = f"{_BUDGET} quantity basis currency"
_RUNNING = "per time_zone"
_PART = "of application site part quantity basis currency"

PUBLIC = _series(
    ("attribution:heartbeat", "", "", "1 at every evaluation"),
    ("host:power_watts", "host site", "W", "power of a host; complete or absent"),
    (
        "host:power_source:info", "host tier method", "",
        "which tier counts; method `measured`, `modelled` (a power model, scale, offset) or `declared` (a constant)",
    ),
    ("host:missing:info", "host tier source", "", "1 for each source that was not read"),
    (
        "component:power_watts", "component host site segment part", "W",
        "power of a component by part: `static`, `dynamic` or `undivided`; with `unattributed`",
    ),
    (
        "component:policy:ratio", "component part by", "",
        "the weight, 0 to 1, with which a part of its power follows an amount; that of none is `unattributed`",
    ),
    (
        "component:unmeasured:info", "component host", "",
        "1 while its share is not known; its watts are in the host's `unattributed`",
    ),
    (
        "vm:power_watts", "vm host site part", "W",
        "power of a virtual machine: its components, and what is left inside it",
    ),
    (
        "application_component:power_watts", "application component host site segment", "W",
        "power of an application at a component; with `unattributed` it adds up to the component and to the host",
    ),
    (
        "application:power_watts", "application segment", "W",
        "power of an application while each of its components is known; of `unattributed` while every host is",
    ),
    ("application:power_covered_watts", "application segment", "W", "the part of that power that is known"),
    ("application:complete:info", "application", "", "1 while each of its components is known"),
    (
        "application:counted:info", "application counter way", "",
        "how it is counted: `counter` is the component at which, `way` one of " + ", ".join(f"`{way}`" for way in WAYS),
    ),
    (
        "application:missing:info", "application component host", "",
        "1 for each component at which its share is not known",
    ),
    (
        "application:power_part_watts", "application segment part", "W",
        "power of an application by part; without `unattributed`",
    ),
    (
        "application:power_marginal_watts", "application segment method", "W",
        "what its traffic adds to the power of its hosts; `method` is `calibrated`, or `declared` where one number is",
    ),
    (
        "application:power_marginal_low_watts", "application segment method", "W",
        "the lower end of its 95 % interval, where each of its components has one",
    ),
    ("application:power_marginal_high_watts", "application segment method", "W", "the upper end"),
    (
        "application:co2_grams_per_second", "application segment basis", "g/s",
        "by `location` (the grid) or `market` (the contract); absent while one of its sites has no factor",
    ),
    ("site:co2_grams_per_second", "site basis", "g/s", "of all hosts of a site; absent while one is not measured"),
    ("site:overhead:ratio", "site", "", "joules of a site for each joule of its hosts (PUE), at least 1"),
    (
        "site:facility_power_watts", "site", "W",
        "power of all hosts of a site with its overhead, which its supplies deliver",
    ),
    ("supply:share:ratio", "site supply", "", "the part of a site's power that a supply delivers, 0 to 1; 1 in all"),
    ("supply:power_watts", "site supply", "W", "power that a supply delivers, with the overhead of the site"),
    (
        "supply:co2_grams_per_kilowatt_hour", "site supply basis", "g/kWh",
        "the factor of a supply, by `location` or `market`",
    ),
    ("supply:co2_grams_per_second", "site supply basis", "g/s", "CO2 of a supply; together that of the site"),
    (
        "supply:factor:info", "site supply basis factor grid_zone source boundary state", "",
        "1 for the factor that a supply has now; `factor` is `constant`, `average` or `marginal`",
    ),
    ("host:embodied_grams_per_second", "host site", "g/s", "embodied emissions of a host with its GPUs"),
    (
        "application:embodied_grams_per_second", "application segment", "g/s",
        "its part of these, by its part of the power of each host; absent while it uses a host without",
    ),
    (
        "application:sci_grams_per_second", "application", "g/s",
        "CO2 by `location` and embodied emissions, of which the SCI (ISO/IEC 21031) of a unit is a part",
    ),
    ("application:sci_grams_per_inference", "application", "g", "SCI for one request"),
    ("application:sci_grams_per_token", "application", "g", "SCI for one generated token"),
    ("application:sci_grams_per_bit", "application", "g", "SCI for one bit, of all segments"),
    ("application:sci_grams_per_session", "application", "g", "SCI for one session that ends"),
    (
        "application:cost_per_hour", "application segment currency", "1/h",
        "cost by currency, together its whole cost; absent in all currencies while one of its sites has no price",
    ),
    ("site:cost_per_hour", "site currency", "1/h", "of all hosts of a site; absent while one is not measured"),
    (
        "site:price_per_kilowatt_hour", "site currency", "",
        "price of a kWh at the site's meter; that of half a window ago, as the watts are",
    ),
    (
        "application:bits:rate", "application", "bit/s",
        "the sum over its traces and flows, each at the node that sees most of it; both directions",
    ),
    ("application:inferences:rate", "application", "1/s", "requests to all of its models"),
    ("application:tokens:rate", "application", "1/s", "generated tokens of all of its models"),
    ("application:joules_per_bit", "application", "J", "energy of the segment `network` for one bit"),
    ("application:joules_per_inference", "application", "J", "energy of all segments for one request"),
    ("application:joules_per_token", "application", "J", "energy of all segments for one generated token"),
    ("component:inferences:rate", "component", "1/s", "requests to a model, whoever asks"),
    ("component:tokens:rate", "component", "1/s", "generated tokens of a model"),
    ("component:joules_per_inference", "component", "J", "energy of the model alone for one request"),
    ("component:joules_per_token", "component", "J", "energy of the model alone for one generated token"),
    (
        "application:token_power_watts", "application by", "W",
        "power at its models with weights, for tokens of prompts (`input`) and generated ones (`output`)",
    ),
    ("application:weighted_tokens:rate", "application by", "1/s", "the tokens of both kinds at these models"),
    ("application:joules_per_input_token", "application", "J", "energy at these models for one token of a prompt"),
    ("application:joules_per_output_token", "application", "J", "energy at these models for one generated token"),
    ("application:co2_grams_per_inference", "application basis", "g", "CO2 of all segments for one request"),
    ("application:co2_grams_per_token", "application basis", "g", "CO2 of all segments for one generated token"),
    ("application:cost_per_inference", "application currency", "", "cost of all segments for one request"),
    ("application:cost_per_token", "application currency", "", "cost of all segments for one generated token"),
    (
        "application:watts_per_session", "application", "W", "power of all segments for one active user session",
    ),
    ("application:joules_per_session", "application", "J", "energy of all segments for one session that ends"),
    (
        "application:facility_power_watts", "application segment", "W",
        "power with the overhead of its sites (PUE); with `unattributed`",
    ),
    ("host:idle_to_load:ratio", "host site", "", "idle power of a host as a part of its power now, 0 to 1"),
    (
        "application:support_power:ratio", "application", "",
        "the part of its power that is in the segment `support`, 0 to 1",
    ),
    (
        "application:network_power:ratio", "application", "",
        "the part of its power that is in the segment `network`, 0 to 1",
    ),
    (
        "application:network_co2:ratio", "application", "",
        "the part of its CO2 by `location` that is in the segment `network`, 0 to 1",
    ),
    (
        "application:power_modelled:ratio", "application", "",
        "the part of its power that rests on modelled or declared hosts, 0 to 1",
    ),
    (
        "node:measured:ratio", "node_id", "",
        "the measured part of the window, 0.5 to 1; twice that where one exporter is scraped twice; absent below",
    ),
    (
        "flow:power_watts", "source target kind", "W",
        "edges of a graph: `plug/NAME` to `host/NAME` to `component/NAME` to `application/NAME`; `feed`: host to host",
    ),
    ("host:conservation_error_watts", "host", "W", "the host less all applications on it: about 1e-13"),
    (
        "component:conservation_error_watts", "component host", "W",
        "the component less all of its applications: about 1e-13",
    ),
    (
        "LABEL:application_power_watts", "LABEL segment", "W",
        "power of the applications with one value of a label, such as `team`; with `unlabelled` and `unattributed`",
    ),
    (
        "LABEL:application_co2_grams_per_second", "LABEL segment basis", "g/s",
        "CO2 of these applications",
    ),
    ("LABEL:application_cost_per_hour", "LABEL segment currency", "1/h", "cost of these applications"),
    (
        "LABEL:application_embodied_grams_per_second", "LABEL segment", "g/s",
        "embodied emissions of these applications",
    ),
    ("LABEL:application_sci_grams_per_second", "LABEL", "g/s", "CO2 by `location` and embodied emissions of these"),
    (
        "LABEL:application_bits_per_joule", "LABEL", "bit/J",
        "bits of these applications for each joule of their segments `network` and `support`",
    ),
    (
        "LABEL:component_power_watts", "LABEL segment", "W",
        "power of the components with one value of a label, whoever uses them; with `unlabelled` and `unattributed`",
    ),
    ("application:energy_joules:1h", "application segment", "J", "energy in a closed UTC hour; one sample an hour"),
    ("application:co2_grams:1h", "application segment basis", "g", "CO2 in a closed UTC hour; one sample an hour"),
    (
        "application_site:energy_joules:1h", "application segment site", "J",
        "energy at a site in a closed UTC hour; one sample an hour",
    ),
    ("application:cost:1h", "application segment currency", "", "cost in a closed UTC hour; one sample an hour"),
    (
        "application:embodied_grams:1h", "application segment", "g",
        "embodied emissions of a closed UTC hour; one sample an hour",
    ),
    (
        "application:sci_grams:1h", "application", "g",
        "CO2 by `location` and embodied emissions of a closed UTC hour; one sample an hour",
    ),
    (
        "application:coverage:ratio:1h", "application", "",
        "the part of a closed UTC hour in which `application:power_watts` was there, 0 to 1",
    ),
    (
        "budget:energy_joules", _BUDGET, "J",
        "energy used in the running period; `LABEL` is a label that has the budget, or one of the budget's own",
    ),
    ("budget:limit_joules", _BUDGET, "J", "energy that the budget allows"),
    ("budget:remaining_joules", _BUDGET, "J", "energy that is left; negative beyond the limit"),
    ("budget:projected_joules", _BUDGET, "J", "energy at the end of the period, at the present power"),
    ("budget:co2_grams", f"{_BUDGET} basis", "g", "CO2 used in the running period"),
    ("budget:limit_co2_grams", f"{_BUDGET} basis", "g", "CO2 that the budget allows"),
    ("budget:remaining_co2_grams", f"{_BUDGET} basis", "g", "CO2 that is left"),
    ("budget:projected_co2_grams", f"{_BUDGET} basis", "g", "CO2 at the end of the period, at the present rate"),
    ("budget:cost", f"{_BUDGET} currency", "", "cost of the running period, in its currency"),
    ("budget:limit_cost", f"{_BUDGET} currency", "", "cost that the budget allows"),
    ("budget:remaining_cost", f"{_BUDGET} currency", "", "money that is left"),
    ("budget:projected_cost", f"{_BUDGET} currency", "", "cost at the end of the period, at the present rate"),
    ("budget:used:ratio", _RATIO, "", "the used part of any budget; above 1 it is used up"),
    ("budget:projected:ratio", _RATIO, "", "the part that is used at the end of the period, at the present rate"),
    (
        "budget:burn:ratio", _RATIO, "",
        "how fast it is used now: 1 is the rate at which it lasts for exactly one period",
    ),
    ("budget:coverage:ratio", f"{_BUDGET} basis currency", "", "the known part of the elapsed time, 0 to 1"),
    public=True,
)  # fmt: skip

STEPS = _series(
    (
        "source:power_watts", f"host site tier method source kind instance {' '.join(PARTS)} plug feeds", "W",
        "power of one plug, times its scale",
    ),
    ("host_tier:power_watts", "host site tier method", "W", "power of each complete tier"),
    ("host:power_part_watts", "host site part", "W", "power of a host by part"),
    ("adapter:active:ratio", "component host unit", "", "a component's active work / its host's, in one unit"),
    ("adapter:host_active:rate", "host unit", "", "active work of a host, in the unit of its source"),
    (
        "adapter:working:ratio", "component host", "",
        "part of the window in which a component that moves worked on a host",
    ),
    (
        "adapter:requested:amount", "component host", "",
        "requests of a component's running pods on a host, in the unit of the resource",
    ),
    (
        "adapter:traffic:rate", "counter application ioam_namespace trace_id flow by unit", "1/s",
        "traffic by application, trace or flow, from PromQL",
    ),
    ("adapter:whole:rate", "counter by", "1/s", "all traffic, from PromQL"),
    (
        "adapter:seen:rate", "counter application ioam_namespace trace_id flow total by", "1/s",
        "traffic at a node with named instances or in a core, by trace, flow or application; of all with `total`",
    ),
    (
        "adapter:steady:info", "counter", "",
        "1 while every target of a counter from PromQL was read at both ends of the window",
    ),
    ("adapter:vm_active:ratio", "vm host unit", "", "a virtual machine's active work / its host's, in one unit"),
    ("adapter:sessions:sum", "application by", "", "active sessions, and sessions/s that end"),
    ("adapter:supply:watts", "site supply", "W", "what the meter of a supply shows"),
    ("adapter:supply_share:ratio", "site supply", "", "a share that changes with the hour"),
    ("adapter:overhead:ratio", "site", "", "a live overhead"),
    ("supply:metered:ratio", "site supply", "", "the part of a site's power that a supply with a meter delivers"),
    ("embodied:power_watts", "embodied_in", "W", "power of a host with its GPUs"),
    ("host:embodied_grams_per_joule", "host", "g/J", "embodied emissions for a joule of a host or GPU"),
    ("adapter:local_time:seconds", "time_zone", "s", "local time of half a window ago, in seconds since 1970"),
    ("adapter:price_per_kwh:last", "site currency", "", "price of a kWh that changes: by hours, or from a query"),
    ("vm:active:ratio", "vm host", "", "the part of its host's work that is a virtual machine's"),
    ("leaf:sender:info", "leaf sender", "", "which Prometheus of a leaf counts, where leaves record components"),
    ("component:active_unit:ratio", "component host unit", "", "the part of its host's work, in one unit"),
    ("component:active:ratio", "component host", "", "the part of its host's work, over all units"),
    (
        "component:reserved:ratio", "component host site segment", "",
        "the part of its host's capacity that it holds; one that moves holds it while it is there",
    ),
    (
        "node:seen:rate", "node_id ioam_namespace trace_id flow total by", "1/s",
        "packets or bytes of a node, by declared trace or flow; of all with `total`: `user`, `marked`, `traced`",
    ),
    ("node:user:rate", "node_id by", "1/s", "all user packets or bytes of a node"),
    ("node:traced:rate", "node_id by", "1/s", "all packets or bytes of a node that carry a trace"),
    ("component:counted:rate", "component by", "1/s", "all traffic where that of the component is counted"),
    (
        "component:traced:rate", "component by", "1/s",
        "traffic of the declared applications through an anchored component",
    ),
    ("component:passing:rate", "component by", "1/s", "all traffic of an anchored component"),
    ("component:whole:rate", "component by", "1/s", "the same, but not less than `component:traced:rate`"),
    (
        "application_component:policy:amount", "application component host site segment by", "",
        "traffic of an application at a component, where power follows more than traffic",
    ),
    ("component:policy:limit", "component of", "1/s", "where a step begins, and the capacity, as rates are counted"),
    ("component:policy:whole", "component of", "", "all of an amount that is not traffic"),
    (
        "component:step_watts", "component host part of", "W",
        "power of the steps that are needed; with that by which other parts are less",
    ),
    (
        "component_part:policy:watts", "component host part by of", "",
        "watts of a part for one unit of an amount, where power follows more than traffic",
    ),
    (
        "component:watts_per_amount", "component host node_id coverage by", "W s",
        "watts for one packet/s or byte/s, request/s or token/s",
    ),
    ("component_part:watts_per_amount", "component host node_id part by", "W s", "the same for one part"),
    (
        "application_component:traffic:rate", "application component by", "1/s",
        "packets or bytes of an application at a component, or requests or tokens; where marginal power is known",
    ),
    ("domain:power_watts", "domain", "W", "power of the components with the same supporters"),
    ("application_domain:power_watts", "application domain", "W", "power of an application in these components"),
    (
        "component:watts_per_supported_watt", "component host", "",
        "watts of a supporting component for one watt that it supports",
    ),
    ("application_site:power_watts", "application segment site", "W", "power of an application at a site"),
    ("site:co2_grams_per_joule", "site basis", "g/J", "overhead * sum over supplies of share * g/kWh / 3.6e6"),
    ("application_site:cost_per_hour", "application segment site currency", "1/h", "cost of an application at a site"),
    ("application_raw:co2_grams_per_second", "application segment basis", "g/s", "CO2, NaN where a factor is missing"),
    ("history:hour_end_seconds", "", "s", "Unix time at which an hour ended; one sample, when the hour is recorded"),
    ("budget:elapsed_seconds", _RUNNING, "s", "elapsed time of the running period"),
    ("budget:start_seconds", _RUNNING, "s", "Unix time at which the period began"),
    ("budget:length_seconds", _RUNNING, "s", "length of the period"),
    ("budget:local_seconds", _RUNNING, "s", "seconds since 1970 as the clocks of its time zone show them"),
    ("budget:local_start_seconds", _RUNNING, "s", "what these clocks showed when the period began"),
    ("history:half_hour_end_seconds", "", "s", "the same of half an hour, for budgets in some time zones"),
    ("history:quarter_hour_end_seconds", "", "s", "the same of a quarter of an hour"),
    (
        "budget_part:known_amount:1h", _PART, "",
        "known J, g or money of what has budgets, by part, in a closed hour",
    ),
    ("budget_part:known_seconds:1h", _PART, "s", "the time of a closed hour in which the part was known"),
    ("budget_part:first_seconds:1h", _PART, "s", "Unix time of a closed hour's end, less its known time"),
    ("budget_part:known_amount:30m", _PART, "", "the same of half an hour, for time zones that begin their days there"),
    ("budget_part:known_seconds:30m", _PART, "s", "known time of half an hour"),
    ("budget_part:first_seconds:30m", _PART, "s", "end of half an hour, less its known time"),
    ("budget_part:known_amount:15m", _PART, "", "the same of a quarter of an hour"),
    ("budget_part:known_seconds:15m", _PART, "s", "known time of a quarter of an hour"),
    ("budget_part:first_seconds:15m", _PART, "s", "end of a quarter of an hour, less its known time"),
    ("budget_part:known_amount", f"{_PART} {_RUNNING}", "", "its known J, g or money in the running period"),
    ("budget_part:known_seconds", f"{_PART} {_RUNNING}", "s", "the time in which it was known"),
    (
        "budget_part:first_seconds", f"{_PART} {_RUNNING}", "s",
        "Unix time of the first measurement that the period's rules see",
    ),
    ("budget_part:charged_seconds", f"{_PART} {_RUNNING}", "s", "the time that budgets charge"),
    public=False,
)  # fmt: skip

SERIES = {series.name: series for series in (*PUBLIC, *STEPS)}


def table(series: Iterable[Series]) -> str:
    """A table in Markdown, one row for each."""
    lines = (_row(f"`{each.name}`", ", ".join(each.labels), each.unit, each.meaning) for each in series)
    return "".join([_row("series", "labels", "unit", "meaning"), "|---|---|---|---|\n", *lines])


def _row(*cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"
