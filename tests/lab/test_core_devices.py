# SPDX-License-Identifier: Apache-2.0
"""The SMF and the user planes of scenario `core` on loopback: they let sessions pass, and count each packet once."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from joulepath_lab.devices import open5gs, smf
from joulepath_lab.devices.n4 import Smf, Truth, Upf
from joulepath_lab.devices.upf import Reporter, UserPlane
from joulepath_lab.run.ports import free_port
from joulepath_lab.scenarios import core
from joulepath_lab.scenarios.sessions import Session

pytestmark = pytest.mark.unit

SESSIONS = core.SCENARIO.sessions
CAMERAS, IPV4, FORKLIFTS, SCANNERS, PRESS, GUESTS = SESSIONS


@pytest.fixture
def upf() -> Iterator[Upf]:
    """With every session of the scenario, each under its number."""
    port = free_port(socket.SOCK_DGRAM)
    with Upf("127.0.0.112", port=port) as upf, Smf("127.0.0.111", upf.address, port=port) as other:
        other.associate()
        assert [smf.establish(other, session) for session in SESSIONS] == [session.number for session in SESSIONS]
        yield upf


def test_a_session_passes_when_the_smf_has_established_it() -> None:
    known: set[Session] = set()
    plane = UserPlane(SESSIONS, known.__contains__)
    assert not plane.admit(PRESS, bytes(100), True)
    known.add(PRESS)
    assert plane.admit(PRESS, bytes(100), True)
    assert not plane.admit(CAMERAS, bytes(100), True)
    assert plane.counts[PRESS].octets == [100, 0]
    assert plane.counts[CAMERAS].packets == [0, 0]


def test_the_smf_names_an_ethernet_session_by_its_network_alone(upf: Upf) -> None:
    assert upf.truth[PRESS.number] == Truth(dnn="press", ue="")
    assert upf.truth[FORKLIFTS.number] == Truth(dnn="logistics", ue="10.45.0.3")


def test_reports_add_up_to_every_packet_once(upf: Upf) -> None:
    @settings(max_examples=20)
    @given(st.lists(st.tuples(st.integers(20, 1500), st.booleans(), st.booleans()), max_size=20))
    def holds(packets: list[tuple[int, bool, bool]]) -> None:
        plane = UserPlane(SESSIONS, lambda _: True)
        reporter = Reporter(plane, upf)
        before = vars(upf.truth[PRESS.number]).copy()
        for octets, uplink, report in packets:
            plane.admit(PRESS, bytes(octets), uplink)
            if report:
                reporter.report()
        reporter.report()
        after = vars(upf.truth[PRESS.number])
        up, down = ([octets for octets, uplink, _ in packets if uplink is way] for way in (True, False))
        told = [after[key] - before[key] for key in ("uplink", "downlink", "packets_up", "packets_down")]
        assert told == [sum(up), sum(down), len(up), len(down)]

    holds()


def test_a_lie_is_about_the_application_alone(upf: Upf) -> None:
    plane = UserPlane(SESSIONS, lambda _: True)
    for session in (PRESS, GUESTS):
        plane.admit(session, bytes(100), True)
    Reporter(plane, upf, lie=True).report()
    assert (upf.truth[PRESS.number].uplink, upf.truth[GUESTS.number].uplink) == (300, 100)


def exported(plane: UserPlane, *, lie: bool = False) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(open5gs.exposition(plane.volumes("upf-2", lie=lie)))
    return {
        (
            sample.name.removeprefix("fivegs_ep_n3_gtp_").removesuffix("_total"),
            sample.labels.get("qfi", ""),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_open5gs_counts_its_own_sessions_by_qfi() -> None:
    plane = UserPlane(SESSIONS, lambda _: True)
    sent = ((FORKLIFTS, 700, True), (SCANNERS, 300, True), (FORKLIFTS, 200, False), (IPV4, 999, True))
    for session, octets, uplink in sent:
        plane.admit(session, bytes(octets), uplink)
    assert exported(plane) == {
        ("indatapktn3upf", ""): 2,
        ("indatavolumen3upf", ""): 1000,
        ("indatavolumeqosleveln3upf", "5"): 700,
        ("indatavolumeqosleveln3upf", "8"): 300,
        ("outdatapktn3upf", ""): 1,
        ("outdatavolumen3upf", ""): 200,
        ("outdatavolumeqosleveln3upf", "5"): 200,
        ("outdatavolumeqosleveln3upf", "8"): 0,
    }
    assert exported(plane, lie=True)["indatavolumeqosleveln3upf", "5"] == 2100
