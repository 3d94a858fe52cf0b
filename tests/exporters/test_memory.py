# SPDX-License-Identifier: Apache-2.0
"""Memory of counting and tagging in the kernel: libbpf reads all of the kernel's types, which must not stay."""

import re
from pathlib import Path

import pytest

from joulepath.tag.settings import MAX_FLOWS
from joulepath_lab.network.chain import two_hosts
from joulepath_lab.run.exporter import Exporter

pytestmark = pytest.mark.kernel

MOST_KIB = 45 * 1024
IDS = [f"{number:032x}" for number in range(1, 101)]


def resident_kib(exporter: Exporter) -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{exporter.pid}/status").read_text())
    assert match
    return int(match[1])


def test_counting_a_hundred_traces_stays_within_its_memory(as_root: None, bpf: None, tmp_path: Path) -> None:
    names = ", ".join(f'"{name}"' for name in IDS)
    config = tmp_path / "ioam.yaml"
    config.write_text(
        f"nodes: [{{node_id: 4, interfaces: {{va: {{received: uplink, sent: downlink}}}}}}]\nbackend: ebpf\n"
        f"namespaces: {{123: {{ids: [{names}]}}}}\nhold_seconds: 0\n"
    )
    with two_hosts() as (namespace, _), Exporter(namespace, "--config", str(config)) as exporter:
        assert sum(name == "ioam_trace_packets_total" for name, *_ in exporter.scrape()) >= 2 * len(IDS)
        assert resident_kib(exporter) < MOST_KIB


def test_tagging_the_most_flows_stays_within_its_memory(as_root: None, bpf: None, tmp_path: Path) -> None:
    flows = "".join(
        f"  f{at}: {{destination: 'fd01::{at + 2:x}', ioam_namespace: 123, id: '{name}'}}\n"
        for at, name in enumerate(IDS[:MAX_FLOWS])
    )
    config = tmp_path / "tag.yaml"
    config.write_text(f"interfaces: [va]\nflows:\n{flows}")
    arguments = ["--config", str(config)]
    with two_hosts() as (namespace, _), Exporter(namespace, *arguments, name="tag", port=10477) as exporter:
        assert sum(name == "ioam_tag_flow_ready" for name, *_ in exporter.scrape()) == MAX_FLOWS
        assert resident_kib(exporter) < MOST_KIB
