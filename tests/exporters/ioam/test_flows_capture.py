# SPDX-License-Identifier: Apache-2.0
"""Flows of a capture: the pcap backend, a plain loop and Wireshark's display filters find the same packets."""

import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client.parser import text_string_to_metric_families

from joulepath.ioam import config
from tests.exporters.ioam.captures import classic
from tests.exporters.ioam.flowing import ADDRESSES4, ADDRESSES6, ICMP, ICMPV6, SCTP, TCP, UDP, Sent, Tunnel, flow_of
from tests.exporters.ioam.tshark import Tshark

pytestmark = pytest.mark.unit

USER, OTHER = "10.1.0.0/16", "192.0.2.0/25"
FLOWS = f"""
nodes: [{{node_id: 4, interfaces: {{n3: {{received: uplink}}}}}}]
flows:
  voice: {{qfi: 5, dscp: 46}}
  tunnels: {{teid: "7-8", protocol: udp}}
  vlan: {{vlan: 8}}
  camera: {{ue: {USER}, remote: {OTHER}, protocol: tcp, ports: "5000-5001"}}
  signals: {{protocol: sctp, ue_ports: 5000}}
  pings: {{protocol: [1, 58]}}
  six: [{{ue: "fd00:1::/32", ports: 53}}, {{ue: "2001:db8::/33", protocol: 6}}]
  wide: {{ue: 10.0.0.0/8, ue_ports: "40000-65535"}}
  rest: {{remote: [0.0.0.0/0, "::/0"]}}
"""
# Wireshark's field of the innermost layer is `field#[-1]`: a tunnel's own addresses and ports stand before it.
IP, IPV6 = "ip.{}#[-1] == {}", "ipv6.{}#[-1] == {}"
IS = "(ip.proto#[-1] == {0} || ipv6.nxt#[-1] == {0})"


def ends(user: str, other: str, address: str) -> str:
    """The addresses of a packet in either direction; an empty one may be any."""
    ways = []
    for first, second in (("src", "dst"), ("dst", "src")):
        given = [address.format(end, prefix) for end, prefix in ((first, user), (second, other)) if prefix]
        ways.append(" && ".join(given))
    return f"(({ways[0]}) || ({ways[1]}))"


def port(name: str, number: int, least: int, most: int) -> str:
    """A port of a protocol, in either direction."""
    return f"({IS.format(number)} && ({name}#[-1] >= {least} && {name}#[-1] <= {most}))"


CAMERA = " || ".join(
    f"({IP.format(one, USER)} && {IP.format(two, OTHER)} && tcp.{two}port >= 5000 && tcp.{two}port <= 5001)"
    for one, two in (("src", "dst"), ("dst", "src"))
)
SIX = " || ".join(
    f"({IPV6.format(one, 'fd00:1::/32')} && {IS.format(number)} && {name}.{two}port#[-1] == 53)"
    for one, two in (("src", "dst"), ("dst", "src"))
    for name, number in (("udp", UDP), ("tcp", TCP), ("sctp", SCTP))
)
WIDE = " || ".join(
    f"({IP.format(one, '10.0.0.0/8')} && {IS.format(number)} && {name}.{one}port#[-1] >= 40000)"
    for one in ("src", "dst")
    for name, number in (("udp", UDP), ("tcp", TCP), ("sctp", SCTP))
)
FILTERS = {
    "voice": "gtp.ext_hdr.pdu_ses_con.qos_flow_id#[-1] == 5 && "
    "(ip.dsfield.dscp#[-1] == 46 || ipv6.tclass.dscp#[-1] == 46)",
    "tunnels": f"gtp.teid#[-1] >= 7 && gtp.teid#[-1] <= 8 && {IS.format(UDP)}",
    "vlan": "vlan.id#[-1] == 8",
    "camera": f"{IS.format(TCP)} && ({CAMERA})",
    "signals": f"{IS.format(SCTP)} && (sctp.srcport == 5000 || sctp.dstport == 5000)",
    "pings": f"{IS.format(ICMP)} || {IS.format(ICMPV6)}",
    "six": f"({SIX}) || ({IS.format(TCP)} && {ends('2001:db8::/33', '', IPV6)})",
    "wide": WIDE,
    "rest": "ip || ipv6",
}


