# SPDX-License-Identifier: Apache-2.0
"""The decoder of PFCP reads what scapy writes, and what the lab writes as scapy and tshark read it."""

import importlib
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from joulepath.pfcp.wire.content import Content, Report, Seid, Ue
from joulepath.pfcp.wire.decode import content
from joulepath.pfcp.wire.message import Message, messages
from joulepath.pfcp.wire.reasons import REASONS, Malformed
from joulepath_lab.devices import pfcp as lab
from tests.exporters.ioam.tshark import Tshark

pytestmark = pytest.mark.unit

s: Any = importlib.import_module("scapy.contrib.pfcp")  # it has no types


def decoded(octets: bytes) -> tuple[Message, Content]:
    (message,) = messages(octets)
    return message, content(octets, message)


def body(octets: bytes) -> Content:
    return decoded(octets)[1]


def reason(octets: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        body(octets)
    assert caught.value.reason in REASONS
    return caught.value.reason


def establishment(*elements: Any) -> bytes:
    fseid = s.IE_FSEID(v4=1, seid=0x1122334455667788, ipv4="192.0.2.9")
    return bytes(s.PFCP(S=1, seid=0, seq=7) / s.PFCPSessionEstablishmentRequest(IE_list=[fseid, *elements]))


def test_a_header_has_its_type_its_session_and_its_number() -> None:
    message, _ = decoded(bytes(s.PFCP(S=1, seid=5, seq=0x010203) / s.PFCPSessionDeletionRequest()))
    assert (message.kind, message.seid, message.sequence) == (54, 5, 0x010203)
    message, found = decoded(bytes(s.PFCP(S=0, seq=9) / s.PFCPHeartbeatRequest(IE_list=[
        s.IE_RecoveryTimeStamp(timestamp=2_208_988_800 + 1000)])))  # fmt: skip
    assert (message.kind, message.seid, message.sequence, found.recovery) == (1, 0, 9, 1000)


def test_bundled_messages_are_read_one_after_the_other() -> None:
    first, second = (lab.message(lab.DELETE, number, seid=number) for number in (1, 2))
    bundle = bytes([first[0] | 4]) + first[1:] + second
    assert [message.seid for message in messages(bundle)] == [1, 2]


def test_a_session_is_described_by_its_establishment() -> None:
    found = body(
        establishment(
            s.IE_CreatePDR(
                IE_list=[
                    s.IE_PDR_Id(id=1),
                    s.IE_PDI(
                        IE_list=[
                            s.IE_SourceInterface(interface=0),
                            s.IE_FTEID(V4=1, TEID=0xABCD, ipv4="192.0.2.1"),
                            s.IE_NetworkInstance(instance="internet"),
                            s.IE_UE_IP_Address(V4=1, V6=1, ipv4="10.45.0.2", ipv6="2001:db8::1"),
                            s.IE_QFI(QFI=5),
                        ]
                    ),
                    s.IE_URR_Id(id=1),
                    s.IE_URR_Id(id=2),
                    s.IE_QER_Id(id=3),
                ]
            ),
            s.IE_CreateURR(
                IE_list=[s.IE_URR_Id(id=1), s.IE_MeasurementMethod(VOLUM=1), s.IE_MeasurementPeriod(period=30)]
            ),
            s.IE_CreateURR(IE_list=[s.IE_URR_Id(id=2), s.IE_MeasurementMethod(DURAT=1)]),
            s.IE_CreateQER(IE_list=[s.IE_QER_Id(id=3), s.IE_QFI(QFI=9)]),
            s.IE_CreateFAR(
                IE_list=[
                    s.IE_FAR_Id(id=4),
                    s.IE_ForwardingParameters(
                        IE_list=[s.IE_OuterHeaderCreation(GTPUUDPIPV4=1, TEID=0x77, ipv4="192.0.2.3")]
                    ),
                ]
            ),
            s.IE_APN_DNN(apn_dnn="factory.example"),
            s.IE_UserId(IMSIF=1, imsi=b"\x00\x01\x01\x32\x54\x76\x98\xf0"),
        )
    )
    assert found.seid == Seid(0x1122334455667788, (ip_address("192.0.2.9").packed,))
    (pdr,) = found.pdrs
    assert (pdr.number, pdr.source, pdr.teids, pdr.network) == (1, 0, [0xABCD], "internet")
    assert pdr.users == [Ue(ip_address("10.45.0.2").packed, 32), Ue(ip_address("2001:db8::1").packed, 64)]
    assert (pdr.qfis, pdr.urrs, pdr.qers) == ([5], [1, 2], [3])
    assert [(urr.number, urr.volume, urr.period) for urr in found.urrs] == [(1, True, 30), (2, False, None)]
    assert [(qer.number, qer.qfi) for qer in found.qers] == [(3, 9)]
    assert [(far.number, far.teid) for far in found.fars] == [(4, 0x77)]
    assert (found.dnn, found.subscriber) == ("factory.example", "imsi-001010234567890")


@pytest.mark.parametrize(
    ("group", "packet"),
    [
        (s.IE_UsageReport_SMR, s.PFCPSessionModificationResponse),
        (s.IE_UsageReport_SDR, s.PFCPSessionDeletionResponse),
        (s.IE_UsageReport_SRR, s.PFCPSessionReportRequest),
    ],
)
def test_a_usage_report_is_read_wherever_it_stands(group: Any, packet: Any) -> None:
    report = group(
        IE_list=[
            s.IE_URR_Id(id=7),
            s.IE_UR_SEQN(number=3),
            s.IE_UsageReportTrigger(PERIO=1),
            s.IE_StartTime(timestamp=2_208_988_800 + 100),
            s.IE_EndTime(timestamp=2_208_988_800 + 110),
            s.IE_TimeOfFirstPacket(timestamp=2_208_988_800 + 101),
            s.IE_TimeOfLastPacket(timestamp=2_208_988_800 + 109),
            # Packets are newer than scapy's class: flags 4 to 6, and three more numbers.
            s.IE_VolumeMeasurement(spare=7, TOVOL=1, ULVOL=1, DLVOL=1, total=30, uplink=10, downlink=20,
                                   extra_data=struct.pack(">3Q", 3, 1, 2)),
        ]
    )  # fmt: skip
    found = body(bytes(s.PFCP(S=1, seid=1) / packet(IE_list=[s.IE_Cause(cause=1), report])))
    (read,) = found.reports
    assert read == Report(7, 3, (30, 10, 20), (3, 1, 2), read.trigger, 100, 110, 101, 109)
    assert read.trigger >> 16 == 1


def test_each_set_of_volume_flags_reads_its_own_numbers() -> None:
    for flags in range(64):
        values = [100 + bit for bit in range(6) if flags & 1 << bit]
        volume = lab.element(66, bytes([flags]), *(struct.pack(">Q", value) for value in values))
        report = lab.element(80, lab.element(81, b"\0\0\0\1"), lab.element(104, b"\0\0\0\0"), volume)
        (read,) = body(lab.message(lab.REPORT, 1, report, seid=1)).reports
        assert (*read.octets, *read.packets) == tuple(100 + bit if flags & 1 << bit else None for bit in range(6))


@pytest.mark.parametrize(
    ("flags", "rest", "bits"),
    [(1, b"", 64), (1 | 8, b"\x08", 56), (1 | 64, b"\x30", 48), (1 | 64, b"\x00", 1), (1 | 64, b"\xff", 128)],
)
def test_an_ipv6_prefix_of_a_user_may_have_its_own_length(flags: int, rest: bytes, bits: int) -> None:
    user = lab.element(93, bytes([flags]), bytes(range(16)), rest)
    pdr = lab.element(1, lab.element(56, b"\0\1"), lab.element(2, user))
    assert body(lab.message(50, 1, lab.seid(1, "192.0.2.9"), pdr, seid=0)).pdrs[0].users == [Ue(bytes(range(16)), bits)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\x08internet", "internet"),
        (b"\x03ims\x06mnc001\x06mcc001\x04gprs", "ims.mnc001.mcc001.gprs"),
        (b"internet", "internet"),
        (b"\x08internet\x00", "internet"),
        (b"n6\xff\n\x01", "n6???"),
        (b"", ""),
        (b"a" * 300, "a" * 100),
    ],
)
def test_names_are_read_as_labels_or_as_plain_text(value: bytes, text: str) -> None:
    assert body(lab.message(50, 1, lab.seid(1, "192.0.2.9"), lab.element(159, value), seid=0)).dnn == text


