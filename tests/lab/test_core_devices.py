# SPDX-License-Identifier: Apache-2.0
"""The small SMF and the user planes of scenario `core`: scapy reads their PFCP, and they count each packet once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from scapy.contrib import pfcp as scapy_pfcp

from joulepath_lab.devices import open5gs, pfcp
from joulepath_lab.devices.upf import Agent, Reporter, UserPlane, volumes
from joulepath_lab.scenarios import core
from joulepath_lab.scenarios.sessions import Session

pytestmark = pytest.mark.unit

SCENE = core.SCENARIO
CAMERAS, IPV4, FORKLIFTS, SCANNERS, PRESS, _ = SCENE.sessions
SMF = ("10.0.0.1", pfcp.PORT)
UPF = "10.0.0.2"


def establishment(session: Session) -> bytes:
    rules = pfcp.establishment(session, gnb="fd00::1", upf="fd00::2")
    seid = pfcp.f_seid(session.number, SMF[0])
    return pfcp.message(pfcp.ESTABLISH, 7, pfcp.node_id(SMF[0]), seid, *rules, seid=0)


def test_scapy_reads_the_establishment_of_an_ipv4_session() -> None:
    read = scapy_pfcp.PFCP(establishment(FORKLIFTS))
    assert (read.version, read.message_type, read.seq, read.seid) == (1, 50, 7, 0)
    request = read[scapy_pfcp.PFCPSessionEstablishmentRequest]
    assert bytes(read) == establishment(FORKLIFTS)
    assert request[scapy_pfcp.IE_FSEID].seid == 3
    assert request[scapy_pfcp.IE_UE_IP_Address].ipv4 == "10.45.0.3"
    assert request[scapy_pfcp.IE_FTEID].TEID == 0x1003
    assert request[scapy_pfcp.IE_FTEID].ipv6 == "fd00::2"
    assert request[scapy_pfcp.IE_OuterHeaderCreation].TEID == 0x2003
    assert request[scapy_pfcp.IE_QFI].QFI == 5
    assert request[scapy_pfcp.IE_PDNType].pdn_type == 1
    assert not request.haslayer(scapy_pfcp.IE_CreateURR)


def test_an_ethernet_session_has_no_address_and_is_reported() -> None:
    request = scapy_pfcp.PFCP(establishment(PRESS))
    assert request[scapy_pfcp.IE_PDNType].pdn_type == 5
    assert not request.haslayer(scapy_pfcp.IE_UE_IP_Address)
    rule = request[scapy_pfcp.IE_CreateURR]
    assert rule[scapy_pfcp.IE_MeasurementMethod].VOLUM
    assert rule[scapy_pfcp.IE_ReportingTriggers].periodic_reporting
    assert rule[scapy_pfcp.IE_MeasurementPeriod].period == 1
    assert request[scapy_pfcp.IE_APN_DNN].apn_dnn == b"press.lan"


def test_a_session_passes_when_the_smf_has_established_it() -> None:
    plane = UserPlane(SCENE.sessions)
    agent = Agent(SCENE, plane, UPF, lie=False)
    assert not plane.admit(PRESS, bytes(100), True)
    first, answer = (agent.reply(pfcp.parse(establishment(PRESS)), SMF) for _ in range(2))
    assert answer is not None
    assert first == answer, "the SMF asks again where an answer was lost"
    read = scapy_pfcp.PFCP(answer)
    assert (read.message_type, read.seq, read.seid) == (51, 7, PRESS.number)
    assert read[scapy_pfcp.IE_Cause].cause == 1
    assert pfcp.seid_in(pfcp.parse(answer).elements) == 0x105
    assert plane.admit(PRESS, bytes(100), True)
    assert not plane.admit(CAMERAS, bytes(100), True)
    assert plane.counts[PRESS.number].octets == [100, 0]
    assert plane.counts[CAMERAS.number].packets == [0, 0]


PACKETS = st.lists(st.tuples(st.integers(20, 1500), st.booleans(), st.booleans()), max_size=40)


@given(PACKETS)
def test_reports_add_up_to_every_packet_once(packets: list[tuple[int, bool, bool]]) -> None:
    plane = UserPlane(SCENE.sessions)
    plane.establish(PRESS.uplink_teid)
    now = [1_800_000_000.0]
    reporter = Reporter(plane.counts[PRESS.number], SMF, PRESS.number, clock=lambda: now[0])
    messages: list[bytes] = []
    for octets, uplink, report in packets:
        plane.admit(PRESS, bytes(octets), uplink)
        now[0] += 0.25
        if report:
            messages.append(reporter.report(len(messages)))
    messages.append(reporter.report(len(messages)))
    read = [scapy_pfcp.PFCP(message) for message in messages]
    volumes_read = [one[scapy_pfcp.IE_VolumeMeasurement] for one in read]
    assert [one[scapy_pfcp.IE_UR_SEQN].number for one in read] == list(range(len(read)))
    up, down = ([octets for octets, uplink, _ in packets if uplink is way] for way in (True, False))
    assert sum(one.uplink for one in volumes_read) == sum(up)
    assert sum(one.downlink for one in volumes_read) == sum(down)
    assert sum(one.total for one in volumes_read) == sum(up) + sum(down)


def exported(plane: UserPlane, *, lie: bool = False) -> dict[tuple[str, str], float]:
    text = open5gs.exposition(volumes(plane, (FORKLIFTS, SCANNERS), lie=lie))
    return {
        (
            sample.name.removeprefix("fivegs_ep_n3_gtp_").removesuffix("_total"),
            sample.labels.get("qfi", ""),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_open5gs_counts_its_sessions_by_qfi() -> None:
    plane = UserPlane(SCENE.sessions)
    for session, octets, uplink in ((FORKLIFTS, 700, True), (SCANNERS, 300, True), (FORKLIFTS, 200, False)):
        plane.establish(session.uplink_teid)
        assert plane.admit(session, bytes(octets), uplink)
    plane.establish(IPV4.uplink_teid)
    assert plane.admit(IPV4, bytes(999), True)  # another function's
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
