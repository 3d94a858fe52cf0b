# SPDX-License-Identifier: Apache-2.0
"""The file of flows has the sessions of each group, and is replaced as a whole when they come and go."""

from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from joulepath.pfcp.flowsfile import FlowsWriter, flows, joined, rendered
from joulepath.pfcp.settings import FlowsFile, Group, Match, Settings
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4

pytestmark = pytest.mark.unit

GROUPS = (Group("voice", (Match(qfi=frozenset({5})),)), Group("cameras", (Match(dnn=("video",)),)),
          Group("robots", (Match(dnn=("robots",)),)))  # fmt: skip


def rules(ue: str, teid: int | None = None) -> tuple[lab.Rule, ...]:
    return lab.Rule(1, lab.ACCESS, (1,), ue, teid), lab.Rule(2, lab.CORE, (1,), ue)


def found(n4: N4, *, by_teid: bool = False) -> object:
    texts = rendered(flows(n4.tracker.groups, n4.tracker.sessions, by_teid=by_teid))
    return yaml.safe_load(joined(texts.values()))["flows"]


def test_each_group_is_a_flow_with_the_addresses_of_its_sessions() -> None:
    n4 = N4(Settings(groups=GROUPS[1:]))
    for seid, (ue, dnn) in enumerate(
        [("10.45.0.2", "video"), ("10.45.0.3", "video"), ("2001:db8:0:5::9", "robots"), ("10.45.0.9", "ims")], 1
    ):
        n4.establish(seid, rules(ue), lab.dnn(dnn))
    assert found(n4) == {"cameras": [{"ue": ["10.45.0.2/31"]}], "robots": [{"ue": ["2001:db8:0:5::/64"]}]}
    n4.ask(lab.DELETE, 1, [], [lab.cause()])
    assert found(n4) == {"cameras": [{"ue": ["10.45.0.3/32"]}], "robots": [{"ue": ["2001:db8:0:5::/64"]}]}


def test_a_group_by_qfi_stands_before_the_rest_of_its_sessions() -> None:
    n4 = N4(Settings(groups=GROUPS))
    n4.establish(1, rules("10.45.0.2"), lab.dnn("video"))
    assert list(found(n4).items()) == [  # type: ignore[attr-defined]  # a mapping
        ("voice", [{"ue": ["10.45.0.2/32"], "qfi": [5]}]),
        ("cameras", [{"ue": ["10.45.0.2/32"]}]),
    ]


def test_an_address_belongs_to_the_later_of_its_sessions() -> None:
    n4 = N4(Settings(groups=GROUPS[1:]))
    n4.establish(1, rules("10.45.0.2"), lab.dnn("video"))
    n4.establish(2, rules("10.45.0.2"), lab.dnn("robots"))
    assert found(n4) == {"robots": [{"ue": ["10.45.0.2/32"]}]}


@pytest.mark.parametrize(
    ("length", "users"), [(0, []), (31, []), (32, ["2001:db8::/32"]), (56, ["2001:db8:0:100::/56"])]
)
def test_a_prefix_of_many_users_is_not_that_of_one(length: int, users: list[str]) -> None:
    """An IPv6 prefix length that is wrong would give a group the packets of all."""
    n4 = N4(Settings(groups=GROUPS[1:]))
    address = lab.element(93, bytes([1 | 64]), ip_address("2001:db8:0:105::1").packed, bytes([length]))
    detects = lab.element(2, lab.element(20, b"\0"), address)
    pdr = lab.element(1, lab.element(56, b"\0\1"), detects, lab.element(81, b"\0\0\0\1"))
    n4.establish(1, (), pdr, lab.urr(1), lab.dnn("video"))
    assert found(n4) == ({"cameras": [{"ue": users}]} if users else {})


