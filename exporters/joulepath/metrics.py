# SPDX-License-Identifier: Apache-2.0
"""How a `metrics.py` states a metric: name, help, labels. The metric reference and the naming test read them too."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as AnyFamily
from prometheus_client.registry import CollectorRegistry

Family = CounterMetricFamily | GaugeMetricFamily

# Labels that Prometheus or its operator attaches to targets: a metric's own would be renamed to exported_*.
TARGET_LABELS = frozenset(
    {"namespace", "pod", "container", "service", "endpoint", "node", "job", "instance", "zone", "region", "cluster"}
)


@dataclass(frozen=True)
class Metric:
    """One metric as a scrape shows it: `name` with its `_total` or `_info`, labels in the order of `add_metric`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge", "summary", "histogram"] = "gauge"

    def family(self) -> Family:
        """A new, empty family; `family.add_metric(label_values, value)` adds a sample."""
        if self.kind == "counter":
            return CounterMetricFamily(self.name.removesuffix("_total"), self.help, labels=self.labels)
        return GaugeMetricFamily(self.name, self.help, labels=self.labels)


@dataclass(frozen=True)
class Shown:
    """A number of the landing page: a gauge, or the rate of a counter. A `metrics.py` lists its own as `SHOWN`."""

    title: str
    unit: str
    metric: Metric
    seconds: Metric | None = None
    """The counter of measured seconds that divides a rate; without it, the time between two looks does."""
    adds: bool = True
    """Whether the sum over all series means something."""
    names: Metric | None = None
    """The `_info` with the labels of `metric`, and in `name` the device's own name of the series."""


def gauge(name: str, help: str, *labels: str) -> Metric:  # noqa: A002  # the exposition format's own word
    """A value that goes up and down, or an `_info` that is always 1."""
    return Metric(name, help, labels, "gauge")


def counter(name: str, help: str, *labels: str) -> Metric:  # noqa: A002  # the exposition format's own word
    """A value that only grows; `name` ends in `_total`."""
    return Metric(name, help, labels, "counter")


def summary(name: str, help: str, *labels: str) -> Metric:  # noqa: A002  # the exposition format's own word
    """A count and a sum, without quantiles: `name_count` and `name_sum`. A SummaryMetricFamily is made of it."""
    return Metric(name, help, labels, "summary")


def histogram(name: str, help: str, *labels: str) -> Metric:  # noqa: A002  # the exposition format's own word
    """A distribution over buckets. A HistogramMetricFamily is made of it."""
    return Metric(name, help, labels, "histogram")


def filled(families: Iterable[Family]) -> Iterable[Family]:
    """Leaves out the families without a sample: what was not read is not mentioned."""
    return (family for family in families if family.samples)


class _Collector:
    """A collector for prometheus_client out of a function."""

    def __init__(self, collect: Callable[[], Iterable[AnyFamily]]) -> None:
        self.collect = collect


def registry(collect: Callable[[], Iterable[AnyFamily]]) -> CollectorRegistry:
    """The input of a scrape: the families that `collect` makes afresh at each call."""
    collectors = CollectorRegistry(auto_describe=False)
    collectors.register(_Collector(collect))
    return collectors
