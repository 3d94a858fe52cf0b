# SPDX-License-Identifier: Apache-2.0
"""The server at one instant: each question is asked once, however many checks ask it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.results import Sample, Series
from joulepath_prometheus.state import RuleGroup, Target

T = TypeVar("T")


class Server:
    """Answers of a server about the time from `begin` to `end`, both Unix seconds of its own clock.

    Every question raises PrometheusError, as those of Prometheus do.
    """

    def __init__(self, prometheus: Prometheus, begin: float, end: float) -> None:
        self._prometheus = prometheus
        self.begin, self.end = begin, end
        self._answers: dict[tuple[object, ...], object] = {}

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._prometheus.url

    def query(self, promql: str, at: float | None = None) -> Sequence[Sample]:
        """The instant vector at `end`, or at another time."""
        moment = self.end if at is None else at
        return self._once(lambda: self._prometheus.query(promql, moment), "query", promql, moment)

    def query_range(self, promql: str, step: float) -> Sequence[Series]:
        """The values from `begin` to `end`, every `step` seconds."""
        return self._once(
            lambda: self._prometheus.query_range(promql, self.begin, self.end, step), "range", promql, step
        )

    def series(self, *selectors: str) -> Sequence[Mapping[str, str]]:
        """The labels of the series that one of the selectors matches between `begin` and `end`."""
        return self._once(
            lambda: self._prometheus.series(*selectors, begin=self.begin, end=self.end), "series", *selectors
        )

    def label_values(self, label: str, *selectors: str) -> Sequence[str]:
        """The values of a label between `begin` and `end`: of all series, or of those that a selector matches."""
        return self._once(
            lambda: self._prometheus.label_values(label, *selectors, begin=self.begin, end=self.end),
            "values", label, *selectors,
        )  # fmt: skip

    def targets(self) -> Sequence[Target]:
        """The targets that are scraped."""
        return self._once(self._prometheus.targets, "targets")

    def rules(self) -> Sequence[RuleGroup]:
        """The rule groups."""
        return self._once(self._prometheus.rules, "rules")

    def build_info(self) -> Mapping[str, str]:
        """The server's `version` and what it was built from."""
        return self._once(self._prometheus.build_info, "build")

    def flags(self) -> Mapping[str, str]:
        """The options that the server was started with."""
        return self._once(self._prometheus.flags, "flags")

    def retention(self) -> str:
        """How long samples are kept: `15d`, or `15d or 10GiB`."""
        return self._once(self._prometheus.retention, "retention")

    def started(self) -> float | None:
        """When the server started [Unix s]; None where it does not say so."""
        return self._once(self._prometheus.started, "started")

    def _once(self, ask: Callable[[], T], *key: object) -> T:
        if key not in self._answers:
            self._answers[key] = ask()
        answer: T = self._answers[key]  # type: ignore[assignment]  # by its key, of the same question
        return answer