@pytest.mark.parametrize(("sd", "text"), [(0xFFFFFF, "1"), (0x010203, "1-010203"), (0, "1-000000")])
def test_a_slice_is_its_sst_and_its_sd(sd: int, text: str) -> None:
    assert body(lab.message(50, 1, lab.seid(1, "192.0.2.9"), lab.s_nssai(1, sd), seid=0)).s_nssai == text


def test_elements_of_enterprises_and_unknown_ones_are_passed_over() -> None:
    enterprise = s.IE_EnterpriseSpecific(ietype=0x8000 + 57, enterprise_id=18681, data=b"\xff" * 9)
    found = body(establishment(enterprise, s.IE_NotImplemented(ietype=999, data=b"abc"), s.IE_APN_DNN(apn_dnn="ims")))
    assert (found.dnn, found.seid and found.seid.number) == ("ims", 0x1122334455667788)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", "header"),
        (b"\x20\x01\x00\x04\x00\x00", "header"),
        (b"\x40\x01\x00\x04\x00\x00\x01\x00", "version"),
        (b"\x20\x01\x00\x03\x00\x00\x01\x00", "header"),
        (b"\x21\x36\x00\x04\x00\x00\x01\x00", "header"),
        (lab.message(54, 1, seid=1)[:-1], "header"),
        (lab.message(1, 1, b"\x00\x60\x00\x05\x00\x00\x00\x00"), "element_length"),
        (lab.message(1, 1, b"\x00\x60\x00"), "element_length"),
        (lab.message(1, 1, lab.element(96, b"\0\0\0")), "element_value"),
        (lab.message(50, 1, seid=0), "missing_element"),
        (lab.message(51, 1, lab.cause(), seid=1), "missing_element"),
        (lab.message(55, 1, seid=1), "missing_element"),
        (lab.message(50, 1, lab.seid(1, "192.0.2.9"), lab.element(1), seid=0), "missing_element"),
        (lab.message(50, 1, lab.seid(1, "192.0.2.9"), lab.element(1, b"\0\x38\0\3\0\0"), seid=0), "element_length"),
        (lab.message(56, 1, lab.element(80, lab.element(81, b"\0\0\0\1")), seid=1), "missing_element"),
        (lab.message(56, 1, lab.element(80, lab.element(66, b"\7" + b"\0" * 23)), seid=1), "element_value"),
        (lab.message(56, 1, lab.usage(80, lab.Usage(1, 0, uplink=1 << 51)), seid=1), "volume"),
    ],
)
def test_a_malformed_message_has_its_reason(octets: bytes, expected: str) -> None:
    assert reason(octets) == expected


