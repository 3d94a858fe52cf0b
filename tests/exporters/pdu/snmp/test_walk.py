# SPDX-License-Identifier: Apache-2.0
"""Walks as people have them: of snmpsim, and the output of net-snmp's snmpwalk and snmpbulkwalk."""

import asyncio
import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import UsageError
from joulepath.pdu.snmp.client import Missing, Oid, Value, format_oid, parse_oid
from joulepath.pdu.snmp.walk import WalkClient
from tests.exporters.pdu.conftest import joulepath

pytestmark = pytest.mark.unit

BASE = "1.3.6.1.4.1.9999"


def objects(folder: Path, text: str) -> tuple[dict[str, Value], list[int]]:
    """The values of a walk by object below enterprises.9999, and the numbers of its lines that were skipped."""
    path = folder / "device.walk"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    client = WalkClient(path)
    rows = asyncio.run(client.walk(parse_oid(BASE)))
    return {format_oid(index): value for index, value in rows.items()}, client.skipped


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("INTEGER: 42", 42),
        ("INTEGER: -1", -1),
        ("INTEGER: up(1)", 1),
        ("INTEGER: not-there(-7)", -7),
        ("INTEGER: 42 seconds", 42),
        ("INTEGER: 23.1 volts", 231),  # by the display hint d-1
        ("Gauge32: 1530", 1530),
        ("Gauge32: 1530 Watts", 1530),
        ("Counter32: 4294967295", 4294967295),
        ("Counter64: 18446744073709551615", 2**64 - 1),
        ("Unsigned32: 7", 7),
        ("UInteger32: 7", 7),
        ("Timeticks: (746688005) 86 days, 10:08:00.05", 746688005),
        ("Timeticks: 42", 42),
        ("IpAddress: 10.0.0.7", b"\x0a\x00\x00\x07"),
        ('STRING: "rack 7"', b"rack 7"),
        ('STRING: "a \\"b\\" \\\\ c"', b'a "b" \\ c'),
        ('STRING: ""', b""),
        ("STRING: rack 7: left = right", b"rack 7: left = right"),
        ('STRING: "1 = 2 | 3"', b"1 = 2 | 3"),
        ('""', b""),
        ("", b""),
        ('STRING: "two\nlines = 2\n12.2 of it"', b"two\nlines = 2\n12.2 of it"),
        ("STRING: two\n12.2 lines", b"two\n12.2 lines"),
        ("Hex-STRING: 00 1B 2C FF ", b"\x00\x1b\x2c\xff"),
        ("Hex-STRING: " + "41 " * 16 + "\n" + "42 " * 3, b"A" * 16 + b"BBB"),
        ("BITS: 80 01 up(0) down(15) ", b"\x80\x01"),
        ("OID: .1.3.6.1.4.1.318.1", (1, 3, 6, 1, 4, 1, 318, 1)),
        ("OID: iso.3.6.1.4.1.318.1", (1, 3, 6, 1, 4, 1, 318, 1)),
        ("OID: SNMPv2-SMI::enterprises.318.1", (1, 3, 6, 1, 4, 1, 318, 1)),
        ("OID: ccitt.0", (0, 0)),
        ("Opaque: Float: 230.500000", 230.5),
        ("Opaque: Double: -1.500000", -1.5),
        ("Opaque: Int64: -5", -5),
        ("OPAQUE:  9F 78 04 43 66 80 00 ", 230.5),
        ("Wrong Type (should be INTEGER): Gauge32: 42", 42),
        ("Wrong Type (should be Gauge32 or Unsigned32): INTEGER: up(1)", 1),
        ("No Such Instance currently exists at this OID", None),
        ("No Such Object available on this agent at this OID", None),
        ("No more variables left in this MIB View (It is past the end of the MIB tree)", None),
        ("NULL", None),
        ("42", 42),  # -OQ
        ("86:10:08:00.05", 746688005),
        (".1.3.6.1.4.1.318.1", (1, 3, 6, 1, 4, 1, 318, 1)),
        ("rack 7", b"rack 7"),
        ('"' + "41 " * 16 + "\n" + "C3 A4 " * 2 + '"', b"A" * 16 + "ää".encode()),  # -OQ
        ('"41 42"', b"41 42"),
        ('"41 "', b"41 "),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_type_is_read_as_net_snmp_prints_it(tmp_path: Path, printed: str, value: Value | None, end: str) -> None:
    lines = f".{BASE}.1.0 = {printed}\n.{BASE}.2.0 = INTEGER: 5\n".replace("\n", end)
    expected = {} if value is None else {"1.0": value}
    assert objects(tmp_path, lines) == ({**expected, "2.0": 5}, [])


@pytest.mark.parametrize(
    "oid", [f".{BASE}.1.0", f"{BASE}.1.0", "iso.3.6.1.4.1.9999.1.0", "SNMPv2-SMI::enterprises.9999.1.0"]
)
def test_an_object_is_read_in_each_printed_form(tmp_path: Path, oid: str) -> None:
    assert objects(tmp_path, f"{oid} = INTEGER: 5\n") == ({"1.0": 5}, [])


