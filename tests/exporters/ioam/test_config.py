# SPDX-License-Identifier: Apache-2.0
"""The configuration file: what the documentation shows is read, and mistakes are named."""

import argparse
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.files import text_of
from joulepath.ioam import config, flow_config
from joulepath.ioam.backend.choice import ChosenSource
from joulepath.ioam.command import Reader
from joulepath.ioam.settings import Bounds, Flow, Match, Namespace, Point, Rule
from joulepath.ioam.table.overlap import remarks
from joulepath.ioam.wire.decode import REASONS
from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def write(folder: Path, text: str) -> Path:
    path = folder / "ioam.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(UsageError) as fault:
        config.read(write(folder, text))
    assert fault.value.exit_code == 2
    return [message.partition("ioam.yaml: ")[2] for message in fault.value.messages]


def test_the_documented_file_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "guides" / "ioam.md").read_text(encoding="utf-8")
    match = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert match is not None
    settings = config.read(write(tmp_path, match[1]))
    assert settings.points[:-1] == (
        Point("n3", "received", 4, "uplink", path=False),
        Point("n6", "received", 4, "downlink", path=False),
        Point("wlan0", "received", 1, "downlink", path=True),
        Point("wlan0", "sent", 1, "uplink", path=True),
    )
    assert settings.namespaces[124].ids == {bytes.fromhex("0000a001"), bytes.fromhex("0000a002")}
    assert settings.namespaces[125].octets == 0
    assert settings.points[-1].directions == ("unknown", "uplink", "downlink")
    assert settings.clt == frozenset({126})
    assert settings.namespaces[127].marked == (1, 10)
    assert settings.bounds is None
    assert settings.backend == "auto"


def test_the_command_line_overrides_the_backend_of_the_file(tmp_path: Path) -> None:
    node = "nodes: [{node_id: 1, interfaces: {eth0: up}}]"
    settings = config.read(write(tmp_path, f"{{{node}, backend: packet}}"))
    assert settings.backend == "packet"
    rule = Rule("up", teids=(range(1, 2),))
    mirror = replace(settings, points=(replace(settings.points[0], rules=(rule,)),))
    assert ChosenSource(mirror).name == "packet"
    with pytest.raises(UsageError, match=r"`mirror` of an interface\) is known to the packet backend only"):
        ChosenSource(mirror, "ebpf")
    with pytest.raises(UsageError, match="packet backend only"):
        ChosenSource(replace(mirror, backend="ebpf"))
    assert ChosenSource(replace(mirror, backend="ebpf"), "packet").name == "packet"
    with pytest.raises(UsageError, match="backend"):
        config.read(write(tmp_path, f"{{{node}, backend: netlink}}"))


def test_every_reason_is_documented() -> None:
    page = (ROOT / "docs" / "guides" / "ioam.md").read_text(encoding="utf-8")
    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning}" in page


def test_one_node_counts_paths_and_ids_any_has_bounds(tmp_path: Path) -> None:
    settings = config.read(write(tmp_path, "{nodes: [{node_id: 1, interfaces: {eth0: up}}], admit: any}"))
    assert settings.points == (Point("eth0", "received", 1, "up", path=True),)
    assert settings.bounds == Bounds()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{nodes: []}", "nodes: name at least one, each with at least one interface"),
        ("{nodes: [{node_id: 1, interfaces: {}}]}", "nodes: name at least one, each with at least one interface"),
        (
            "{nodes: [{node_id: 1, interfaces: {a: {}}}]}",
            "nodes[0].interfaces.a: name a direction, or give `received` or `sent` one",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}, {node_id: 1, interfaces: {b: up}}]}",
            "nodes: node_id 1 stands twice; list its interfaces under one",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}, {node_id: 2, interfaces: {a: up}}]}",
            "nodes: packets received on a belong to two nodes; a packet counts for one",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}], namespaces: {1: {ids: [12]}}}",
            "namespaces.1.ids: an id looks like a number: put it in quotes",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}], namespaces: {1: {key: full}}}",
            "namespaces.1: list the `ids` that become labels, or say `admit: any`",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}], namespaces: {1: {key: {prefix: 8}, ids: [abcd]}}}",
            "namespaces.1: ids: 'abcd' is not 2 hexadecimal digits (prefix: 8)",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}], namespaces: {1: {ids: [xyz]}}}",
            (
                "namespaces.1: ids: 'xyz' is not 32 hexadecimal digits, or as many as the carrier has "
                "(namespace-specific data wide: 16, Flow ID: 8)"
            ),
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}], namespaces: {1: {key: namespace, ids: [abcd]}}}",
            "namespaces.1: with `key: namespace` the namespace alone is the application: leave out `ids`",
        ),
        (
            "{nodes: [{node_id: 1, interfaces: {a: up}}], bounds: {max_traces: 3}}",
            "bounds: has a meaning with `admit: any` only",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text) == [expected]


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        (
            "{mirror: {up: {}}}",
            "nodes[0].interfaces.a.mirror.up: give `sources`, `destinations` or `teids`",
        ),
        (
            "{mirror: {up: {teids: [7]}}, sent: down}",
            (
                "nodes[0].interfaces.a: a mirror port has its directions by `mirror` alone: "
                "leave out `received` and `sent`"
            ),
        ),
        *(
            (
                f"{{mirror: {{up: {{teids: ['{text}']}}}}}}",
                (
                    f"nodes[0].interfaces.a.mirror.up: teids: '{text}' is neither a TEID like 4096 or 0x1000 "
                    "nor a range like 0x1000-0x1fff"
                ),
            )
            for text in ("five", "9-5", "0-0x100000000", "1-2-3")
        ),
    ],
)
def test_a_mistake_in_a_mirror_is_named_with_its_key(tmp_path: Path, interface: str, expected: str) -> None:
    assert mistakes(tmp_path, f"{{nodes: [{{node_id: 1, interfaces: {{a: {interface}}}}}]}}") == [expected]


