# SPDX-License-Identifier: Apache-2.0
"""The configuration file: what it means, and every mistake at once."""

from ipaddress import IPv6Network
from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.tag import config
from joulepath.tag.settings import EVERYWHERE, Flow, Sender, Settings

pytestmark = pytest.mark.unit

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
POD = "0f5a1c9e-3b1d-4a7e-9a55-2f2e6c1d7b10"


def read(folder: Path, text: str) -> Settings:
    file = folder / "tag.yaml"
    file.write_text(text, encoding="utf-8")
    return config.read(file)


def test_all_keys_are_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        f"""
interfaces: [eth0, wwan0]
node_id: 100
nodes: 4
path_mtu: 1400
flows:
  tuple:
    {{ioam_namespace: 123, id: "{ID}", protocol: udp, source: "fd01::1", source_port: 1, destination: "fd02::/64",
     destination_port: 2}}
  unit: {{ioam_namespace: 0, id_file: ids/camera, unit: camera.service, too_large: drop}}
  container: {{ioam_namespace: 1, id_file: /run/id, container: "containerd://{"ab" * 32}", protocol: tcp}}
  pod: {{ioam_namespace: 1, id: "{ID}", pod: {POD}}}
  cgroup: {{ioam_namespace: 1, id: "{ID}", cgroup: /system.slice/camera.service}}
""",
    )
    assert settings == Settings(
        interfaces=("eth0", "wwan0"),
        flows=(
            Flow("tuple", 123, bytes.fromhex(ID), IPv6Network("fd01::1"), IPv6Network("fd02::/64"), "udp", 1, 2),
            Flow("unit", 0, tmp_path / "ids" / "camera", sender=Sender("unit", "camera.service"), too_large="drop"),
            Flow("container", 1, Path("/run/id"), protocol="tcp", sender=Sender("container", "ab" * 32)),
            Flow("pod", 1, bytes.fromhex(ID), sender=Sender("pod", POD)),
            Flow("cgroup", 1, bytes.fromhex(ID), sender=Sender("cgroup", "/system.slice/camera.service")),
        ),
        node_id=100,
        nodes=4,
        path_mtu=1400,
    )


