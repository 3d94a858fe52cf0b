# SPDX-License-Identifier: Apache-2.0
"""The questions that a Prometheus answers over its HTTP API, version 1.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from joulepath.log import Once
from joulepath_prometheus.answer import List, Map, decode
from joulepath_prometheus.errors import NoAnswerError, PrometheusError, one_line
from joulepath_prometheus.results import Instant, Matrix, Sample, Scalar, Series, Vector, histograms, samples, series
from joulepath_prometheus.settings import Access
from joulepath_prometheus.state import Metadata, RuleGroup, RuleGroups, RuntimeInfo, Target, Targets
from joulepath_prometheus.transport import MOST_BYTES, Transport

logger = logging.getLogger("joulepath.prometheus")  # below the logger that `joulepath` sets up

TIMEOUT_SECONDS = 30.0


class Prometheus:
    """A server at `url`, such as http://127.0.0.1:9090 or https://metrics.example/prometheus.

    Every question raises PrometheusError with one line that names the URL. Warnings of the server are logged once.
    """

    def __init__(
        self,
        url: str,
        access: Access | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` [s] is for connecting, and for one whole answer. Raises UsageError for a URL that is not one."""
        self._transport = Transport(url, access or Access(), timeout=timeout, most_bytes=most_bytes, clock=clock)
        self._timeout = timeout
        self._once = Once()

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end."""
        return self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; a later question opens new ones."""
        self._transport.close()

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._transport.ask("/-/ready").status == 200
        except NoAnswerError:
            return False

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """The instant vector, or the scalar, at a time; without one, now."""
        moment = [] if at is None else [("time", _number(at))]
        data: Vector | Scalar = self._evaluate("query", [("query", promql), *moment], Instant)
        return list(samples(data))

    def samples(self, selector: str, at: float) -> list[Sample]:
        """Every stored sample of a range selector, for example `x[60s]`, at its own time."""
        data: Matrix = self._evaluate("query", [("query", selector), ("time", _number(at))], Matrix)
        return [Sample(one.labels, *point) for one in series(data) for point in one.points]

    def query_range(self, promql: str, begin: float, end: float, step: float) -> list[Series]:
        """The values from `begin` to `end`, both included, every `step` seconds; at most 11,000 points a series."""
        times = [(name, _number(value)) for name, value in (("start", begin), ("end", end), ("step", step))]
        data: Matrix = self._evaluate("query_range", [("query", promql), *times], Matrix)
        return list(series(data))

    def series(self, *selectors: str, begin: float | None = None, end: float | None = None) -> list[Mapping[str, str]]:
        """The labels of the series that one of the selectors matches."""
        parameters = [("match[]", selector) for selector in selectors] + _interval(begin, end)
        return list(self._ask("series", parameters, List[Map[str]], may_post=True))

    def label_values(
        self, label: str, *selectors: str, begin: float | None = None, end: float | None = None
    ) -> list[str]:
        """The values of a label, of all series or of those that one of the selectors matches."""
        parameters = [("match[]", selector) for selector in selectors] + _interval(begin, end)
        return list(self._ask(f"label/{quote(label, safe='')}/values", parameters, List[str]))

    def targets(self) -> Sequence[Target]:
        """The targets that are scraped."""
        answer: Targets = self._ask("targets", [("state", "active")], Targets)
        return answer.active_targets

    def rules(self) -> Sequence[RuleGroup]:
        """The rule groups."""
        answer: RuleGroups = self._ask("rules", [], RuleGroups)
        return answer.groups

    def metadata(self, metric: str = "") -> Mapping[str, Sequence[Metadata]]:
        """Type, help and unit by metric: of one, or of all."""
        answer: Mapping[str, Sequence[Metadata]] = self._ask(
            "metadata", [("metric", metric)] if metric else [], Map[List[Metadata]]
        )
        return answer

    def build_info(self) -> Mapping[str, str]:
        """The server's `version` and what it was built from."""
        answer: Mapping[str, str] = self._ask("status/buildinfo", [], Map[str])
        return answer

    def flags(self) -> Mapping[str, str]:
        """The options that the server was started with, by name without dashes."""
        answer: Mapping[str, str] = self._ask("status/flags", [], Map[str])
        return answer

    def retention(self) -> str:
        """How long samples are kept, in the server's words: `15d`, or `15d or 10GiB`."""
        return self._runtime().storage_retention

    def started(self) -> float | None:
        """When the server started [Unix s]; None where it does not say so."""
        return self._runtime().start_time

    def _runtime(self) -> RuntimeInfo:
        answer: RuntimeInfo = self._ask("status/runtimeinfo", [], RuntimeInfo)
        return answer

    def _evaluate(self, path: str, parameters: list[tuple[str, str]], data: Any) -> Any:
        """The data of a query."""
        answer = self._ask(path, [*parameters, ("timeout", _number(self._timeout))], data, may_post=True)
        if left_out := histograms(answer):
            self._log(logging.WARNING, f"{left_out} series have native histograms, which are left out: query floats")
        return answer

    def _ask(self, path: str, parameters: Sequence[tuple[str, str]], data: Any, *, may_post: bool = False) -> Any:
        """The data of an answer, of the type `data`. Raises PrometheusError."""
        reply = self._transport.ask(f"/api/v1/{path}", parameters, may_post=may_post)
        try:
            answer = decode(reply, data)
        except PrometheusError as error:
            raise type(error)(f"{self.url}: {error}") from None
        for text in answer.notes:
            self._log(logging.WARNING, text)
        for text in answer.infos:
            self._log(logging.INFO, text)
        return answer.data

    def _log(self, level: int, text: str) -> None:
        line = f"{self.url}: {one_line(text)}"
        if self._once.is_new(line):
            logger.log(level, "%s", line)


def _number(value: float) -> str:
    """Seconds, to the millisecond that Prometheus stores."""
    return f"{value:.3f}"


def _interval(begin: float | None, end: float | None) -> list[tuple[str, str]]:
    return [(name, _number(value)) for name, value in (("start", begin), ("end", end)) if value is not None]
