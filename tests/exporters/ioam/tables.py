# SPDX-License-Identifier: Apache-2.0
"""Tables with a clock of their own, and what a scraper reads of them."""

from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed
from prometheus_client.samples import Sample

from joulepath.ioam.backend.source import TrafficReading
from joulepath.ioam.collector import families
from joulepath.ioam.settings import Bounds, Namespace, Point, Settings
from joulepath.ioam.table.counters import Table
from joulepath.ioam.wire.decode import Options, Trace
from joulepath.metrics import registry
from tests.exporters.ioam.bench import TRACE_ID

POINT = Point("eth0", "received", 4, "uplink", path=True)
ID = TRACE_ID
ANY = Bounds(100, 50)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def table(
    namespace: Namespace | None = None, bounds: Bounds | None = None, clock: Clock | None = None, **more: object
) -> Table:
    """Trace 00..0f of namespace 123 is configured."""
    namespaces = {123: namespace or Namespace(ids=frozenset({ID}))}
    settings = Settings(points=(POINT,), namespaces=namespaces, bounds=bounds, **more)  # type: ignore[arg-type]
    return Table(settings, clock or Clock())


def see(counters: Table, *traces: Trace, packets: int = 1, octets: int = 100) -> None:
    node = counters.node(4, "uplink")
    node.user.add(packets, octets)
    counters.count_trace(node, Options(traces, 44), packets, octets, path=True)


def samples(counters: Table, epoch: float | None = None) -> list[Sample]:
    """The samples that a scraper of OpenMetrics reads."""
    reading = TrafficReading(counters.snapshot(), 0, ())
    text = openmetrics(registry(lambda: families(reading, epoch))).decode()  # type: ignore[no-untyped-call]
    return [sample for family in parsed(text) for sample in family.samples]  # type: ignore[no-untyped-call]


def scrape(counters: Table, epoch: float | None = None) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for sample in samples(counters, epoch)
    }


def trace(trace_id: bytes | None = ID, nodes: tuple[int, ...] = (), namespace: int = 123, **more: object) -> Trace:
    return Trace(namespace, trace_id, nodes, overflow=False, **more)  # type: ignore[arg-type]


CONFIGURED = ("ioam_trace_packets_total", "uplink", "123", "4", ID.hex())
STRANGER = bytes(16)
DYNAMIC = ("ioam_trace_packets_total", "uplink", "123", "4", STRANGER.hex())


def exemplars(counters: Table) -> dict[str, dict[str, str]]:
    """By trace id, the labels of the exemplar."""
    return {sample.labels["trace_id"]: sample.exemplar.labels for sample in samples(counters) if sample.exemplar}
