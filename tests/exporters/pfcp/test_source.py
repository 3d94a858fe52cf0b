# SPDX-License-Identifier: Apache-2.0
"""N4 is found in frames of every kind, and in captures, by the command too."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

from joulepath.ioam.wire.link import ETHERNET, ip_offset
from joulepath.pfcp.sessions.tracker import Datagram, Tracker
from joulepath.pfcp.settings import Settings
from joulepath.pfcp.source.pcap import PcapSource
from joulepath.pfcp.source.udp import datagram
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import WHOLE

pytestmark = pytest.mark.unit

HEARTBEAT = lab.message(lab.HEARTBEAT, 1, lab.recovery(1))
LINK = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
V4, V6 = IP(src="192.0.2.9", dst="192.0.2.1"), IPv6(src="fd00::9", dst="fd00::1")
N4 = UDP(sport=40000, dport=8805)


def found(frame: Packet | bytes) -> Datagram | str | None:
    octets = bytearray(bytes(frame))
    start = ip_offset(octets, 0, len(octets), ETHERNET)
    return datagram(octets, start, len(octets)) if start >= 0 else None


@pytest.mark.parametrize(
    "headers",
    [V4, V6, Dot1Q(vlan=5) / V4, Dot1Q(vlan=5) / Dot1Q(vlan=6) / V6, V6 / IPv6ExtHdrDestOpt()],
)
def test_a_datagram_is_found_behind_any_headers(headers: Packet) -> None:
    there = found(LINK / headers / N4 / HEARTBEAT)
    assert isinstance(there, Datagram)
    assert (there.source_port, there.target_port, there.octets) == (40000, 8805, HEARTBEAT)
    assert len(there.source) == (4 if IP in headers else 16)


def test_padding_of_ethernet_is_not_part_of_the_datagram() -> None:
    there = found(bytes(LINK / V4 / N4 / b"\x20") + b"\0" * 17)
    assert isinstance(there, Datagram)
    assert there.octets == b"\x20"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (LINK / V4 / UDP(sport=1, dport=2) / HEARTBEAT, None),
        (LINK / IP(proto=6) / N4, None),
        (bytes(LINK / V4 / N4 / HEARTBEAT)[:-4], "cut_off"),
        (LINK / IP(flags="MF") / N4 / (b"\0" * 1000), "fragment"),
        (LINK / IP(frag=100, proto=17) / N4 / (b"\0" * 1000), None),
        (LINK / V6 / IPv6ExtHdrFragment(m=1) / N4 / HEARTBEAT, "fragment"),
    ],
)
def test_a_datagram_that_is_not_whole_has_its_reason(frame: Packet | bytes, expected: str | None) -> None:
    assert found(frame) == expected


@given(st.binary(max_size=100))
def test_any_frame_is_read_or_refused_but_never_raises(octets: bytes) -> None:
    found(octets)
    found(bytes(LINK)[:12] + b"\x08\x00" + octets)
    found(bytes(LINK)[:12] + b"\x86\xdd" + octets)


def capture(path: Path) -> Path:
    """A session of 10 s, with its reports."""
    down, up = V4 / UDP(sport=8805, dport=8805), IP(src="192.0.2.1", dst="192.0.2.9") / UDP(sport=8805, dport=8805)
    asked = [lab.seid(1, "192.0.2.9"), *map(lab.pdr, WHOLE), lab.urr(1), lab.dnn("video")]
    packets = [
        LINK / down / lab.message(lab.ESTABLISH, 1, *asked, seid=0),
        LINK / up / lab.message(lab.ESTABLISH + 1, 1, lab.cause(), lab.seid(1001, "192.0.2.1"), seid=1),
        LINK / up / lab.message(lab.REPORT, 1, lab.usage(80, lab.Usage(1, 0, 100, 200)), seid=1),
        LINK / up / b"\x20\x01\x00\x09",
    ]
    for number, packet in enumerate(packets):
        packet.time = 1000 + number * 10 / 3
    wrpcap(str(path), packets)
    return path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: it gives up its rights."""
    command = [sys.executable, "-m", "joulepath", "pfcp", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_capture_is_read_to_its_end(tmp_path: Path) -> None:
    config = tmp_path / "pfcp.yaml"
    flows = tmp_path / "flows.yaml"
    config.write_text(f"groups: {{cameras: {{dnn: video}}}}\nflows_file: {{path: {flows}}}\n")
    done = run("--config", str(config), "--pcap", str(capture(tmp_path / "n4.pcap")), "--once")
    assert done.returncode == 0, done.stderr
    samples = {
        (sample.name, sample.labels.get("direction") or sample.labels.get("reason")): sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if sample.labels.get("group", "cameras") == "cameras"
    }
    assert samples["pfcp_usage_bytes_total", "uplink"] == 100
    assert samples["pfcp_usage_bytes_total", "downlink"] == 200
    assert samples["pfcp_decode_errors_total", "header"] == 1
    assert samples["pfcp_measured_seconds_total", None] == pytest.approx(10)
    assert "10.45.0.2/32" in flows.read_text()


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        ([], "say where N4 passes"),
        (["--interface", "lo", "--pcap", "a"], "--interface: leave it out"),
        (["--pcap", "/nowhere/n4.pcap", "--once"], "/nowhere/n4.pcap: cannot be read"),
        (["--pcap", __file__, "--once"], "not a pcap or pcapng file"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(words: list[str], mistake: str) -> None:
    done = run(*words)
    assert done.returncode != 0
    assert mistake in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stream_may_stand_for_the_file(tmp_path: Path) -> None:
    tracker = Tracker(Settings())
    source = PcapSource(tracker, "-", BytesIO(capture(tmp_path / "n4.pcap").read_bytes()))
    source.start()
    source.finish(0)
    assert tracker.counts.messages["session_report_request"] == 1
    assert source.reading().seconds == pytest.approx(10)
    assert source.reading().interfaces == ("-",)
