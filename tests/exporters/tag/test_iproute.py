# SPDX-License-Identifier: Apache-2.0
"""The commands for kernels that have the tunnel, to the letter."""

import re
from pathlib import Path

import pytest

from joulepath import cli
from joulepath.errors import UsageError
from joulepath.tag import iproute
from joulepath_lab.network.namespace import NetworkNamespace

pytestmark = pytest.mark.unit

CONFIG = """
interfaces: [eth0, wwan0.7]
node_id: 100
nodes: 4
flows:
  assembly-camera: {ioam_namespace: 123, id: "0000A001000000004bf92f3577b34da6", destination: "fd02::/64"}
  inspection-camera:
    {ioam_namespace: 124, id: "0000a002000000004bf92f3577b34da6", source: "fd01::1", protocol: udp,
     source_port: 5002, destination: "fd02::/64", destination_port: 6002}
  anything-over-tcp: {ioam_namespace: 123, id: "0000a001000000000000000000000000", protocol: tcp}
"""
COMMANDS = """\
# For kernels with CONFIG_IPV6_IOAM6_LWTUNNEL, and iproute2 6.0 or newer. Run each part as root on its host.
# Of each id the tunnel carries the first 8 octets: count with `key: {prefix: N}`, N up to 64.
# GATEWAY is the next hop's address, where there is one.
sysctl -w net/ipv6/ioam6_id=100
ip ioam namespace add 123 wide 0x0000a00100000000
ip ioam namespace add 124 wide 0x0000a00200000000
# assembly-camera
ip -6 rule add pref 10601 to fd02::/64 lookup 10601
ip -6 route replace fd02::/64 encap ioam6 mode inline trace prealloc type 0x802000 ns 123 size 60 \
${GATEWAY:+via "$GATEWAY"} dev eth0 metric 101 table 10601
ip -6 route replace fd02::/64 encap ioam6 mode inline trace prealloc type 0x802000 ns 123 size 60 \
${GATEWAY:+via "$GATEWAY"} dev wwan0.7 metric 102 table 10601
# inspection-camera
ip -6 rule add pref 10602 to fd02::/64 from fd01::1/128 ipproto udp sport 5002 dport 6002 lookup 10602
ip -6 route replace fd02::/64 encap ioam6 mode inline trace prealloc type 0x802000 ns 124 size 60 \
${GATEWAY:+via "$GATEWAY"} dev eth0 metric 101 table 10602
ip -6 route replace fd02::/64 encap ioam6 mode inline trace prealloc type 0x802000 ns 124 size 60 \
${GATEWAY:+via "$GATEWAY"} dev wwan0.7 metric 102 table 10602
# anything-over-tcp
ip -6 rule add pref 10603 ipproto tcp lookup 10603
ip -6 route replace ::/0 encap ioam6 mode inline trace prealloc type 0x802000 ns 123 size 60 \
${GATEWAY:+via "$GATEWAY"} dev eth0 metric 101 table 10603
ip -6 route replace ::/0 encap ioam6 mode inline trace prealloc type 0x802000 ns 123 size 60 \
${GATEWAY:+via "$GATEWAY"} dev wwan0.7 metric 102 table 10603
"""

