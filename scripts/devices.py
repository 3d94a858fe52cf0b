# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/devices.md, what each shipped profile reads from where; a test compares it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from joulepath.pdu.check import UNITS
from joulepath.pdu.profiles.catalogue import load_shipped
from joulepath.pdu.profiles.quantity import Quantity
from joulepath.pdu.profiles.schema import Profile, ProfileTable
from joulepath.pdu.snmp.client import Oid, format_oid

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "devices.md"

MARK = "<!-- profiles: all; `make docs` writes the rest of this page -->\n"


def page() -> str:
    """docs/reference/devices.md, the text before MARK as it is there. Raises ValueError without a MARK."""
    text, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{PAGE}: has no place for the profiles, needs the line {MARK.strip()}")
    profiles = sorted(load_shipped().items())
    return text + "\n".join([MARK + _accuracies(profiles), *(_chapter(name, profile) for name, profile in profiles)])


def _accuracies(profiles: Iterable[tuple[str, Profile]]) -> str:
    rows = [
        f"| `{name}` | {stated} | {stated.of} | {stated.source} |\n"
        for name, profile in profiles
        if (stated := profile.accuracy)
    ]
    return "| profile | accuracy | of | source |\n|---|---|---|---|\n" + "".join(rows)


def _chapter(name: str, profile: Profile) -> str:
    accuracy = (
        f" Accuracy as the vendor states it: {profile.accuracy} {profile.accuracy.of}." if profile.accuracy else ""
    )
    rows = "".join(
        f"| {level} | {quantity.replace('_', ' ')} | {place} | {step} | {evidence} |\n"
        for level, tables in profile.levels.items()
        for table in tables
        for quantity, place, step, evidence in _rows(profile, table)
    )
    return (
        f"## `{name}`: {profile.vendor}\n\n"
        f"sysObjectID {', '.join(map(format_oid, profile.sys_object_ids))}.{accuracy}\n\n"
        f"| level | quantity | object | step = resolution | evidence |\n|---|---|---|---|---|\n{rows}"
    )


def _rows(profile: Profile, table: ProfileTable) -> Iterable[tuple[str, str, str, str]]:
    for name, quantity in table.quantities.items():
        where = {**table.where, **quantity.where}
        chosen = "".join(f", {key} `{match}`".replace("|", "\\|") for key, match in where.items())
        if quantity.derived:
            factors = " x ".join(map(format_oid, quantity.places))
            yield name, f"{factors}{chosen}", "derived", profile.evidence_of(table, quantity)
            continue
        places: Mapping[str, Oid] = {"": quantity.column} if quantity.column else quantity.objects
        for label, oid in places.items():
            written = format_oid(oid) if oid[0] >= 0 else "sysObjectID." + format_oid(oid[1:])
            place = f"{written}{f' ({label})' if label else ''}{chosen}"
            yield name, place, _step(quantity, UNITS[name]), profile.evidence_of(table, quantity)


def _step(quantity: Quantity, unit: str) -> str:
    by = quantity.scale_by
    data = [
        what
        for what, stated in (
            ("digits", by.digits),
            ("precision", by.precision),
            ("factor", by.factor),
            ("unit", by.units),
        )
        if stated
    ]
    return f"{quantity.scale.normalize():f} {unit}".rstrip() + (f" by {' and '.join(data)} of the row" if data else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
