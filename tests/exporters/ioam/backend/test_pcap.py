# SPDX-License-Identifier: Apache-2.0
"""Captures of every kind that a file or a pipe may hold."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import PcapNgWriter, PcapWriter

from joulepath.errors import UsageError
from joulepath.ioam.backend import pcap
from joulepath.ioam.backend.pcap import PcapSource
from joulepath.ioam.backend.pcapfile import Frame, PcapFile
from joulepath.ioam.settings import Namespace, Point, Settings
from joulepath_lab.run.exporter import samples
from tests.exporters.ioam.bench import TRACE_ID, bench, ipv6, pair, trace_pairs, traced
from tests.exporters.ioam.captures import block, classic, cooked, enhanced, interface, options, padded, section
from tests.exporters.ioam.table.test_tunnels import N3_V6, gtp, n3

pytestmark = pytest.mark.unit

PACKET = ipv6(traced())
NAMESPACES = {123: Namespace(ids=frozenset({TRACE_ID}))}
ONE = Settings(points=(Point("n3", "received", 4, "uplink", path=True),), namespaces=NAMESPACES)
BOTH = Settings(
    points=(Point("n3", "received", 4, "uplink", path=False), Point("n3", "sent", 4, "downlink", path=False)),
    namespaces=NAMESPACES,
)
ORDERS = ["<", ">"]


def read_capture(stream: bytes, settings: Settings = ONE, name: str | None = None) -> PcapSource:
    source = PcapSource(settings, "some.pcap", name, io.BytesIO(stream))
    source.start()
    source.finish(0)
    return source


def sums(source: PcapSource) -> dict[str, tuple[int, int]]:
    """User packets and octets by direction."""
    return {node.direction: pair(node.user) for node in source.reading().counts.nodes}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("nanoseconds", [False, True])
@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (1, bytes(Ether(type=0x86DD))),
        (1, bytes(Ether() / Dot1Q(vlan=3, type=0x86DD))),
        (1, bytes(Ether() / Dot1AD(vlan=3) / Dot1Q(vlan=5, type=0x86DD))),
        (101, b""),
        (12, b""),
        (229, b""),
        (113, cooked(b"", 0, version=1)),
        (276, cooked(b"", 0, version=2)),
    ],
)
def test_every_kind_of_file_and_link_is_read(order: str, nanoseconds: bool, link_type: int, head: bytes) -> None:
    frames = [head + PACKET] * 3
    ng = section(order) + interface(order, link_type) + b"".join(enhanced(order, 0, frame) for frame in frames)
    for stream in (classic(order, link_type, frames, nanoseconds=nanoseconds), ng):
        reading = read_capture(stream).reading()
        assert trace_pairs(reading.counts.nodes[0]) == {TRACE_ID.hex(): (3, 3 * len(PACKET))}
        assert reading.captures == (("n3", "pcap"),)
        assert reading.limits == (("pcap", "segments"),)


@pytest.mark.parametrize("order", ORDERS)
def test_frame_check_sequences_are_not_counted(order: str) -> None:
    # draft-ietf-opsawg-pcap: a sequence of two times 16 bits, and that its length is told.
    stream = classic(order, 2 << 28 | 1 << 26 | 1, [bytes(Ether(type=0x86DD)) + PACKET + bytes(4)])
    assert sums(read_capture(stream)) == {"uplink": (1, len(PACKET))}


def test_a_vlan_tag_in_a_cooked_capture_is_skipped() -> None:
    tagged = struct.pack("!HHIHBB8s", 0x8100, 0, 3, 1, 0, 6, bytes(8)) + b"\0\5\x86\xdd" + PACKET
    assert sums(read_capture(classic("<", 276, [tagged]))) == {"uplink": (1, len(PACKET))}


def test_ipv4_packets_count_and_other_frames_do_not() -> None:
    small = bytes(IP() / UDP())
    assert sums(read_capture(classic("<", 228, [small]))) == {"uplink": (1, 28)}
    assert sums(read_capture(classic("<", 1, [bytes(Ether(type=0x0806)) + bytes(46)]))) == {"uplink": (0, 0)}


@pytest.mark.parametrize("version", [1, 2])
def test_a_cooked_capture_tells_sent_packets_from_received_ones(version: int) -> None:
    frames = [cooked(PACKET, packet_type, version=version) for packet_type in (0, 3, 4, 4, 4)]
    reading = read_capture(classic("<", 113 if version == 1 else 276, frames), BOTH).reading()
    assert {node.direction: node.user.packets for node in reading.counts.nodes} == {"uplink": 2, "downlink": 3}
    assert ("pcap", "way") not in reading.limits


@pytest.mark.parametrize("order", ORDERS)
def test_pcapng_states_interfaces_directions_and_drops(order: str) -> None:
    settings = Settings(
        points=(*BOTH.points, Point("n6", "received", 4, "downlink", path=False)), namespaces=NAMESPACES
    )
    stream = section(order) + interface(order, 1, "mgmt") + interface(order, 101, "n6") + interface(order, 101, "n3")
    stream += enhanced(order, 1, PACKET) + enhanced(order, 2, PACKET, 1) + enhanced(order, 2, PACKET, 2) * 2
    for lost in (3, 7):  # of the same interface: the later says all of them
        stream += block(
            order, 5, struct.pack(order + "III", 2, 0, 0) + options(order, (5, struct.pack(order + "Q", lost)))
        )
    stream += section(order) + interface(order, 101, "n6") + enhanced(order, 0, PACKET)
    stream += block(order, 5, struct.pack(order + "III", 0, 0, 0) + options(order, (7, struct.pack(order + "Q", 2))))
    source = read_capture(stream, settings)
    assert {name: packets for name, (packets, _) in sums(source).items()} == {"uplink": 1, "downlink": 4}
    assert source.reading().drops == 9


def test_older_packet_blocks_are_read() -> None:
    old = struct.pack("<HHIIII", 0, 0, 0, 0, len(PACKET), len(PACKET)) + padded(PACKET)
    stream = section("<") + interface("<", 101) + block("<", 2, old)
    stream += block("<", 3, struct.pack("<I", len(PACKET)) + padded(PACKET)) + block("<", 0x0BAD, b"1234")
    assert sums(read_capture(stream)) == {"uplink": (2, 2 * len(PACKET))}
    cut = section("<") + interface("<", 101, snap=100) + block("<", 3, struct.pack("<I", len(PACKET)) + PACKET[:100])
    reading = read_capture(cut).reading()
    assert (reading.counts.nodes[0].user.octets, reading.limits[1]) == (len(PACKET), ("pcap", "snap_length"))


def test_a_capture_that_scapy_writes_is_read(tmp_path: Path) -> None:
    frames = [Ether() / Raw(PACKET), Ether() / IPv6() / UDP()]
    for frame in frames[:1]:
        frame.type = 0x86DD
    for name, writer in (
        ("a.pcap", PcapWriter(str(tmp_path / "a.pcap"), endianness=">", nano=True, linktype=1)),
        ("b.pcapng", PcapNgWriter(str(tmp_path / "b.pcapng"))),
    ):
        writer.write(frames)
        writer.close()
        assert sums(read_capture((tmp_path / name).read_bytes())) == {"uplink": (2, len(PACKET) + 48)}


def test_an_ambiguous_interface_is_refused() -> None:
    two = Settings(points=(*ONE.points, Point("n6", "received", 4, "downlink", path=False)), namespaces=NAMESPACES)
    with pytest.raises(UsageError, match="--interface"):
        read_capture(classic("<", 101, [PACKET]), two)
    with pytest.raises(UsageError, match="--interface n9: is not in the configuration"):
        read_capture(b"", two, "n9")
    assert sums(read_capture(classic("<", 101, [PACKET]), two, "n6")) == {
        "uplink": (0, 0),
        "downlink": (1, len(PACKET)),
    }


def test_a_file_without_directions_gets_a_warning() -> None:
    source = read_capture(classic("<", 101, [PACKET]), BOTH)
    assert sums(source)["uplink"] == (1, len(PACKET))
    assert ("pcap", "way") in source.reading().limits


@pytest.mark.parametrize(
    ("stream", "line"),
    [
        (b"", "not a pcap or pcapng file"),
        (b"GIF89a", "not a pcap or pcapng file"),
        (classic("<", 105, [PACKET]), "link type 105 is not known"),
        (classic("<", 101, [])[:24] + b"\xff" * 16, "is damaged: a length of 4294967295 octets"),
        (section("<")[:8] + bytes(20), "a section of unknown byte order"),
        (section("<") + enhanced("<", 0, PACKET), "a block contradicts itself or the interfaces before it"),
        (
            section("<") + interface("<", 101) + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
            "a block contradicts itself or the interfaces before it",
        ),
    ],
)
def test_a_damaged_file_is_one_line(stream: bytes, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        read_capture(stream)


@given(
    st.sampled_from([classic("<", 101, [PACKET]), section(">") + interface(">", 1) + enhanced(">", 0, PACKET, 1)]),
    st.data(),
)
def test_damaged_files_end_or_are_refused(stream: bytes, data: st.DataObject) -> None:
    damaged = bytearray(stream)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    file = PcapFile(io.BytesIO(bytes(damaged[: data.draw(st.integers(0, len(damaged)))])), "x")
    try:
        frames = list(file.frames())
    except UsageError:
        return
    assert all(len(frame.octets) <= len(stream) for frame in frames)


def test_a_stream_that_ends_within_a_packet_is_counted_so_far() -> None:
    file = PcapFile(io.BytesIO(classic("<", 101, [PACKET, PACKET])[:-1]), "x")
    assert list(file.frames()) == [Frame(101, PACKET, len(PACKET), None, None)]
    assert file.cut_off


@given(
    st.lists(
        st.sampled_from([PACKET, ipv6(traced(bytes(16))), n3(N3_V6, gtp(PACKET)), bytes(IPv6() / UDP()), b"\x45", b""])
    )
)
def test_a_capture_counts_like_its_packets_one_by_one(packets: list[bytes]) -> None:
    counter = bench()
    for packet in packets:
        counter.see(packet)
    assert read_capture(classic(">", 101, packets)).reading().counts == counter.counts()


def test_the_command_line_counts_a_capture(tmp_path: Path) -> None:
    path = tmp_path / "n3.pcap"
    path.write_bytes(classic("<", 101, [PACKET] * 4))
    command = [sys.executable, "-m", "joulepath", "ioam", "--node-id", "4", "--once", "--pcap"]
    from_file = subprocess.run([*command, str(path)], capture_output=True, timeout=30, check=True)
    from_pipe = subprocess.run([*command, "-"], input=path.read_bytes(), capture_output=True, timeout=30, check=True)
    series = samples(from_file.stdout.decode())
    piped = samples(from_pipe.stdout.decode())
    assert series.pop(("ioam_capture_info", "pcap", str(path))) == piped.pop(("ioam_capture_info", "pcap", "-")) == 1
    assert series == piped
    assert series["ioam_trace_bytes_total", "captured", "123", "4", TRACE_ID.hex()] == 4 * len(PACKET)
    assert series["ioam_capture_limit_info", pcap.BACKEND, pcap.SEGMENTS] == 1
    missing = subprocess.run([*command, "/nowhere.pcap"], capture_output=True, text=True, timeout=30, check=False)
    assert (missing.returncode, missing.stderr.splitlines()[-1]) == (
        2,
        "joulepath ioam: /nowhere.pcap: cannot be read: No such file or directory",
    )


def test_sigterm_ends_it_while_it_waits_for_standard_input() -> None:
    command = [sys.executable, "-m", "joulepath", "ioam", "--node-id", "4", "--pcap", "-"]
    command += ["--web.listen-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(classic("<", 101, [PACKET]))
        process.stdin.flush()
        assert b"listening" in process.stderr.readline()
        process.terminate()
        assert process.wait(30) == 0