@pytest.mark.parametrize("freq", ["0/1", "2/1", "1", "1/0", "x/y", "1/10000000"])
def test_a_frequency_that_is_not_a_fraction_is_refused(tmp_path: Path, freq: str) -> None:
    text = f"{{nodes: [{{node_id: 1, interfaces: {{a: up}}}}], namespaces: {{1: {{ids: [ab], freq: {freq}}}}}}}"
    assert len(mistakes(tmp_path, text)) == 1


def test_the_keys_of_a_namespace_are_read(tmp_path: Path) -> None:
    text = (
        "{nodes: [{node_id: 1, interfaces: {a: up}}], hold_seconds: 5, "
        "namespaces: {1: {ids: [ab], layout: clt, timestamps: ptp, freq: 1/10}, 2: {key: namespace}}}"
    )
    settings = config.read(write(tmp_path, text))
    assert settings.namespaces[1] == Namespace(16, frozenset({b"\xab"}), clt=True, time="ptp", marked=(1, 10))
    assert settings.namespaces[2] == Namespace(0, frozenset({b""}))
    assert settings.clt == frozenset({1})
    assert settings.hold_seconds == 5


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = "{nodes: [{node_id: -1, interfaces: {a: up}}], namespaces: {70000: {ids: [a]}}, admit: some, more: 1}"
    assert len(mistakes(tmp_path, text)) >= 4


FLOWS = """
nodes: [{node_id: 1, interfaces: {eth0: up}}]
flows:
  camera: {ue: [10.1.0.0/16, "fd00:1::/32"], remote: 192.0.2.1, protocol: [udp, 6], ports: [5000, 6000-6010]}
  slice: [{teid: [0x1000-0x1fff, 7], qfi: 5}, {vlan: 0x64, dscp: [46, 8-10], ue_ports: "0"}]
  unit: {cgroup: /system.slice/a.service}
flows_file: more/flows.yaml
"""