def example() -> bytes:
    """An establishment with most elements in it."""
    rules = [lab.Rule(1, lab.ACCESS, (1, 2), "10.45.0.2", 77, 5, "internet"), lab.Rule(2, lab.CORE, (1,), "2001:db8::")]
    return lab.message(
        lab.ESTABLISH, 1, lab.node("192.0.2.9"), lab.seid(9, "192.0.2.9"), *map(lab.pdr, rules), lab.urr(1), lab.urr(2),
        lab.far(1, 78, "192.0.2.3"), lab.dnn("internet"), lab.s_nssai(1, 0x010203), lab.imsi("001010123456789"), seid=0,
    )  # fmt: skip


def reports() -> bytes:
    usages = [lab.Usage(1, 4, 1000, 2000, (3, 4), start=100, end=110), lab.Usage(2, 5, 10, 20, start=100, end=110)]
    return lab.message(lab.REPORT, 2, *(lab.usage(80, usage) for usage in usages), seid=9)


@given(st.sampled_from([example(), reports()]), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=4))
def test_damaged_messages_are_read_or_refused_but_never_raise(octets: bytes, damage: list[tuple[int, int]]) -> None:
    broken = bytearray(octets)
    for place, value in damage:
        broken[place % len(broken)] = value
    read_or_refuse(bytes(broken))


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused_but_never_raise(octets: bytes) -> None:
    read_or_refuse(octets)
    for kind in (5, 6, 50, 51, 52, 53, 55, 56):
        read_or_refuse(lab.message(kind, 1, octets, seid=1))