def corpus() -> list[Sent]:
    """Users' packets as they are, in VLANs and in GTP-U. Tunnels of one packet have the user's version of IP."""
    draw = random.Random(17)
    found = []
    for _ in range(600):
        addresses = draw.choice([ADDRESSES4, ADDRESSES6])
        six = addresses is ADDRESSES6
        qfi = draw.choice([None, 5, 9])
        tunnels = tuple(
            Tunnel(draw.choice([6, 7, 8, 9]), qfi, over_ipv6=six) for _ in range(draw.choice([0, 0, 1, 1, 2]))
        )
        found.append(
            Sent(
                draw.choice(addresses), draw.choice(addresses), draw.choice([TCP, UDP, SCTP, ICMPV6 if six else ICMP]),
                draw.choice([53, 5000, 5001, 5002, 39999, 40000]), draw.choice([53, 4999, 5000, 5001, 65535]),
                draw.choice([0, 46]), draw.choice([(), (), (7,), (8,), (8, 9)]), tunnels,
            )
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flows") / "n3.pcap"
    sent = [one.frame for one in corpus()]
    path.write_bytes(classic("<", 1, sent, ((second, 0) for second in range(1, len(sent) + 1))))
    return path


@pytest.fixture(scope="module")
def counted() -> Counter[str]:
    """Packets of each flow, by a plain loop."""
    flows = config.read(Path("ioam.yaml"), FLOWS).flows
    return Counter(name for sent in corpus() if (name := flow_of(sent, flows)) is not None)


def test_the_pcap_backend_counts_the_flows_of_a_capture(capture: Path, counted: Counter[str]) -> None:
    file = capture.with_name("ioam.yaml")
    file.write_text(FLOWS, encoding="utf-8")
    command = [sys.executable, "-m", "joulepath", "ioam", "--config", str(file), "--pcap", str(capture), "--once"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    samples = [
        sample
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if sample.name in {"ioam_flow_packets_total", "ioam_flow_bytes_total"}
    ]
    packets = {one.labels["flow"]: one.value for one in samples if one.name == "ioam_flow_packets_total"}
    octets = {one.labels["flow"]: one.value for one in samples if one.name == "ioam_flow_bytes_total"}
    flows = config.read(Path("ioam.yaml"), FLOWS).flows
    sizes: Counter[str] = Counter()
    for sent in corpus():
        sizes[flow_of(sent, flows) or ""] += len(sent.octets)
    assert packets == counted
    assert octets == sizes
    assert min(packets[flow.name] for flow in flows) > 0, "each flow has some"


def test_display_filters_of_wireshark_find_the_same_flows(
    capture: Path, counted: Counter[str], absent: Callable[[str, str], NoReturn]
) -> None:
    """Each flow is its own filter without those of the flows before it."""
    try:
        tshark = Tshark()
    except FileNotFoundError as missing:
        absent("tshark", str(missing))
    names = list(FILTERS)
    assert names == [flow.name for flow in config.read(Path("ioam.yaml"), FLOWS).flows]
    own = [
        " && ".join([f"({FILTERS[name]})", *(f"!({FILTERS[before]})" for before in names[:place])])
        for place, name in enumerate(names)
    ]
    table = tshark.read(capture, "-q", "-z", ",".join(["io,stat,0", *own]))
    (row,) = (line for line in table.splitlines() if "<>" in line)
    frames = [int(number) for number in re.findall(r"\d+", row.partition("|")[2].partition("|")[2])][::2]
    assert dict(zip(names, frames, strict=True)) == counted