TOPOLOGY = """
sites: {edge: {grams_per_kwh: 380}}
hosts:
  ru-1: {site: edge, power: [{watts: 65}]}
  edge-1: {site: edge, power: [{rapl: edge-1}]}
  core-1: {site: edge, power: [{rapl: core-1}]}
  gpu-1: {site: edge, power: [{bmc: gpu-1}]}
components:
  ru-1: {role: ru, host: ru-1, traffic: {anchor: upf-1}}
  cu-1: {role: cu, host: edge-1, traffic: {ioam: 3}}
  upf-1: {role: upf, host: core-1, traffic: {ioam: {node: 4, instance: upf-edge}}}
  model: {role: model, host: gpu-1, requests: vllm}
applications:
  assembly-line: {traces: [{ioam_namespace: 125, id: all}], models: [model], path: [ru-1, cu-1, upf-1]}
  inspection: {traces: [{ioam_namespace: 124, id: "0000a002"}], models: [model], path: [ru-1, upf-1]}
"""
TOPOLOGY_COMMANDS = """\
# For kernels with CONFIG_IPV6_IOAM6_LWTUNNEL, and iproute2 6.0 or newer. Run each part as root on its host.

# cu-1 on edge-1; INTERFACES are those that its user packets come in on
sysctl -w net/ipv6/ioam6_id=3
for interface in ${INTERFACES:?}; do sysctl -w "net/ipv6/conf/$interface/ioam6_enabled=1"; done
ip ioam namespace add 124
ip ioam namespace add 125

# upf-1 on core-1; INTERFACES are those that its user packets come in on
sysctl -w net/ipv6/ioam6_id=4
for interface in ${INTERFACES:?}; do sysctl -w "net/ipv6/conf/$interface/ioam6_enabled=1"; done
ip ioam namespace add 124
ip ioam namespace add 125

# assembly-line, where its packets begin; DESTINATION is a prefix, GATEWAY may be empty
ip ioam namespace add 125
ip -6 route replace "${DESTINATION:?}" encap ioam6 mode inline trace prealloc type 0x800000 ns 125 size 12 \
${GATEWAY:+via "$GATEWAY"} dev "${INTERFACE:?}" metric 101

# inspection, where its packets begin; DESTINATION is a prefix, GATEWAY may be empty
ip ioam namespace add 124 wide 0x0000a00200000000
ip -6 route replace "${DESTINATION:?}" encap ioam6 mode inline trace prealloc type 0x802000 ns 124 size 24 \
${GATEWAY:+via "$GATEWAY"} dev "${INTERFACE:?}" metric 101
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


@pytest.mark.parametrize(("text", "expected"), [(CONFIG, COMMANDS), (TOPOLOGY, TOPOLOGY_COMMANDS)])
def test_the_file_becomes_commands_of_ip_route(
    file: Path, text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    assert cli.main(["tag", "--print-ip-route", str(file)]) == 0
    assert capsys.readouterr().out == expected


OVERLAPPING = """
interfaces: [wlan0]
flows:
  tcp: {ioam_namespace: 1, id: "0000a001000000004bf92f3577b34da6", destination: "fd02::/64", protocol: tcp}
  host: {ioam_namespace: 2, id: "0000a001000000004bf92f3577b34da6", destination: "fd02::3/128"}
  network: {ioam_namespace: 3, id: "0000a001000000004bf92f3577b34da6", destination: "fd02::/64"}
  shadowed-host: {ioam_namespace: 4, id: "0000a001000000004bf92f3577b34da6", destination: "fd02::4/128"}
  shadowed-port:
    {ioam_namespace: 5, id: "0000a001000000004bf92f3577b34da6", destination: "fd02::/64", destination_port: 5001}
  apart: {ioam_namespace: 6, id: "0000a001000000004bf92f3577b34da6", destination: "fd03::/64"}
"""


@pytest.mark.kernel
@pytest.mark.usefixtures("as_root")
def test_the_first_flow_gets_the_packet(file: Path) -> None:
    """As the tagger does. Not every kernel has the tunnel: here each route's namespace is in its hop limit."""
    file.write_text(OVERLAPPING)
    with NetworkNamespace() as host, NetworkNamespace() as other:
        host.link("wlan0", "fd01::1", other, "peer", "fd01::2")
        for line in iproute.commands(file).splitlines():
            if line.startswith("ip -6"):
                host.run(re.sub(r"encap .* ns (\d+) .*}", r"via fd01::2 hoplimit \1", line))

        def namespace(packet: str) -> str:
            return re.sub(r".*hoplimit (\d+).*", r"\1", host.run(f"ip -6 route get {packet}"), flags=re.DOTALL)

        assert namespace("fd02::3 ipproto tcp dport 5001") == "1"
        assert namespace("fd02::3 ipproto udp dport 5001") == "2"
        assert namespace("fd02::4 ipproto udp dport 7") == "3"
        assert namespace("fd02::9 ipproto udp dport 5001") == "3"
        assert namespace("fd03::1 ipproto udp dport 5001") == "6"


def test_wide_node_ids_have_their_own_field(file: Path) -> None:
    file.write_text(TOPOLOGY.replace("{ioam: 3}", "{ioam: 16777215}"))
    text = iproute.commands(file)
    assert "sysctl -w net/ipv6/ioam6_id_wide=16777215" in text
    assert "type 0x008000 ns 125 size 24" in text
    assert "type 0x00a000 ns 124 size 32" in text


