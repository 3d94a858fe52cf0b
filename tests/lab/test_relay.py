# SPDX-License-Identifier: Apache-2.0
"""The lab's user plane: packets come out unchanged, scapy reads its GTP-U, and the opaque part stays hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer

from joulepath_lab.devices import relay

pytestmark = pytest.mark.unit

PACKETS = st.binary(max_size=1500).map(lambda rest: b"\x60" + rest)


@given(PACKETS)
def test_a_packet_comes_back_as_it_was_sent(packet: bytes) -> None:
    assert relay.decipher(relay.cipher(packet)) == packet
    assert relay.decapsulate(relay.encapsulate(packet)) == packet


def test_scapy_reads_the_gtpu_of_the_lab() -> None:
    inner = bytes.fromhex("6000000000003b40") + bytes(32)
    header = GTP_U_Header(relay.encapsulate(inner))
    assert (header.version, header.gtp_type, header.teid) == (1, 255, 0x1001)
    assert header.length == len(inner) + 8
    container = header[GTPPDUSessionContainer]
    assert (container.type, container.QFI) == (1, 9)
    assert bytes(container.payload) == inner


def test_an_opaque_packet_differs_at_each_time() -> None:
    packet = b"\x60" + bytes(200)
    first, second = relay.cipher(packet), relay.cipher(packet)
    assert first != second
    assert packet[1:20] not in first
