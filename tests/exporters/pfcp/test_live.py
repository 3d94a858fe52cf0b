# SPDX-License-Identifier: Apache-2.0
"""End to end: an SMF and a UPF talk over loopback, the exporter captures them and agrees with the UPF's own count."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from joulepath.metrics import registry
from joulepath.pfcp.command import PfcpExporter
from joulepath.pfcp.settings import FlowsFile, Group, Match, Settings
from joulepath_lab.devices.n4 import Smf, Upf

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

GROUPS = (Group("cameras", (Match(dnn=("video.*",)),)), Group("robots", (Match(slice=("2-*",)),)))


@pytest.fixture
def network() -> Iterator[tuple[Smf, Upf]]:
    with Upf("127.0.0.102") as upf, Smf("127.0.0.101", upf.address) as smf:
        yield smf, upf


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_usage_on_the_wire_is_what_the_upf_counted(network: tuple[Smf, Upf], tmp_path: Path) -> None:
    smf, upf = network
    file = tmp_path / "flows.yaml"
    settings = Settings(("lo",), groups=GROUPS, flows=FlowsFile(file, seconds=0.5))
    exporter = PfcpExporter(settings)
    scrape = registry(exporter.collect)

    def value(name: str, **labels: str) -> float:
        return scrape.get_sample_value(name, labels) or 0.0

    def usage(group: str, dnn: str, s_nssai: str, direction: str) -> float:
        labels = {"group": group, "dnn": dnn, "s_nssai": s_nssai, "upf": "127.0.0.102", "direction": direction}
        return value("pfcp_usage_bytes_total", **labels)

    exporter.start()
    try:
        smf.associate()
        camera = smf.establish("10.45.0.2", dnn="video.example", times=3)
        robot = smf.establish("10.46.0.2", dnn="internet", sst=2, sd=5)
        phone = smf.establish("10.45.0.3", dnn="internet")
        for turn in range(5):
            upf.carry(camera, uplink=1_000_000 + turn, downlink=2000, packets=(900, 20))
            upf.carry(robot, uplink=300, downlink=700)
            upf.carry(phone, downlink=11)
            upf.report(times=2)
        smf.heartbeat()
        upf.carry(phone, uplink=1)
        smf.release(phone, times=2)
        truth = upf.truth
        until(lambda: usage("other", "internet", "1", "uplink") == 1)
        assert usage("cameras", "video.example", "1", "uplink") == truth[camera].uplink == 5_000_010
        assert usage("cameras", "video.example", "1", "downlink") == truth[camera].downlink
        assert usage("robots", "internet", "2-000005", "uplink") == truth[robot].uplink
        assert usage("robots", "internet", "2-000005", "downlink") == truth[robot].downlink
        assert usage("other", "internet", "1", "downlink") == truth[phone].downlink == 55
        assert value("pfcp_measured_seconds_total") > 0
        assert value("pfcp_capture_drops_total") == 0
        assert value("pfcp_measurement_period_seconds", group="cameras") == 10
        until(lambda: file.exists() and "10.45.0.3" not in file.read_text())
        assert yaml.safe_load(file.read_text()) == {
            "flows": {"cameras": [{"ue": ["10.45.0.2/32"]}], "robots": [{"ue": ["10.46.0.2/32"]}]}
        }
    finally:
        exporter.stop()


def test_other_packets_do_not_reach_the_exporter(network: tuple[Smf, Upf]) -> None:
    smf, _ = network
    exporter = PfcpExporter(Settings(("lo",)))
    scrape = registry(exporter.collect)
    exporter.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            for port in (8804, 2152):
                other.sendto(b"\x20\x01\x00\x04\x00\x00\x01\x00", ("127.0.0.102", port))
        smf.heartbeat()
        until(lambda: scrape.get_sample_value("pfcp_messages_total", {"type": "heartbeat_response"}) == 1)
        assert scrape.get_sample_value("pfcp_messages_total", {"type": "heartbeat_request"}) == 1
    finally:
        exporter.stop()


def test_sessions_and_counters_outlive_a_reload(network: tuple[Smf, Upf], tmp_path: Path) -> None:
    smf, upf = network
    read = [Settings(("lo",)), Settings(("lo",), groups=GROUPS, flows=FlowsFile(tmp_path / "flows.yaml"))]
    exporter = PfcpExporter(read[0], read=lambda: read[1])
    exporter.start()
    try:
        camera = smf.establish("10.45.0.2", dnn="video.example")
        scrape = registry(exporter.collect)
        labels = {"dnn": "video.example", "s_nssai": "1", "upf": "127.0.0.102"}
        until(lambda: scrape.get_sample_value("pfcp_sessions", {"group": "other", **labels}) == 1)
        exporter.reload()
        upf.carry(camera, uplink=5)
        upf.report()
        labels["direction"] = "uplink"
        until(lambda: scrape.get_sample_value("pfcp_usage_bytes_total", {"group": "cameras", **labels}) == 5)
        assert scrape.get_sample_value("pfcp_usage_bytes_total", {"group": "other", **labels}) == 0
    finally:
        exporter.stop()
    assert json.loads((tmp_path / "flows.yaml").read_text().splitlines()[-1].strip("- ")) == {"ue": ["10.45.0.2/32"]}


def test_sessions_outlive_a_restart_of_the_exporter(network: tuple[Smf, Upf], tmp_path: Path) -> None:
    smf, upf = network
    settings = Settings(("lo",), groups=GROUPS, state=tmp_path / "state.json")
    first = PfcpExporter(settings)
    first.start()
    try:
        camera = smf.establish("10.45.0.2", dnn="video.example")
        labels = {"group": "cameras", "dnn": "video.example", "s_nssai": "1", "upf": "127.0.0.102"}
        scrape = registry(first.collect)
        until(lambda: scrape.get_sample_value("pfcp_sessions", labels) == 1)
    finally:
        first.stop()
    second = PfcpExporter(settings)
    scrape = registry(second.collect)
    second.start()
    try:
        assert scrape.get_sample_value("pfcp_sessions", labels) == 1
        upf.carry(camera, uplink=5)
        upf.report()
        labels["direction"] = "uplink"
        until(lambda: scrape.get_sample_value("pfcp_usage_bytes_total", labels) == 5)
        assert scrape.get_sample_value("pfcp_unknown_sessions") == 0
    finally:
        second.stop()