def test_output_without_types_and_equals_signs_is_read(tmp_path: Path) -> None:
    """-Onq."""
    text = f'.{BASE}.1.0 5\n.{BASE}.2.0 "two\nlines | 2"\n.{BASE}.3.0 .1.3.6.1\n'
    assert objects(tmp_path, text) == ({"1.0": 5, "2.0": b"two\nlines | 2", "3.0": (1, 3, 6, 1)}, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("first", [f".{BASE}.1.0 = INTEGER: 5", f"{BASE}.1.0|2|5"])
def test_a_file_written_on_windows_is_read(tmp_path: Path, encoding: str, first: str) -> None:
    """Notepad and PowerShell mark the encoding in front of the first line."""
    walk = tmp_path / "device.walk"
    walk.write_bytes(f"{first}\r\n.{BASE}.2.0 = INTEGER: 6\r\n".encode(encoding))
    client = WalkClient(walk)
    assert client.skipped == []
    assert asyncio.run(client.walk(parse_oid(BASE))) == {(1, 0): 5, (2, 0): 6}


UNREADABLE = [
    "Timeout: No Response from 10.0.0.7",
    "Error in packet.",
    f".{BASE}.7.0 = INTEGER: many",
    f".{BASE}.7.0 = Timeticks: soon",
    f".{BASE}.7.0 = IpAddress: 300.1.1.1",
    "ACME-MIB::power.1 = INTEGER: 5",
    f".{BASE}.7.0 = Opaque: Float: ",
    f".{BASE}.7.0 = Opaque: Double: ",
    f"{BASE}.7.0|2|many",
    f"{BASE}.7.0|4x|zz",
    "a.b|2|3",
]


@pytest.mark.parametrize("line", UNREADABLE)
@pytest.mark.parametrize("good", [f".{BASE}.1.0 = INTEGER: 5", f"{BASE}.1.0|2|5"])
def test_an_unreadable_line_is_skipped_and_counted(tmp_path: Path, line: str, good: str) -> None:
    after = good.replace(".1.0", ".2.0")
    assert objects(tmp_path, f"# a comment\n{good}\n{line}\n{after}\n\n") == ({"1.0": 5, "2.0": 5}, [3])


def test_a_file_of_unreadable_lines_is_not_a_walk(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no line of OID\|TAG\|VALUE, and none of snmpwalk -On .*line 2"):
        objects(tmp_path, "# a comment\nsnmpwalk: command not found\n")


def test_an_opaque_of_snmpsim_is_a_number(tmp_path: Path) -> None:
    octets = b"\x9f\x78\x04" + struct.pack(">f", 1530.5)
    assert objects(tmp_path, f"{BASE}.1.0|68x|{octets.hex()}\n") == ({"1.0": 1530.5}, [])


PROFILE = f"""\
vendor: ACME
sys_object_ids: [{BASE}]
levels: {{outlet: {{index: [number], quantities: {{power: {{column: {BASE}.2.1.7, scale: 0.1}}}}}}}}
"""


def test_a_profile_is_checked_against_the_output_of_snmpbulkwalk(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(PROFILE)
    (tmp_path / "acme.walk").write_text(
        '.1.3.6.1.2.1.1.1.0 = STRING: "ACME\nversion 12"\n'
        f".1.3.6.1.2.1.1.2.0 = OID: .{BASE}.1\n"
        "this is not an object\n"
        f".{BASE}.2.1.7.1 = Gauge32: 1530\n"
    )
    done = joulepath("--check-profile", tmp_path / "acme.yaml", "--walk", tmp_path / "acme.walk")
    assert done.returncode == 0, done.stderr
    assert "walk: 1 unreadable lines are skipped, the first is line 4" in done.stdout
    assert "recognised as acme" in done.stdout
    assert "153 W  = 1530 x 0.1" in done.stdout


def format_value(value: Value) -> str:
    """As snmpwalk -On prints it."""
    if isinstance(value, tuple):
        return f"OID: .{format_oid(value)}"
    if isinstance(value, int):
        return f"Counter64: {value}" if value >= 0 else f"INTEGER: {value}"
    if isinstance(value, float):
        return f"Opaque: Float: {value!r}"
    assert isinstance(value, bytes)
    if all(32 <= octet < 127 or octet == 10 for octet in value):
        escaped = value.decode().replace("\\", "\\\\").replace('"', '\\"')
        return f'STRING: "{escaped}"'
    octets = [f"{octet:02X} " for octet in value]
    return "Hex-STRING: " + "\n".join("".join(octets[at : at + 16]) for at in range(0, len(octets), 16))


oids = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5).map(tuple)
values: st.SearchStrategy[Value] = st.one_of(
    st.integers(-(2**31), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.binary(min_size=1, max_size=40),
    st.text('ab"\\ =|.1:\n', max_size=20).map(str.encode),
    oids.map(lambda oid: (1, 3, *oid)),
)


@given(st.dictionaries(oids, values, min_size=1, max_size=8))
def test_a_walk_reads_back(tmp_path_factory: pytest.TempPathFactory, device: dict[Oid, Value]) -> None:
    lines = [f".{BASE}.{format_oid(oid)} = {format_value(value)}\n" for oid, value in device.items()]
    read_back, skipped = objects(tmp_path_factory.getbasetemp(), "".join(lines))
    assert read_back == {format_oid(oid): value for oid, value in device.items()}
    assert skipped == []


@given(st.text(max_size=80))
def test_any_text_is_a_walk_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with contextlib.suppress(UsageError):
        values, _ = objects(tmp_path_factory.getbasetemp(), text.encode("utf-8", "replace").decode())
        assert not any(isinstance(value, Missing) for value in values.values())
