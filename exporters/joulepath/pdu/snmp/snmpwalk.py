# SPDX-License-Identifier: Apache-2.0
"""Reads the output of net-snmp's snmpwalk and snmpbulkwalk -On: `.1.3.6.1.2.1.1.3.0 = Timeticks: (42) 0:00:00.42`.

snmpcmd(1) names the output options. Also read are -OQ and -Oq, which leave out the type, -Ox, -Ot and the names that
stand for the first numbers where -On is left out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from joulepath.pdu.snmp.client import Missing, Oid, Value, opaque, parse_oid

_NAMES: Mapping[str, str] = {
    "iso": "1",
    "ccitt": "0",
    "SNMPv2-SMI::zeroDotZero": "0.0",
    "SNMPv2-SMI::enterprises": "1.3.6.1.4.1",
    "SNMPv2-SMI::mib-2": "1.3.6.1.2.1",
    "SNMPv2-MIB::sysDescr": "1.3.6.1.2.1.1.1",
    "SNMPv2-MIB::sysObjectID": "1.3.6.1.2.1.1.2",
    "DISMAN-EVENT-MIB::sysUpTimeInstance": "1.3.6.1.2.1.1.3.0",
}
"""Names that net-snmp prints for the first numbers of an object where it has no further MIB."""

_OBJECT = r"(?P<oid>\.?(?:\d+|[A-Za-z][\w-]*(?:::\w+)?)(?:\.\d+)*)"
_LINE = re.compile(rf"{_OBJECT}\s*(?:=\s?|\s)(?P<value>.*)", re.DOTALL)
_BEGINS = re.compile(r"\.?\d+(?:\.\d+){2,}\s*[=|]|\.[012]\.\d[\d.]*\s|(?:iso|[\w-]+::\w+)(?:\.\d+)*\s*=")
"""An object, and not a line of text that begins with numbers, as a version does."""

_TYPE = re.compile(r"(?P<type>[A-Z][A-Za-z0-9 -]*?):(?:\s|$)\s*(?P<value>.*)", re.DOTALL)
_WRONG_TYPE = re.compile(r"Wrong Type \(should be [^)]*\):\s*")
_MISSING: Mapping[str, Missing] = {
    "No Such Object": Missing.NO_SUCH_OBJECT,
    "No Such Instance": Missing.NO_SUCH_INSTANCE,
    "No more variables left in this MIB View": Missing.END_OF_MIB_VIEW,
    "NULL": Missing.NO_SUCH_INSTANCE,
}

_QUOTED_OCTETS = re.compile(r'"((?:[0-9A-F]{2} \n?){2,})"\s*')
"""Octets of -OQ and -Oq: a space stands behind each, also behind the last."""

_OCTETS = re.compile(r"[0-9A-Fa-f]{2}")
_TICKS = re.compile(r"\((\d+)\).*|(\d+)", re.DOTALL)
_TIME = re.compile(r"(?:(\d+):)?(\d+):(\d+):(\d+)\.(\d\d)")
_NUMBER = re.compile(r"(?:[A-Za-z][\w-]*\()?(-?\d+(?:\.\d+)?)\)?(?:\s.*)?", re.DOTALL)
_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')


def join_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1, each with those that go on with its text or its octets."""
    begun: tuple[int, str] | None = None
    for number, line in enumerate(lines, 1):
        if begun is not None and not _BEGINS.match(line) and _goes_on(begun[1], line):
            begun = begun[0], f"{begun[1]}\n{line}"
            continue
        if begun is not None:
            yield begun
        begun = number, line
    if begun is not None:
        yield begun


def read(line: str) -> tuple[Oid, Value]:
    """An object and its value. Raises ValueError."""
    matched = _LINE.fullmatch(line)
    if matched is None:
        raise ValueError("not an object")
    return _object(matched["oid"]), _value(_WRONG_TYPE.sub("", matched["value"], count=1))


def _goes_on(line: str, following: str) -> bool:
    """Whether text in quotes has not ended, or octets go on."""
    begun = _LINE.fullmatch(line)
    if begun is None:
        return False
    kind, written = _split_type(begun["value"])
    if written.startswith('"'):
        return not _is_closed(written)
    if kind == "STRING":  # net-snmp puts only text without a display hint in quotes
        return True
    return kind.lower() in ("hex-string", "bits", "opaque") and bool(_octets(following))


