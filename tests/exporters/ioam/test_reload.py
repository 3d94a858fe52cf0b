# SPDX-License-Identifier: Apache-2.0
"""A changed configuration while packets flow: new traces are counted, no counter begins anew."""

import dataclasses
import itertools
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric

from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.backend.choice import ChosenSource
from joulepath.ioam.backend.packet import PacketSource
from joulepath.ioam.backend.source import TrafficReading
from joulepath.ioam.collector import families
from joulepath.ioam.command import IoamExporter
from joulepath.ioam.config import read
from joulepath.ioam.settings import Before, Bounds, Flow, Match, Namespace, Settings
from joulepath.ioam.table.counters import Table
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter as Running
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.tables import POINT, Clock, see, trace

FIRST, SECOND = "ab" * 16, "cd" * 16
NODE = "ioam_node_packets_total"


def write(path: Path, *ids: str, node_id: int = 4, interface: str = "lo") -> None:
    config = {
        "nodes": [{"node_id": node_id, "interfaces": dict.fromkeys(interface.split(), "uplink")}],
        "namespaces": {123: {"key": "full", "ids": list(ids)}},
    }
    path.with_suffix(".new").write_text(yaml.safe_dump(config))
    path.with_suffix(".new").rename(path)


@pytest.mark.kernel
@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_a_trace_is_added_and_counters_go_on(as_root: None, tmp_path: Path, backend: str) -> None:
    path = tmp_path / "ioam.yaml"
    write(path, FIRST)
    with NetworkNamespace() as namespace, Running(namespace, "--config", str(path), "--backend", backend) as exporter:
        node = (NODE, "uplink", "4")
        until(lambda: exporter.scrape().get(node, 0) > 0)  # its own scrapes pass over lo
        before = exporter.scrape()[node]
        write(path, FIRST, SECOND)
        exporter.hang_up()
        trace = ("ioam_trace_packets_total", "uplink", "123", "4", SECOND)
        until(lambda: trace in exporter.scrape())
        samples = exporter.scrape()
        assert samples[node] > before
        assert samples[trace] == 0
        assert ("ioam_capture_info", backend, "lo") in samples
        write(path, FIRST, interface="nowhere0")
        exporter.hang_up()
        until(lambda: exporter.scrape()[("joulepath_config_last_reload_successful",)] == 0)
        again = exporter.scrape()
        assert again[node] >= samples[node]
        until(lambda: exporter.scrape()[node] > again[node])  # counted as before; scrapes at once share a reading


@pytest.mark.kernel
@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_an_interface_that_is_away_at_a_reload_is_waited_for(as_root: None, tmp_path: Path, backend: str) -> None:
    path = tmp_path / "ioam.yaml"
    write(path, FIRST, interface="lo away0")
    make = "ip link add away0 type veth peer name away1"
    with NetworkNamespace() as namespace:
        namespace.run(make)
        with Running(namespace, "--config", str(path), "--backend", backend) as exporter:
            namespace.run("ip link delete away0")
            write(path, FIRST, SECOND, interface="lo away0 nowhere0")  # never was there: a mistake
            exporter.hang_up()
            until(lambda: exporter.scrape()[("joulepath_config_last_reload_successful",)] == 0)
            node = (NODE, "uplink", "4")
            before = exporter.scrape()[node]
            until(lambda: exporter.scrape()[node] > before)  # what is there is counted
            write(path, FIRST, SECOND, interface="lo away0")
            exporter.hang_up()
            until(lambda: ("ioam_trace_packets_total", "uplink", "123", "4", SECOND) in exporter.scrape())
            namespace.run(make)
            namespace.run("ip link set away0 up")
            until(lambda: ("ioam_capture_info", backend, "away0") in exporter.scrape())


@pytest.mark.kernel
@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_a_reload_leaves_no_descriptor_open(as_root: None, tmp_path: Path, backend: str) -> None:
    path = tmp_path / "ioam.yaml"
    write(path, FIRST)
    with NetworkNamespace() as namespace, Running(namespace, "--config", str(path), "--backend", backend) as exporter:
        pipes = []
        for name in (FIRST, SECOND):
            write(path, FIRST, name, node_id=5)
            exporter.hang_up()
            trace = ("ioam_trace_packets_total", "uplink", "123", "5", name)
            until(partial(_shows, exporter, trace))
            pipes.append(sum(_is_pipe(link) for link in Path(f"/proc/{exporter.pid}/fd").iterdir()))
        assert pipes[0] == pipes[1]


def _shows(exporter: Running, series: tuple[str, ...]) -> bool:
    return series in exporter.scrape()


def _is_pipe(descriptor: Path) -> bool:
    try:
        return descriptor.readlink().name.startswith("pipe:")
    except FileNotFoundError:  # a connection that ends meanwhile
        return False


# Of 100 packets to itself, of an unlisted trace, nothing is read before the source ends.
SEND_AND_STOP = """
import socket, sys
from joulepath.ioam.backend.choice import ChosenSource
from joulepath.ioam.settings import Bounds, Point, Settings
from joulepath.ioam.socket import traced
receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
receiver.bind(("::1", 0))
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
point = Point("lo", "received", 4, "uplink", path=True)
source = ChosenSource(Settings((point,), bounds=Bounds()), sys.argv[1])
source.start()
source.reading()
traced(sender, namespace=123, application="aa", node_id=7, nodes=0)
for _ in range(100):
    sender.sendto(bytes(10), receiver.getsockname())
source.stop()
node, = source.reading().counts.nodes
recorded = (count for path in node.paths.values() for count in path.counts.values())
for count in (node.user, *node.traces.values(), *recorded):
    if count.packets:
        print(count.packets, count.octets)
"""