def test_an_omitted_key_has_its_default(tmp_path: Path) -> None:
    settings = read(tmp_path, f'interfaces: [eth0]\nflows: {{a: {{ioam_namespace: 1, id: "{ID}", protocol: tcp}}}}\n')
    assert (settings.node_id, settings.nodes, settings.path_mtu) == (None, None, None)
    (flow,) = settings.flows
    assert (flow.source, flow.destination, flow.source_port, flow.sender) == (EVERYWHERE, EVERYWHERE, 0, None)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = f"""
interfaces: [eth0, eth0]
nodes: 28
path_mtu: 1000
flows:
  nothing: {{ioam_namespace: 1, id: "{ID}"}}
  both: {{ioam_namespace: 1, id: "{ID}", id_file: /run/id, protocol: tcp}}
  neither: {{ioam_namespace: 1, protocol: tcp}}
  number: {{ioam_namespace: 1, id: 12345678901234567890123456789012, protocol: tcp}}
  short: {{ioam_namespace: 1, id: "4bf9", protocol: tcp}}
  two: {{ioam_namespace: 1, id: "{ID}", unit: a.service, pod: {POD}}}
  names: {{ioam_namespace: 1, id: "{ID}", container: camera}}
  pods: {{ioam_namespace: 1, id: "{ID}", pod: camera-0}}
  drops: {{ioam_namespace: 1, id: "{ID}", protocol: tcp, too_large: drop}}
  sctp: {{ioam_namespace: 70000, id: "{ID}", protocol: sctp, source: "fd01::1/8"}}
  ports: {{ioam_namespace: 1, id: "{ID}", protocol: ipip6, source_port: 1, too_large: drop}}
"""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert [line.partition(": ")[2] for line in caught.value.messages] == [
        "interfaces: an interface stands twice",
        "nodes: must be less than or equal to 27",
        "path_mtu: must be greater than or equal to 1280",
        (
            "flows.nothing: say which packets: at least one of protocol, source, source_port, destination, "
            "destination_port, cgroup, unit, container, pod"
        ),
        "flows.both: give either `id` or `id_file`",
        "flows.neither: give either `id` or `id_file`",
        "flows.number.id: the id looks like a number: put it in quotes",
        "flows.short: id: '4bf9' is not 32 hexadecimal digits",
        "flows.two: a packet has one sender: leave only one of unit, pod",
        "flows.names: container: give its id, at least the first 12 digits",
        "flows.pods: pod: give its metadata.uid",
        "flows.drops: too_large: only UDP datagrams can be dropped",
        "flows.sctp.ioam_namespace: must be less than or equal to 65535",
        "flows.sctp.protocol: must be 'udp', 'tcp' or 'ipip6'",
        "flows.sctp.source: must be an IPv6 address or prefix, with no bit set behind the prefix",
        (
            "flows.ports: protocol: IPv4 in IPv6 has no ports: leave the ports out; too_large: only UDP datagrams can "
            "be dropped"
        ),
    ]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("5", "must be an IPv6 address or prefix"),  # ipaddress takes it for ::5
        ("true", "must be an IPv6 address or prefix"),
        ("'fe80::1%eth0'", "packets do not carry the zone of an address: leave out % and what follows"),
    ],
)
def test_a_selector_is_an_address_that_packets_have(tmp_path: Path, address: str, line: str) -> None:
    flow = f'{{ioam_namespace: 1, id: "{ID}", destination: {address}}}'
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"interfaces: [eth0]\nflows: {{camera: {flow}}}\n")
    assert [each.partition(": ")[2] for each in caught.value.messages] == [f"flows.camera.destination: {line}"]


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.0/8", "10.0.0.1/8", "0.0.0.0/0", "::ffff:10.0.0.1"])
def test_an_ipv4_selector_is_refused_with_the_two_ways_out(tmp_path: Path, address: str) -> None:
    flow = f'{{ioam_namespace: 1, id: "{ID}", destination: "{address}"}}'
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"interfaces: [eth0]\nflows: {{camera: {flow}}}\n")
    (line,) = caught.value.messages
    assert line.partition(": ")[2] == (
        f"flows.camera.destination: {address}: IPv4 packets cannot carry a trace, which is an option of IPv6: send "
        "them through an IPv6 tunnel and give its addresses here (docs/guides/tagging.md, IPv4), or count them by "
        "`flows` of `joulepath ioam`"
    )


def test_ipv4_in_ipv6_is_a_protocol(tmp_path: Path) -> None:
    text = f'interfaces: [eth0]\nflows: {{a: {{ioam_namespace: 1, id: "{ID}", protocol: ipip6}}}}\n'
    assert read(tmp_path, text).flows[0].protocol == "ipip6"


def test_too_many_flows_are_refused(tmp_path: Path) -> None:
    flows = "".join(f'  f{n}: {{ioam_namespace: {n}, id: "{ID}", protocol: tcp}}\n' for n in range(65))
    with pytest.raises(UsageError, match="flows: Dictionary should have at most 64 items"):
        read(tmp_path, f"interfaces: [eth0]\nflows:\n{flows}")


def test_the_owner_of_an_id_file_is_a_user_by_name_or_number(tmp_path: Path) -> None:
    flow = "{ioam_namespace: 1, protocol: udp, "
    names = {"by_name": "root", "by_number": 64001}
    lines = [f"  {name}: {flow}id_file: id, id_owner: {owner}}}\n" for name, owner in names.items()]
    right = f"interfaces: [eth0]\nflows:\n{''.join(lines)}  not_said: {flow}id_file: id}}\n"
    assert [each.id_owner for each in read(tmp_path, right).flows] == [0, 64001, None]
    wrong = (
        f"interfaces: [eth0]\nflows:\n  a: {flow}id_file: id, id_owner: no-such-user}}\n"
        f"  b: {flow}id: '{'ab' * 16}', id_owner: 0}}\n  c: {flow}id_file: id, id_owner: -1}}\n"
    )
    with pytest.raises(UsageError) as mistakes:
        read(tmp_path, wrong)
    text = "\n".join(mistakes.value.messages)
    assert "flows.a: id_owner: 'no-such-user' is not a user of this host" in text
    assert "flows.b: id_owner: says who writes the `id_file`: leave it out" in text
    assert "flows.c.id_owner" in text
