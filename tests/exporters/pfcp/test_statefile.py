# SPDX-License-Identifier: Apache-2.0
"""Sessions outlive a restart of the exporter by `state_file`, which may be old, damaged or hostile."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.pfcp.flowsfile import flows
from joulepath.pfcp.settings import Bounds, Group, Match, Settings
from joulepath.pfcp.statefile import StateFile
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4, SMF, UPF, WHOLE

pytestmark = pytest.mark.unit

GROUPS = (Group("voice", (Match(qfi=frozenset({5})),)), Group("cameras", (Match(dnn=("video",)),)))
SETTINGS = Settings(groups=GROUPS)
FIRST = lab.Usage(1, 0, 100, 200, start=1000, end=1010)
FLOWS = (lab.Rule(1, lab.ACCESS, (1,), "10.45.0.2", 77, 5), lab.Rule(2, lab.CORE, (1,), "10.45.0.2", None, 5),
         lab.Rule(3, lab.ACCESS, (2,), "10.45.0.2", 77, 9), lab.Rule(4, lab.CORE, (2,), "10.45.0.2", None, 9),
         )  # fmt: skip


def before(file: Path, settings: Settings = SETTINGS) -> N4:
    """Three sessions, one of them with a URR for each QoS flow, which have reported; and their file, of 1000 s."""
    n4 = N4(settings)
    n4.up(lab.message(lab.HEARTBEAT, 900, lab.recovery(5_000_000)))
    n4.establish(1, WHOLE, lab.dnn("video"), lab.s_nssai(1, 0x010203), lab.imsi("001010123456789"))
    n4.establish(2, FLOWS, lab.dnn("ims"), lab.far(1, 78, "192.0.2.3"))
    n4.establish(3, (lab.Rule(1, lab.ACCESS, (1,), "2001:db8:0:5::9"),))
    n4.report(1, FIRST)
    n4.report(2, FIRST, replace(FIRST, urr=2))
    StateFile(n4.tracker, file, clock=lambda: 1000.0).write()
    return n4


def after(file: Path, settings: Settings = SETTINGS, now: float = 1010.0) -> N4:
    n4 = N4(settings)
    n4.sequence = 500
    StateFile(n4.tracker, file, clock=lambda: now).read()
    return n4


def test_sessions_go_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    old = before(file)
    new = after(file)
    assert new.sessions == old.sessions == {"cameras": 1, "other": 2}
    assert new.total == 0, "counters begin at 0"
    new.report(1, FIRST)  # sent again
    new.report(1, replace(FIRST, sequence=2, uplink=7, downlink=0))
    new.report(2, replace(FIRST, sequence=1, uplink=1, downlink=0), replace(FIRST, urr=2, sequence=1, downlink=2))
    assert (new.event("duplicate_reports"), new.event("missing_reports")) == (1, 1)
    assert new.usage == {
        ("cameras", "video", "1-010203", "uplink"): 7,
        ("voice", "ims", "", "uplink"): 1,
        ("other", "ims", "", "uplink"): 100,
        ("other", "ims", "", "downlink"): 2,
    }
    assert new.tracker.strangers == 0
    found = [flows(n4.tracker.groups, n4.tracker.sessions) for n4 in (old, new)]
    assert found[0] == found[1] != {}
    new.ask(lab.DELETE, 1, [], [lab.cause()])
    new.establish(9, WHOLE, lab.dnn("video"))
    assert new.sessions == {"cameras": 1, "other": 2}
    assert [session.number for session in new.tracker.sessions] == [1, 2, 3]


def test_a_node_that_restarted_meanwhile_ends_its_sessions(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    before(file)
    new = after(file)
    new.up(lab.message(lab.HEARTBEAT, 901, lab.recovery(5_000_000)))
    assert new.sessions == {"cameras": 1, "other": 2}
    new.up(lab.message(lab.HEARTBEAT, 902, lab.recovery(5_000_001)))
    assert (new.sessions, new.event("restarts")) == ({}, 1)


def test_an_old_file_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "state.json"
    before(file)
    assert after(file, now=1300.0).sessions != {}
    for now in (1301.0, 999.0):
        assert after(file, now=now).sessions == {}
    assert "is 301 s old: sessions of before are unknown" in caplog.text


def test_identities_are_stored_only_where_a_group_asks_for_them(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    before(file)
    assert "001010123456789" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    asked = Settings(groups=(Group("fleet", (Match(subscriber=("imsi-00101*",)),)),))
    before(file, asked)
    assert after(file, asked).sessions == {"fleet": 1, "other": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_no_file_and_no_folder_are_not_errors_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert after(tmp_path / "state.json").sessions == {}
    assert caplog.text == ""
    state = StateFile(N4().tracker, tmp_path / "away" / "state.json")
    state.write()
    state.write()
    assert caplog.text.count("cannot be written: No such file or directory") == 1


def test_more_sessions_than_the_bound_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    before(file)
    new = after(file, Settings(groups=GROUPS, bounds=Bounds(sessions=2)))
    assert (len(new.tracker.sessions), new.event("refused_sessions")) == (2, 1)


DAMAGE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.floats(),
)  # fmt: skip


@given(st.data())
@settings(max_examples=50)
def test_damage_anywhere_in_the_file_is_one_line_at_most(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("state") / "state.json"
    before(file)
    state = json.loads(file.read_text())
    place, at = state, data.draw(st.sampled_from(sorted(state)))
    while isinstance(place[at], list | dict) and place[at] and data.draw(st.booleans()):
        place = place[at]
        at = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[at] = data.draw(DAMAGE)
    file.write_text(json.dumps(state))
    new = after(file)
    new.report(1, FIRST)
    new.report(2, FIRST)
    new.establish(1, WHOLE)
    flows(new.tracker.groups, new.tracker.sessions)
    StateFile(new.tracker, file).write()


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "null", '{"version": 2, "written": 1000}', "\x00\xff"])
def test_a_file_of_another_kind_is_one_line(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "state.json"
    file.touch(0o600)
    file.write_text(text)
    assert after(file).sessions == {}
    assert [record.message for record in caplog.records] == [f"{file}: is damaged: sessions of before are unknown"]


def test_nodes_of_the_file_are_those_of_the_network(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    before(file)
    assert {session.upf for session in after(file).tracker.sessions} == {bytes(map(int, UPF.split(".")))}
    assert {session.smf for session in after(file).tracker.sessions} == {bytes(map(int, SMF.split(".")))}
