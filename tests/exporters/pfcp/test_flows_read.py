# SPDX-License-Identifier: Apache-2.0
"""`joulepath ioam` reads the file of flows that `joulepath pfcp` writes."""

from pathlib import Path

import pytest

from joulepath.ioam import flow_config
from joulepath.pfcp.flowsfile import flows, render
from joulepath.pfcp.settings import Group, Match, Settings
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4, WHOLE

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("by_teid", [False, True])
def test_flows_are_read_as_they_were_written(*, by_teid: bool) -> None:
    n4 = N4(Settings(groups=(Group("voice", (Match(qfi=frozenset({5})),)), Group("cameras", (Match(),)))))
    n4.establish(1, WHOLE, lab.far(1, 77, "192.0.2.200"))
    found = flow_config.read(Path("flows.yaml"), render(flows(n4.tracker.groups, n4.tracker.sessions, by_teid=by_teid)))
    assert [flow.name for flow in found] == ["voice", "cameras"]
    (voice,), (camera,) = (flow.matches for flow in found)
    assert voice.qfi == (range(5, 6),)
    assert (camera.teid == (range(77, 78),)) is by_teid
    assert ([str(network) for network in camera.ue] == ["10.45.0.2/32"]) is not by_teid


def test_a_file_without_sessions_is_read() -> None:
    assert flow_config.read(Path("flows.yaml"), render({})) == ()