def _is_closed(written: str) -> bool:
    return _QUOTE.search(written, 1) is not None


def _object(written: str) -> Oid:
    name, dot, rest = written.removeprefix(".").partition(".")
    if name.isdecimal():
        return parse_oid(written)
    if name not in _NAMES:
        raise ValueError(f"{name} is a name; -On prints numbers")
    return parse_oid(f"{_NAMES[name]}{dot}{rest}")


def _split_type(written: str) -> tuple[str, str]:
    """The type (empty if it is not printed) and the text behind it."""
    matched = _TYPE.fullmatch(written)
    known = matched is not None and (
        matched["type"].lower() in _READERS or matched["type"].lower() in ("opaque", "bits")
    )
    return (matched["type"], matched["value"]) if matched is not None and known else ("", written)


def _value(written: str) -> Value:
    for said, missing in _MISSING.items():
        if written.startswith(said):
            return missing
    kind, rest = _split_type(written)
    if not kind:
        return _guess_value(written)
    if kind.lower() == "opaque":
        inner, number = _split_type(rest)
        if inner.lower() in ("float", "double"):
            return _float(number)
        return _integer(number) if inner else opaque(_octets(rest))
    return _READERS[kind.lower()](rest)


def _guess_value(written: str) -> Value:
    """A value of -OQ or -Oq."""
    if (octets := _QUOTED_OCTETS.fullmatch(written)) is not None:
        return _octets(octets[1])
    if written.startswith('"'):
        return _string(written)
    if re.fullmatch(r"-?\d+", written):
        return int(written)
    if (time := _TIME.fullmatch(written)) is not None:
        days, hours, minutes, seconds, hundredths = (int(part or 0) for part in time.groups())
        return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 100 + hundredths
    if re.fullmatch(r"(?:\.\d+|iso\.\d+|SNMPv2-SMI::\w+)(?:\.\d+)+", written):
        return _object(written)
    return written.strip().encode("utf-8", "surrogateescape")


def _integer(written: str) -> int:
    """`42`, `up(1)`, `42 seconds`; `4.2` is 42 that a MIB's display hint (d-1) has divided."""
    matched = _NUMBER.fullmatch(written)
    if matched is None:
        raise ValueError("not a number")
    return int(matched[1].replace(".", ""))


def _float(written: str) -> float:
    """`1.5`, `1.5 Volts`."""
    return float((written.split() or [""])[0])


def _string(written: str) -> bytes:
    text = written
    if written.startswith('"'):
        if not _is_closed(written) or not written.rstrip().endswith('"'):
            raise ValueError("text without an end")
        text = re.sub(r"\\(.)", r"\1", written.rstrip()[1:-1], flags=re.DOTALL)
    return text.encode("utf-8", "surrogateescape")


def _octets(written: str) -> bytes:
    """`0A 1B`, also over several lines; of BITS the names of those that are set stand behind, of -Ox the text."""
    octets: list[str] = []
    for line in written.split("\n"):
        for word in line.split():
            if not _OCTETS.fullmatch(word):
                break
            octets.append(word)
    return bytes.fromhex("".join(octets))


def _ticks(written: str) -> int:
    matched = _TICKS.fullmatch(written)
    if matched is None:
        raise ValueError("not a time")
    return int(matched[1] or matched[2])


def _address(written: str) -> bytes:
    return bytes(map(int, written.split(".")))


_READERS: Mapping[str, Callable[[str], Value]] = {
    **dict.fromkeys(
        ("integer", "integer32", "gauge32", "gauge", "counter32", "counter", "counter64", "unsigned32", "uinteger32"),
        _integer,
    ),
    **dict.fromkeys(("int64", "uint64"), _integer),
    **dict.fromkeys(("float", "double"), _float),
    "string": _string,
    "hex-string": _octets,
    "bits": _octets,
    "oid": _object,
    "timeticks": _ticks,
    "ipaddress": _address,
}
"""By type, in lower case."""
