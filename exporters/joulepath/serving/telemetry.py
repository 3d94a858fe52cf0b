# SPDX-License-Identifier: Apache-2.0
"""Every exporter's series about itself on `/metrics`, beside its readings."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import Metric, SummaryMetricFamily
from prometheus_client.process_collector import ProcessCollector

from joulepath import __version__
from joulepath.metrics import counter, gauge, summary
from joulepath.web import events

BUILD_INFO = gauge("joulepath_build_info", "Version of the running exporter; always 1.", "version", "exporter")
RELOAD_SUCCESSFUL = gauge(
    "joulepath_config_last_reload_successful",
    "Whether the files of the configuration were taken over when they were last read; 0 means older ones hold.",
)
POLLS = counter(
    "joulepath_polls_total", "Readings of devices or counters so far, by result: success, failure, missed.", "result"
)
POLL_SECONDS = summary("joulepath_poll_duration_seconds", "Time that these readings took, failed ones included.")

METRICS = (BUILD_INFO, RELOAD_SUCCESSFUL, POLLS, POLL_SECONDS, *events.METRICS)


class Telemetry:
    """The families of one process; those named `process_` are prometheus_client's, from /proc."""

    def __init__(
        self,
        exporter: str,
        reload_successful: Callable[[], bool],
        web_events: Callable[[], Iterable[Metric]],
    ) -> None:
        self._exporter = exporter
        self._web_events = web_events
        self._reload_successful = reload_successful
        self._process = ProcessCollector(registry=None)

    def collect(self) -> Iterable[Metric]:
        """As of now."""
        build_info = BUILD_INFO.family()
        build_info.add_metric([__version__, self._exporter], 1)
        yield build_info
        reload = RELOAD_SUCCESSFUL.family()
        reload.add_metric([], self._reload_successful())
        yield reload
        yield from self._web_events()
        yield from self._process.collect()


def polls(by_result: Mapping[str, int], seconds: float) -> Iterable[Metric]:
    """`joulepath_polls_total` and `joulepath_poll_duration_seconds` of polls that took `seconds` together."""
    family = POLLS.family()
    for result, count in by_result.items():
        family.add_metric([result], count)
    yield family
    durations = SummaryMetricFamily(POLL_SECONDS.name, POLL_SECONDS.help, labels=())
    durations.add_metric([], by_result.get("success", 0) + by_result.get("failure", 0), seconds)
    yield durations
