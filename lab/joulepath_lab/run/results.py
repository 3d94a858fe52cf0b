# SPDX-License-Identifier: Apache-2.0
"""The figures that the rules recorded over an interval, beside the truth over the same interval."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from joulepath_lab.scenarios.scenario import UNATTRIBUTED, Scenario
from joulepath_lab.truth.truth import Truth
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.results import Sample

OTHERS = "device|support"
"""Segments of an application beside network and model."""
_TOPOLOGY = "$topology"
"""Stands for the label of one topology, in each selector of the expressions below."""


@dataclass(frozen=True)
class Application:
    """Means over the interval; watts are end to end along the declared path."""

    network_static_watts: float
    network_dynamic_watts: float
    compute_watts: float
    other_watts: float
    """Of devices, and of what supports the path; 0 without any."""
    total_watts: float
    co2_grams_per_hour: float
    network_share: float
    joules_per_megabit: float
    joules_per_inference: float
    truth_total_watts: float


@dataclass(frozen=True)
class Component:
    """Means over the interval: a component's watts, and those that no application got."""

    watts: float
    truth_watts: float
    attributed_watts: float
    unattributed_watts: float
    truth_unattributed_watts: float


@dataclass(frozen=True)
class Host:
    """Means over the interval: the recorded power, and its part that belongs to no component."""

    watts: float
    truth_watts: float
    unattributed_watts: float
    truth_unattributed_watts: float


@dataclass(frozen=True)
class Results:
    """Everything the demo shows and writes."""

    applications: Mapping[str, Application]
    components: Mapping[str, Component]
    hosts: Mapping[str, Host]
    worst_error_ratio: float
    worst_conservation_error_ratio: float
    stamping: str

    def as_json(self) -> dict[str, Any]:
        """Plain data, field by field."""
        return asdict(self)


def measure(
    prometheus: Prometheus,
    truth: Truth,
    applications: Iterable[str],
    *,
    scenario: Scenario,
    topology: str,
    interval: tuple[float, float],
    window: float,
    stamping: str,
) -> Results:
    """Means over the evaluations within `interval` [seconds since the epoch]; `window` [s] is what one looks back.

    Raises LookupError when a figure is missing: a gap is not averaged away.
    """
    begin, end = interval
    parts = f'application:power_part_watts{{topology="{topology}"}}[{end - begin:.0f}s]'
    instants = sorted({sample.at for sample in prometheus.samples(parts, end)})
    if not instants:
        raise LookupError("no evaluation of the rules falls into the interval")
    windows = [(at - window, at) for at in instants]
    reader = _Reader(prometheus, topology, instants)
    measured = {name: _application(reader, truth, scenario, name, windows) for name in applications}
    components = {name: _component(reader, truth, name, windows) for name in scenario.components}
    hosts = {name: _host(reader, truth, name, windows) for name in scenario.machines}
    errors = [
        *(_error(row.total_watts, row.truth_total_watts) for row in measured.values()),
        *(_error(row.watts, row.truth_watts) for row in components.values()),
        *(_error(row.unattributed_watts, row.truth_unattributed_watts) for row in components.values()),
        *(_error(row.unattributed_watts, row.truth_unattributed_watts, row.truth_watts) for row in hosts.values()),
        *(_error(row.watts, row.truth_watts) for row in hosts.values()),
    ]
    # Relative, the largest seen at any evaluation: of the plug that a component hangs on, and of all plugs. GPUs are
    # metered inside a plug.
    plugs = f'sum(source:power_watts{{{_TOPOLOGY},tier="1",gpu=""}})'
    conservation = reader.worst(
        *(
            f"abs({level}:conservation_error_watts{{{_TOPOLOGY}}})"
            f" / on (host) group_left () host:power_watts{{{_TOPOLOGY}}}"
            for level in ("host", "component")
        ),
        f"abs(sum(application_component:power_watts{{{_TOPOLOGY}}}) / {plugs} - 1)",
    )
    return Results(measured, components, hosts, max(errors), conservation, stamping)