def test_flows_are_read_in_their_order(tmp_path: Path) -> None:
    settings = config.read(write(tmp_path, FLOWS))
    camera, sliced, unit = settings.flows
    assert settings.flows_file == tmp_path / "more" / "flows.yaml"
    assert camera == Flow(
        "camera",
        (
            Match(
                ue=(ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")),
                remote=(ip_network("192.0.2.1/32"),),
                protocol=(range(17, 18), range(6, 7)),
                ports=(range(5000, 5001), range(6000, 6011)),
            ),
        ),
    )
    assert sliced.matches == (
        Match(teid=(range(0x1000, 0x2000), range(7, 8)), qfi=(range(5, 6),)),
        Match(vlan=(range(100, 101),), dscp=(range(46, 47), range(8, 11)), ue_ports=(range(1),)),
    )
    assert unit.matches == (Match(cgroup="/system.slice/a.service"),)


@pytest.mark.parametrize(
    ("match", "line"),
    [
        ("{}", "flows.a: give at least one key, such as `ue` or `ports`"),
        ("{ue: 5}", "flows.a.ue[0]: must be an IPv4 or IPv6 address or prefix"),
        ("{ports: 5000-}", "flows.a: ports: '5000-' is not a number or range within 0-65535"),
        ("{ports: '\u0665'}", "flows.a: ports: '\u0665' is not a number or range within 0-65535"),
        (
            "{cgroup: camera.service}",
            "flows.a.cgroup: must be a cgroup v2 folder as in /proc/PID/cgroup, such as /system.slice/camera.service",
        ),
        ("[]", "flows.a: needs at least one entry"),
        ("{qfi: 64}", "flows.a: qfi: '64' is not a number or range within 0-63"),
        ("{ports: 9-7}", "flows.a: ports: '9-7' is not a number or range within 0-65535"),
        ("{vlan: 0}", "flows.a: vlan: '0' is not a number or range within 1-4094"),
        ("{protocol: upd}", "flows.a: protocol: 'upd' is not a name such as udp, a number or range within 0-255"),
        ("[{dscp: 1}, {dscp: 64}]", "flows.a[1]: dscp: '64' is not a number or range within 0-63"),
        (
            "{ue: 10.0.0.1/8}",
            "flows.a.ue[0]: must be an IPv4 or IPv6 address or prefix, with no bit set behind the prefix",
        ),
        ("{port: 1}", "flows.a.port: unknown key 'port' (did you mean ports?)"),
    ],
)
def test_mistakes_in_a_flow_are_named(tmp_path: Path, match: str, line: str) -> None:
    text = f"nodes: [{{node_id: 1, interfaces: {{eth0: up}}}}]\nflows: {{a: {match}}}"
    assert mistakes(tmp_path, text) == [line]


def test_an_empty_list_fits_no_packet(tmp_path: Path) -> None:
    text = "flows: {a: {ue: [], qfi: 5}, b: [{teid: []}, {qfi: 5, ue: 10.0.0.1}], c: {ports: [], ue: []}}"
    found = flow_config.read(tmp_path / "flows.yaml", text)
    assert [(flow.name, len(flow.matches)) for flow in found] == [("a", 0), ("b", 1), ("c", 0)]
    assert remarks(found) == []


def test_a_start_goes_on_without_a_file_of_flows_that_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "flows.yaml"
    arguments = argparse.Namespace(config=write(tmp_path, FLOWS.replace("more/", "")), node_id=None, interface=None)
    arguments.pcap, arguments.once, arguments.check_config = None, False, False
    for text, line in (
        ("flows: {camera: {ports: 1}}", "flows.camera: is in the configuration, too: give it another name"),
        (_many(510).decode(), "flows: 513 flows with 514 matches; at most 512 matches: join prefixes in one"),
    ):
        file.write_text(text)
        reader = Reader(arguments)
        assert [flow.name for flow in reader.first().flows] == ["camera", "slice", "unit"]
        assert reader.complaints == (f"{file}: {line}",)


def _many(count: int) -> bytes:
    return json.dumps({"flows": {f"f{number}": {"ports": number} for number in range(count)}}).encode()


HOSTILE = {
    "has 2097153 octets; at most 2097152": b"#" * (2 << 20 | 1),
    "flows: 2000 flows with 2000 matches; at most 512 matches: join prefixes in one": _many(2000),
    "is not UTF-8 text: byte 8": b"flows: {\xff: {}}",
    "must be a mapping of keys, is empty": b"",
    "lists stand in lists too deep": b"[" * 100_000,
    "flows.a: ports: '70000' is not a number or range within 0-65535": b"flows: {a: {ports: 70000}}",
    "flows.a.port: unknown key 'port' (did you mean ports?)": b"flows: {a: {port: 1}}",
    "flows.a b: a name of a flow has 1 to 64 letters, digits and _ . : @ / -": b"flows: {a b: {ports: 1}}",
    "flows.a.ports[0]: must be a number, or a range such as 5000-5999": b"flows: {a: {ports: [[1]]}}",
    "flow: unknown key 'flow' (did you mean flows?)": b"{flow: {}, flows: {}}",
}


@pytest.mark.parametrize("line", HOSTILE)
@pytest.mark.parametrize("link", [False, True])
def test_a_hostile_file_of_flows_is_one_line(tmp_path: Path, line: str, link: bool) -> None:
    file = tmp_path / "flows.yaml"
    (tmp_path / "target" if link else file).write_bytes(HOSTILE[line])
    if link:
        file.symlink_to("target")
    with pytest.raises(UsageError) as fault:
        flow_config.read(file, text_of(file))
    assert fault.value.messages == (f"{file}: {line}",)


def test_many_mistakes_in_a_file_of_flows_are_a_few_lines(tmp_path: Path) -> None:
    file = tmp_path / "flows.yaml"
    text = json.dumps({"flows": {f"f{number}": {"port": 1} for number in range(100)}})
    with pytest.raises(UsageError) as fault:
        flow_config.read(file, text)
    assert len(fault.value.messages) == 4
    assert fault.value.messages[-1] == f"{file}: has 97 more mistakes"


@pytest.mark.parametrize(
    ("make", "end"),
    [
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (os.mkfifo, "it is not a regular file"),
        (Path.mkdir, "it is not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
    ],
    ids=["loop", "pipe", "folder", "dangling"],
)
def test_a_file_of_flows_that_is_not_a_file_is_named(tmp_path: Path, make: Callable[[Path], None], end: str) -> None:
    make(tmp_path / "flows.yaml")
    arguments = argparse.Namespace(config=write(tmp_path, FLOWS.replace("more/", "")), node_id=None, interface=None)
    arguments.pcap, arguments.once, arguments.check_config = None, False, False
    reader = Reader(arguments)
    assert [flow.name for flow in reader.first().flows] == ["camera", "slice", "unit"]
    assert reader.complaints == (f"{tmp_path}/flows.yaml: cannot be read: {end}",)
    with pytest.raises(UsageError, match=end):
        reader()
