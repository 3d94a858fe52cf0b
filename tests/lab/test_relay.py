# SPDX-License-Identifier: Apache-2.0
"""The lab's user plane: packets come out unchanged, scapy reads its GTP-U, and the opaque part stays hidden."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from joulepath_lab.devices import carriers
from joulepath_lab.scenarios import core
from joulepath_lab.scenarios.sessions import Session

pytestmark = pytest.mark.unit

SESSIONS = core.SCENARIO.sessions
BY_NUMBER = {session.number: session for session in SESSIONS}
BY_TEID = {teid: session for session in SESSIONS for teid in (session.uplink_teid, session.downlink_teid)}
BY_ADDRESS = {ip_address(session.address).packed: session for session in SESSIONS if session.kind != "ethernet"}
PACKETS = st.binary(max_size=1500)


@given(st.sampled_from(SESSIONS), PACKETS, st.booleans())
def test_a_packet_comes_back_with_its_session(session: Session, packet: bytes, uplink: bool) -> None:
    assert carriers.decipher(carriers.cipher(session, packet), BY_NUMBER) == (session, packet)
    carried = carriers.encapsulate(session, packet, uplink=uplink)
    assert carriers.decapsulate(carried, BY_TEID) == (session, packet)


@pytest.mark.parametrize(("uplink", "teid", "kind"), [(True, 0x1003, 1), (False, 0x2003, 0)])
def test_scapy_reads_the_gtpu_of_the_lab(uplink: bool, teid: int, kind: int) -> None:
    inner = bytes.fromhex("6000000000003b40") + bytes(32)
    header = GTP_U_Header(carriers.encapsulate(BY_NUMBER[3], inner, uplink=uplink))
    assert (header.version, header.gtp_type, header.teid) == (1, 255, teid)
    assert header.length == len(inner) + 8
    container = header[GTPPDUSessionContainer]
    assert (container.type, container.QFI) == (kind, 5)
    assert bytes(container.payload) == inner


def test_an_opaque_packet_differs_at_each_time() -> None:
    packet = b"\x60" + bytes(200)
    first, second = (carriers.cipher(BY_NUMBER[1], packet) for _ in range(2))
    assert first != second
    assert packet[1:20] not in first


def test_a_packet_of_no_session_is_not_carried() -> None:
    strange = carriers.encapsulate(BY_NUMBER[1], b"", uplink=True).replace(b"\x00\x00\x10\x01", b"\x00\x00\x10\x77")
    assert carriers.decapsulate(strange, BY_TEID) is None
    assert carriers.decapsulate(b"\x34\xff", BY_TEID) is None
    assert carriers.decipher(carriers.cipher(BY_NUMBER[1], b""), {}) is None
    assert carriers.by_address(b"", BY_ADDRESS) is None
    assert carriers.by_address(bytes(40), BY_ADDRESS) is None


@pytest.mark.parametrize("user", [session for session in SESSIONS if session.kind != "ethernet"], ids=str)
def test_a_user_s_address_names_its_session_both_ways(user: Session) -> None:
    ip = IPv6 if user.kind == "ipv6" else IP
    for packet in (ip(src=user.address, dst=user.server) / UDP(), ip(src=user.server, dst=user.address) / UDP()):
        assert carriers.by_address(bytes(packet), BY_ADDRESS) == user