@pytest.mark.kernel
@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_packets_since_the_last_scrape_count_when_a_source_ends(as_root: None, backend: str) -> None:
    with NetworkNamespace() as namespace:
        output = namespace.python(SEND_AND_STOP, backend)
    assert output == f"100 {100 * (40 + 40 + 8 + 10)}\n" * 3  # of the node, the trace, and the path's one node


class Counting:
    """A source with settings that may be unusable."""

    made: list[Settings]

    def __init__(self) -> None:
        self.made = []

    def __call__(self, settings: Settings) -> PacketSource:
        source = self.made
        source.append(settings)

        class Source(PacketSource):
            def start(self) -> None:
                if settings.points[0].interface == "nowhere":
                    raise JoulepathError("nowhere: no such interface")

            def stop(self) -> None:
                """Has begun nothing."""

        return Source(settings)


@pytest.mark.unit
def test_unusable_settings_leave_the_old_ones_in_force(tmp_path: Path) -> None:
    path = tmp_path / "ioam.yaml"
    write(path, FIRST)
    counting = Counting()
    first = read(path)
    exporter = IoamExporter(first, read=lambda: read(path), file=path, source=counting)
    exporter.start()
    exporter.reload()
    assert counting.made == [first]  # the same: nothing is interrupted
    write(path, FIRST, interface="nowhere")
    with pytest.raises(JoulepathError, match="no such interface"):
        exporter.reload()
    assert dataclasses.replace(counting.made[-1], before=Before()) == first
    write(path, SECOND)
    exporter.reload()
    assert dataclasses.replace(counting.made[-1], before=Before()) == read(path)


@pytest.mark.unit
def test_a_start_goes_on_without_flows_that_the_backend_does_not_know(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ioam.yaml"
    write(path, FIRST)
    own = dataclasses.replace(read(path), flows_file=tmp_path / "flows.yaml", backend="packet")
    both = dataclasses.replace(own, flows=(Flow("pod", (Match(cgroup="/pod"),)),))
    made = list[Settings]()

    class Source(ChosenSource):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            made.append(settings)
            self._source = TableSource(settings, Clock())

    TableSource.made = []
    exporter = IoamExporter(both, source=Source, fallback=own)
    exporter.start()
    assert made == [both, dataclasses.replace(own, before=Before())]
    line = f"{tmp_path}/flows.yaml: flows.pod: `cgroup` is known to the ebpf backend only, for packets sent here"
    assert (exporter.complaints, line in caplog.text) == ([line], True)
    with pytest.raises(UsageError, match="`cgroup` is known"):
        IoamExporter(both, source=Source).start()


class TableSource(PacketSource):
    """Has a table, and no interface."""

    made: list["TableSource"]

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.table = Table(settings, clock)
        self.made.append(self)

    def start(self) -> None:
        """Opens nothing."""

    def stop(self) -> None:
        self.table.end()

    def reading(self) -> TrafficReading:
        return TrafficReading(self.table.snapshot(), 0, ())


def values(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        if family.type != "gauge"
        for sample in family.samples
    }


@pytest.mark.unit
@given(
    st.lists(
        st.one_of(
            st.just("reload"),
            st.integers(1, 2000),
            st.tuples(
                st.sampled_from([123, 9]),
                st.integers(0, 5).map(lambda number: bytes([number]) * 16),
                st.sampled_from([(), (1,), (2, 1), (3, 2, 1)]),
            ),
        )
    )
)
def test_reloads_change_nothing_of_what_is_counted(steps: list[str | int | tuple[int, bytes, tuple[int, ...]]]) -> None:
    """Against a table that is never reloaded: who is a label, what is shown when, and when it was created."""
    clock = Clock()
    ids = [frozenset({bytes(16)}), frozenset({bytes(16), bytes([9]) * 16})]  # what changes with each reload
    settings = [
        Settings((POINT,), {123: Namespace(ids=each)}, bounds=Bounds(3, 2), max_path_nodes=2, hold_seconds=30)
        for each in ids
    ]
    turns = itertools.cycle([settings[1], settings[0]])
    sources: list[TableSource] = []
    TableSource.made = sources
    exporter = IoamExporter(
        settings[0], read=lambda: next(turns), source=lambda settings: TableSource(settings, clock), epoch=0.0
    )
    straight = Table(settings[0], clock)
    seen: dict[tuple[str, ...], float] = {}
    for step in steps:
        if step == "reload":
            exporter.reload()
        elif isinstance(step, int):
            clock.now += step
        elif isinstance(step, tuple):
            namespace, trace_id, nodes = step
            for one in (sources[-1].table, straight):
                see(one, trace(trace_id, nodes, namespace=namespace))
        counts = values(exporter.collect())
        assert all(counts[key] >= seen[key] for key in counts.keys() & seen.keys() if not key[0].endswith("_created"))
        seen.update(counts)
    clock.now += 30
    counts, expected = values(exporter.collect()), values(families(TrafficReading(straight.snapshot(), 0, ()), 0.0))
    # The latest path of a trace is not carried on: a change from it is not counted.
    same = {key for key in counts.keys() & expected.keys() if key[0] != "ioam_path_changes_total"}
    assert {key: counts[key] for key in same} == {key: expected[key] for key in same}
    assert sources[-1].table.snapshot().admitted == straight.snapshot().admitted