def read_or_refuse(octets: bytes) -> None:
    with suppress(Malformed):  # with a reason that it knows, or it could not be made
        for message in messages(octets):
            content(octets, message)


def cut(octets: bytes) -> Iterator[bytes]:
    return (octets[:length] for length in range(len(octets)))


@pytest.mark.parametrize("octets", [example(), reports()])
def test_a_message_that_is_cut_off_is_refused_at_every_octet(octets: bytes) -> None:
    assert {reason(part) for part in cut(octets)} == {"header"}


def test_scapy_reads_the_messages_of_the_lab_as_we_do() -> None:
    packet = s.PFCP(example())
    assert packet.message_type == 50
    assert [ie.ie_type for ie in packet.IE_list][:4] == [60, 57, 1, 1]
    pdi = packet.IE_list[2].IE_list[1]
    assert (pdi.IE_list[1].TEID, pdi.IE_list[3].ipv4) == (77, "10.45.0.2")
    (pdr, _) = body(example()).pdrs
    assert (pdr.teids, pdr.users) == ([77], [Ue(ip_address("10.45.0.2").packed, 32)])
    volume = s.PFCP(reports()).IE_list[0].IE_list[-1]
    assert (volume.total, volume.uplink, volume.downlink) == body(reports()).reports[0].octets


def test_tshark_reads_the_messages_of_the_lab_as_we_do(tmp_path: Path) -> None:
    try:
        tshark = Tshark()
    except FileNotFoundError as fault:
        pytest.skip(str(fault))
    capture = tmp_path / "n4.pcap"
    link = Ether(dst="02:00:00:00:00:01") / IP(src="192.0.2.1", dst="192.0.2.9") / UDP(sport=8805, dport=8805)
    wrpcap(str(capture), [link / octets for octets in (example(), reports())])
    names = ("pfcp.msg_type", "pfcp.f_teid.teid", "pfcp.ue_ip_addr_ipv4", "pfcp.apn_dnn", "pfcp.s_nssai_sst.sst",
             "pfcp.s_nssai_sst.sd", "e212.imsi", "pfcp.ur_seqn", "pfcp.volume_measurement.tovol",
             "pfcp.volume_measurement.ulnop")  # fmt: skip
    fields = [word for name in names for word in ("-e", name)]
    lines = tshark.read(capture, "-T", "fields", *fields).splitlines()
    first, second = (dict(zip(names, line.split("\t"), strict=True)) for line in lines)
    described = body(example())
    assert int(first["pfcp.f_teid.teid"], 0) == described.pdrs[0].teids[0]
    assert first["pfcp.ue_ip_addr_ipv4"] == "10.45.0.2"
    assert first["pfcp.apn_dnn"] == described.dnn
    assert f"{int(first['pfcp.s_nssai_sst.sst'], 16)}-{first['pfcp.s_nssai_sst.sd']}" == described.s_nssai
    assert "imsi-" + first["e212.imsi"] == described.subscriber
    read = body(reports()).reports
    assert second["pfcp.ur_seqn"] == ",".join(str(report.sequence) for report in read)
    assert second["pfcp.volume_measurement.tovol"] == ",".join(str(report.octets[0]) for report in read)
    assert second["pfcp.volume_measurement.ulnop"] == str(read[0].packets[1])