def test_a_rule_selects_ipv4_in_ipv6_by_its_number(file: Path) -> None:
    file.write_text(CONFIG.replace("protocol: tcp", "protocol: ipip6"))
    assert "ip -6 rule add pref 10603 ipproto 4 lookup 10603" in iproute.commands(file).splitlines()


def test_a_topology_is_read_as_the_rules_read_it(file: Path) -> None:
    """Ranges, an id as a UUID is written, the file's own node for each component."""
    text = TOPOLOGY.replace("core-1:", '"core-[1-2]":').replace("rapl: core-1", 'rapl: "core-[1-2]"')
    text = text.replace("upf-1: {role: upf, host: core-1", '"upf-[1-2]": {role: upf, host: "core-[1-2]"')
    text = text.replace("node: 4, instance: upf-edge", 'node: "[4-5]"').replace('"0000a002"', '"0x0000A002"')
    file.write_text(text)
    lines = iproute.commands(file).splitlines()
    assert [line for line in lines if line.startswith("sysctl")] == [
        f"sysctl -w net/ipv6/ioam6_id={node_id}" for node_id in (3, 4, 5)
    ]
    assert "ip ioam namespace add 124 wide 0x0000a00200000000" in lines


def test_a_trace_has_room_for_the_nodes_of_its_own_path(file: Path) -> None:
    """The sender and the UPF write 12 octets each, with the CU 12 more."""
    file.write_text(
        TOPOLOGY.replace(
            '[{ioam_namespace: 124, id: "0000a002"}], models: [model], path: [ru-1, upf-1]',
            '[{ioam_namespace: 124, id: "0000a002", path: [upf-1]}, '
            '{ioam_namespace: 126, id: "0000a003", path: [cu-1, upf-1]}]',
        )
    )
    text = iproute.commands(file)
    assert "ns 124 size 24" in text
    assert "ns 126 size 36" in text


def test_every_mistake_of_a_topology_is_named(file: Path) -> None:
    file.write_text(TOPOLOGY.replace("host: gpu-1", "host: gpu-2").replace("path: [ru-1, cu-1", "path: [ru-1, cu-9"))
    with pytest.raises(UsageError) as caught:
        iproute.commands(file)
    assert caught.value.messages == (
        f"{file}: components.model.host: there is no host 'gpu-2' under hosts",
        f"{file}: applications.assembly-line.path[1]: there is no component 'cu-9' under components",
    )


@pytest.mark.parametrize(
    ("base", "before", "after", "messages"),
    [
        (CONFIG, 'destination: "fd02::/64"}', "unit: camera.service}", ["a route knows no unit"]),
        (
            CONFIG,
            'id: "0000A001000000004bf92f3577b34da6"',
            "id_file: /run/id",
            ["a route's id does not change"],
        ),
        (CONFIG, 'destination: "fd02::/64"}', 'destination: "fd02::/64", too_large: drop}', ["drops no datagrams"]),
        (CONFIG, "ioam_namespace: 124", "ioam_namespace: 123", ["namespace 123 has another id already"]),
        (CONFIG, "nodes: 4", "nodes: 20", ["nodes: the tunnel has room for 19"]),
        (TOPOLOGY, "id: all", 'id: "4bf92f3577b34da6a3ce929d0e0e4736"', ["the tunnel carries at most 8 octets"]),
        (
            TOPOLOGY,
            '124, id: "0000a002"',
            "125, id: all",
            ["trace all of namespace 125 already stands for 'assembly-line'"],
        ),
        (TOPOLOGY, "ioam_namespace: 124", "ioam_namespace: 70000", ["less than or equal to 65535"]),
    ],
)
def test_features_that_the_tunnel_lacks_are_reported(
    file: Path, base: str, before: str, after: str, messages: list[str]
) -> None:
    assert before in base
    file.write_text(base.replace(before, after))
    with pytest.raises(UsageError) as caught:
        iproute.commands(file)
    assert len(caught.value.messages) == len(messages)
    for line, message in zip(caught.value.messages, messages, strict=True):
        assert line.startswith(f"{file}: ")
        assert message in line
