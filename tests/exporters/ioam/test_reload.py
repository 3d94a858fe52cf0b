# SPDX-License-Identifier: Apache-2.0
"""A changed configuration while packets flow: new traces are counted, no counter begins anew."""

from pathlib import Path

import pytest
import yaml

from joulepath.errors import JoulepathError
from joulepath.ioam.command import IoamExporter
from joulepath.ioam.config import read
from joulepath.ioam.settings import Settings
from joulepath.ioam.source import PacketSource
from tests.exporters.ioam.netns import Exporter as Running
from tests.exporters.ioam.netns import NetworkNamespace
from tests.exporters.process import until

FIRST, SECOND = "ab" * 16, "cd" * 16
NODE = "ioam_node_packets_total"


def write(path: Path, *ids: str, node_id: int = 4, interface: str = "lo") -> None:
    config = {
        "nodes": [{"node_id": node_id, "interfaces": {interface: "uplink"}}],
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
        trace = ("ioam_trace_packets_total", "uplink", "123", "4", SECOND)
        until(lambda: trace in exporter.scrape())
        found = exporter.scrape()
        assert found[node] > before
        assert found[trace] == 0
        assert ("ioam_capture_info", backend, "lo") in found
        write(path, FIRST, interface="nowhere0")
        until(lambda: exporter.scrape()[("joulepath_config_last_reload_successful",)] == 0)
        again = exporter.scrape()
        assert again[node] >= found[node]
        until(lambda: exporter.scrape()[node] > again[node])  # counted as before; scrapes at once share a reading


# Of 100 packets to itself, of a trace that nobody listed, nothing is read before the source ends.
SEND_AND_STOP = """
import socket, sys
from joulepath.ioam.backends import ChosenSource
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
def test_what_came_since_the_last_scrape_is_counted_when_a_source_ends(as_root: None, backend: str) -> None:
    with NetworkNamespace() as namespace:
        found = namespace.python(SEND_AND_STOP, backend)
    assert found == f"100 {100 * (40 + 40 + 8 + 10)}\n" * 3  # of the node, the trace, and the path's one node


class Counting:
    """A source whose settings may be ones that cannot be counted by."""

    made: list[Settings]

    def __init__(self) -> None:
        self.made = []

    def __call__(self, settings: Settings) -> PacketSource:
        made = self.made
        made.append(settings)

        class Source(PacketSource):
            def start(self) -> None:
                if settings.points[0].interface == "nowhere":
                    raise JoulepathError("nowhere: no such interface")

            def stop(self) -> None:
                """Has begun nothing."""

        return Source(settings)


@pytest.mark.unit
def test_settings_that_cannot_be_counted_by_leave_the_old_ones(tmp_path: Path) -> None:
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
    assert counting.made[-1] == first
    write(path, SECOND)
    exporter.reload()
    assert counting.made[-1] == read(path)