class _Reader:
    """Reads expressions at every instant."""

    def __init__(self, prometheus: Prometheus, topology: str, instants: Sequence[float]) -> None:
        self._prometheus = prometheus
        self._label = f'topology="{topology}"'
        self._instants = instants

    def mean(self, promql: str) -> float:
        """The mean of a one-series expression. Raises LookupError if it has no value at some instant."""
        values = []
        for at, samples in self._ask(promql):
            if len(samples) != 1:
                expression = promql.replace(_TOPOLOGY, self._label)
                raise LookupError(f"{expression}: {len(samples)} values at {at}, 1 expected")
            values.append(samples[0].value)
        return fmean(values)

    def worst(self, *expressions: str) -> float:
        """The largest value of any series at any instant."""
        return max(sample.value for promql in expressions for _, samples in self._ask(promql) for sample in samples)

    def _ask(self, promql: str) -> Iterator[tuple[float, Sequence[Sample]]]:
        """The answer at every instant."""
        expression = promql.replace(_TOPOLOGY, self._label)
        for at in self._instants:
            yield at, self._prometheus.query(expression, at)


def _application(
    reader: _Reader, truth: Truth, scenario: Scenario, name: str, windows: Sequence[tuple[float, float]]
) -> Application:
    application = f'{_TOPOLOGY},application="{name}"'
    selector = f"{{{application}}}"
    network = f'sum(application:power_watts{{{application},segment="network"}})'
    # The parts come from the slower group, an evaluation earlier; their ratio splits the power of the same instant.
    parts = f'application:power_part_watts{{{application},segment="network"'
    static = f'{network} * sum({parts},part="static"}}) / sum({parts}}})'
    return Application(
        network_static_watts=reader.mean(static),
        network_dynamic_watts=reader.mean(f"{network} - {static}"),
        compute_watts=reader.mean(f'sum(application:power_watts{{{application},segment="model"}})'),
        other_watts=reader.mean(f'sum(application:power_watts{{{application},segment=~"{OTHERS}"}}) or vector(0)'),
        total_watts=reader.mean(f"sum(application:power_watts{selector})"),
        co2_grams_per_hour=3600
        * reader.mean(f'sum(application:co2_grams_per_second{{{application},basis="location"}})'),
        network_share=reader.mean(f"application:network_power:ratio{selector}"),
        joules_per_megabit=1e6 * reader.mean(f"application:joules_per_bit{selector}"),
        joules_per_inference=reader.mean(f"application:joules_per_inference{selector}"),
        truth_total_watts=fmean(
            sum(truth.component(component, *window)[name].total for component in scenario.components)
            for window in windows
        ),
    )


def _component(reader: _Reader, truth: Truth, name: str, windows: Sequence[tuple[float, float]]) -> Component:
    pairs = f'application_component:power_watts{{{_TOPOLOGY},component="{name}",application'
    shares = [truth.component(name, *window) for window in windows]
    return Component(
        watts=reader.mean(f'sum(component:power_watts{{{_TOPOLOGY},component="{name}"}})'),
        truth_watts=fmean(sum(share.total for share in each.values()) for each in shares),
        attributed_watts=reader.mean(f'sum({pairs}!="{UNATTRIBUTED}"}})'),
        unattributed_watts=reader.mean(f'sum({pairs}="{UNATTRIBUTED}"}})'),
        truth_unattributed_watts=fmean(each[UNATTRIBUTED].total for each in shares),
    )


def _host(reader: _Reader, truth: Truth, name: str, windows: Sequence[tuple[float, float]]) -> Host:
    # A host that is one component's alone has no row for the rest.
    rest = f'sum(component:power_watts{{{_TOPOLOGY},host="{name}",component="{UNATTRIBUTED}"}}) or vector(0)'
    return Host(
        watts=reader.mean(f'host:power_watts{{{_TOPOLOGY},host="{name}"}}'),
        truth_watts=fmean(truth.host(name, *window) for window in windows),
        unattributed_watts=reader.mean(rest),
        truth_unattributed_watts=fmean(truth.host_unattributed(name, *window) for window in windows),
    )


def _error(measured: float, true: float, scale: float | None = None) -> float:
    """Relative to the truth; where the truth is nothing, to `scale`."""
    if true > 1e-9:
        return abs(measured - true) / true
    return abs(measured - true) / scale if scale else abs(measured - true)
