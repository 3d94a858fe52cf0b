# SPDX-License-Identifier: Apache-2.0
"""`joulepath ioam` reads the file of flows that `joulepath pfcp` writes."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import UsageError
from joulepath.ioam import flow_config
from joulepath.pfcp.flowsbounds import keep
from joulepath.pfcp.flowsfile import Match as Keys
from joulepath.pfcp.flowsfile import flows, joined, rendered
from joulepath.pfcp.settings import FlowsFile, Group, Match, Settings
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4, WHOLE

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("by_teid", [False, True])
def test_flows_are_read_as_they_were_written(*, by_teid: bool) -> None:
    n4 = N4(Settings(groups=(Group("voice", (Match(qfi=frozenset({5})),)), Group("cameras", (Match(),)))))
    n4.establish(1, WHOLE, lab.far(1, 77, "192.0.2.200"))
    texts = rendered(flows(n4.tracker.groups, n4.tracker.sessions, by_teid=by_teid))
    found = flow_config.read(Path("flows.yaml"), joined(texts.values()))
    assert [flow.name for flow in found] == ["voice", "cameras"]
    (voice,), (camera,) = (flow.matches for flow in found)
    assert voice.qfi == (range(5, 6),)
    assert (camera.teid == (range(77, 78),)) is by_teid
    assert ([str(network) for network in camera.ue] == ["10.45.0.2/32"]) is not by_teid


def test_a_file_without_sessions_is_read() -> None:
    assert flow_config.read(Path("flows.yaml"), joined(())) == ()


FILE = FlowsFile(Path("flows.yaml"))


def kept(found: dict[str, list[Keys]], file: FlowsFile = FILE) -> tuple[str, list[str], str]:
    """The text that is written, and what is left out."""
    what = keep(rendered(found), file, 100)
    return joined(what.flows.values()), list(what.left_out), what.why


def test_more_matches_than_the_table_has_are_not_written() -> None:
    found: dict[str, list[Keys]] = {f"fleet/{number}": [{"teid": [number]}] for number in range(514)}
    with pytest.raises(UsageError, match="514 matches; at most 512"):
        flow_config.read(Path("flows.yaml"), joined(rendered(found).values()))
    text, left_out, why = kept(found)
    assert [flow.name for flow in flow_config.read(Path("flows.yaml"), text)] == list(found)[:512]
    assert (left_out, why) == (["fleet/512", "fleet/513"], "513 matches, at most 512")


def test_a_flow_is_whole_or_left_out_with_all_that_follow() -> None:
    """`voice` has 2 prefixes, `cameras` 3: of 4, neither a part of `cameras` nor `robots` alone is written."""
    found: dict[str, list[Keys]] = {
        "voice": [{"ue": ["10.0.0.1/32", "10.0.0.3/32"], "qfi": [5]}],
        "cameras": [{"ue": ["10.0.0.1/32", "10.0.0.3/32", "10.0.0.5/32"]}],
        "robots": [{"teid": ["7-9"]}],
    }
    text, left_out, why = kept(found, replace(FILE, prefixes=4))
    assert [flow.name for flow in flow_config.read(Path("flows.yaml"), text)] == ["voice"]
    assert (left_out, why) == (["cameras", "robots"], "5 prefixes and ranges of TEIDs, at most 4")
    assert kept(found, replace(FILE, prefixes=6))[1:] == ([], "")


def test_the_file_stays_within_its_octets() -> None:
    """50,000 addresses of IPv6 are fewer than 65,536 prefixes, and more than 2 MiB."""
    six = [f"2001:db8:ffff:ffff:ffff:ffff:ffff:{number:x}/128" for number in range(50_000)]
    text, left_out, why = kept({"a": [{"ue": six[:10]}], "b": [{"ue": six}]})
    assert (len(text) < 1000, left_out) == (True, ["b"])
    assert why.endswith("octets, at most 2097152")


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3)), max_size=30), st.integers(1, 40), st.integers(1, 99))
def test_whatever_is_written_is_read(sizes: list[tuple[int, int]], matches: int, prefixes: int) -> None:
    found: dict[str, list[Keys]] = {
        f"group-{name}": [{"ue": [f"10.{name}.{part}.{last}/32" for last in range(size)]} for part in range(parts)]
        for name, (size, parts) in enumerate(sizes)
    }
    text, left_out, why = kept(found, replace(FILE, matches=matches, prefixes=prefixes))
    read = flow_config.read(Path("flows.yaml"), text)
    assert [flow.name for flow in read] + left_out == list(found)
    assert sum(len(flow.matches) for flow in read) <= matches
    assert sum(len(match.ue) for flow in read for match in flow.matches) <= prefixes
    assert bool(why) is bool(left_out)