def test_a_session_without_an_address_has_its_tunnels() -> None:
    n4 = N4(Settings(groups=GROUPS[1:]))
    n4.establish(1, rules("", 77), lab.dnn("video"), lab.far(1, 78, "192.0.2.200"))
    n4.establish(2, rules("10.45.0.2", 79), lab.dnn("robots"))
    assert found(n4) == {"cameras": [{"teid": ["77-78"]}], "robots": [{"ue": ["10.45.0.2/32"]}]}
    assert found(n4, by_teid=True) == {"cameras": [{"teid": ["77-78"]}], "robots": [{"teid": [79]}]}


def test_a_teid_that_two_groups_would_have_is_left_out() -> None:
    n4 = N4(Settings(groups=GROUPS[1:]))
    n4.establish(1, rules("", 77), lab.dnn("video"), lab.far(1, 1, "192.0.2.200"))
    n4.establish(2, rules("", 79), lab.dnn("ims"), lab.far(1, 1, "192.0.2.201"))
    assert found(n4) == {"cameras": [{"teid": [77]}]}


def test_a_tunnel_that_the_upf_chose_is_in_the_file() -> None:
    n4 = N4(Settings(groups=GROUPS[1:]))
    asked = [lab.seid(1, "192.0.2.9"), *map(lab.pdr, rules("", 0)), lab.urr(1), lab.dnn("video")]
    answered = [lab.cause(), lab.seid(1001, "192.0.2.1"), lab.created_pdr(1, 4711, "192.0.2.1")]
    n4.ask(lab.ESTABLISH, 1, asked, answered)
    assert found(n4) == {"cameras": [{"teid": [4711]}]}


def test_the_file_is_written_at_most_so_often_and_only_for_changes(tmp_path: Path) -> None:
    n4, now = N4(Settings(groups=GROUPS)), [100.0]
    file = tmp_path / "flows.yaml"
    file.write_text("flows: {old: {ue: 10.0.0.1/32}}\n")
    writer = FlowsWriter(n4.tracker, FlowsFile(file, seconds=5), clock=lambda: now[0])
    writer.look()
    assert "old" in file.read_text(), "without a session yet, the flows of before go on"
    n4.establish(1, rules("10.45.0.2"), lab.dnn("video"))
    writer.look()
    assert "10.45.0.2" in file.read_text()
    n4.establish(2, rules("10.45.0.9"), lab.dnn("video"))
    now[0] += 4.9
    writer.look()
    assert "10.45.0.9" not in file.read_text()
    now[0] += 0.2
    writer.look()
    assert "10.45.0.9" in file.read_text()
    now[0] += 60
    n4.report(1, lab.Usage(1, 0, 100))
    writer.look()
    assert (writer.written.times, writer.written.flows) == (2, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["flows.yaml"]


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    n4, now = N4(Settings(groups=GROUPS)), [100.0]
    writer = FlowsWriter(n4.tracker, FlowsFile(tmp_path / "run" / "flows.yaml"), clock=lambda: now[0])
    n4.establish(1, rules("10.45.0.2"), lab.dnn("video"))
    for _ in range(3):
        writer.look()
        now[0] += 10
    assert (writer.written.errors, len(caplog.records)) == (3, 1)
    assert "cannot be written: No such file or directory" in caplog.text
    (tmp_path / "run").mkdir()
    writer.look()
    assert writer.written.times == 1


def test_flows_that_do_not_fit_are_named_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    n4, now = N4(Settings(groups=GROUPS[1:])), [100.0]
    file = tmp_path / "flows.yaml"
    writer = FlowsWriter(n4.tracker, FlowsFile(file, matches=1), clock=lambda: now[0])
    for seid, dnn in enumerate(("video", "robots", "robots"), 1):
        n4.establish(seid, rules(f"10.45.0.{seid}"), lab.dnn(dnn))
        writer.look()
        now[0] += 10
    assert list(yaml.safe_load(file.read_text())["flows"]) == ["cameras"]
    assert (writer.written.flows, writer.written.left_out) == (1, 1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "1 flows are left out, from robots on" in caplog.text
    n4.ask(lab.DELETE, 1, [], [lab.cause()])
    writer.look()
    assert list(yaml.safe_load(file.read_text())["flows"]) == ["robots"]
    assert (writer.written.left_out, caplog.records[-1].levelname) == (0, "INFO")
