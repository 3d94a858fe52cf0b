# SPDX-License-Identifier: Apache-2.0
"""What a device is and how its rows are called: read seldom, between the polls that read values."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath.pdu.profile import Level, LevelName, Profile, QuantityName, candidates
from joulepath.pdu.snmp import Client, Missing, Oid, Value, dotted, parsed

SYS_OBJECT_ID = parsed("1.3.6.1.2.1.1.2.0")  # SNMPv2-MIB
SYS_UP_TIME = parsed("1.3.6.1.2.1.1.3.0")  # SNMPv2-MIB, in 0.01 s, wraps after 497 days


@dataclass(frozen=True)
class Unit:
    """What a device says of itself; empty where it does not say."""

    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True)
class Layout:
    """One device as it was found."""

    profile_name: str
    profile: Profile
    units: tuple[Unit, ...]
    labels: Mapping[LevelName, Mapping[Oid, str]]
    """The label of each row by its index."""
    names: Mapping[str, str]
    """Names of outlets by their label."""
    columns: tuple[tuple[LevelName, QuantityName], ...]
    """The value columns that this device has."""
    identity: Mapping[Oid, Value]
    """Objects that stay the same while the device does, with their values."""


async def detect(client: Client, profiles: Mapping[str, Profile]) -> str:
    """The name of the profile that fits the device. Raises JoulepathError with its sysObjectID where none does."""
    found = (await client.get([SYS_OBJECT_ID]))[SYS_OBJECT_ID]
    if not isinstance(found, tuple):
        raise JoulepathError("has no sysObjectID, so its profile cannot be found: name one with `profile:`")
    for name in candidates(profiles, found):
        profile = profiles[name]
        if all([await client.walk(oid, 1) for oid in profile.fingerprint]):
            return name
    raise JoulepathError(
        f"is an unknown device (sysObjectID {dotted(found)}): name a profile with `profile:`, "
        "or write one as docs/pdu.md says"
    )


async def survey(client: Client, profile_name: str, profile: Profile) -> Layout:
    """Reads everything about the device that is no measurement. Raises JoulepathError when nothing fits the profile."""

    async def column(oid: Oid | None, like: Collection[Oid] = ()) -> Mapping[Oid, Value]:
        # One row more than a known column of the table has shows the end in the same answer.
        rows = min(len(like) + 1, profile.max_repetitions) if like else profile.max_repetitions
        return await client.walk(oid, rows) if oid else {}

    indices: dict[LevelName, set[Oid]] = {}
    columns: list[tuple[LevelName, QuantityName]] = []
    for level_name, level in profile.levels.items():
        for quantity_name, quantity in level.quantities.items():
            rows = await column(quantity.column, indices.get(level_name, ()))
            if rows:
                columns.append((level_name, quantity_name))
                indices.setdefault(level_name, set()).update(rows)
    if not columns:
        raise JoulepathError(f"has none of the objects of the profile {profile_name}: is that the right one?")

    units = {level: await column(profile.levels[level].unit, rows) for level, rows in indices.items()}
    numbers = {level: await column(profile.levels[level].number, rows) for level, rows in indices.items()}
    linked = len({unit for rows in units.values() for unit in rows.values()}) > 1
    labels = {
        level: _labels(level, profile.levels[level], rows, units[level], numbers[level], linked=linked)
        for level, rows in indices.items()
    }
    names: dict[str, str] = {}
    if "outlet" in labels:
        named = await column(profile.levels["outlet"].name, indices["outlet"])
        names = {label: text(named[index]) for index, label in labels["outlet"].items() if index in named}

    serials = await column(profile.info.serial)
    models, firmwares = [await column(oid, serials) for oid in (profile.info.model, profile.info.firmware)]
    identity = await client.get([SYS_OBJECT_ID])
    if profile.info.serial:
        identity = {**identity, **{profile.info.serial + index: value for index, value in serials.items()}}
    return Layout(
        profile_name=profile_name,
        profile=profile,
        units=tuple(
            Unit(text(models.get(index)), text(serials.get(index)), text(firmwares.get(index)))
            for index in sorted({*models, *serials, *firmwares})
        )
        or (Unit(),),
        labels=labels,
        names=names,
        columns=tuple(columns),
        identity=identity,
    )


def _labels(
    name: LevelName,
    level: Level,
    rows: Iterable[Oid],
    units: Mapping[Oid, Value],
    numbers: Mapping[Oid, Value],
    *,
    linked: bool,
) -> Mapping[Oid, str]:
    """The label of each row: its number, behind its unit's where units are linked."""
    labels: dict[Oid, str] = {}
    for index in sorted(rows):
        unit, number = text(units.get(index)), text(numbers.get(index))
        if level.number is None or not number:
            labels[index] = unit or dotted(index)
        else:
            labels[index] = f"{unit}.{number}" if linked and unit else number
    label, times = Counter(labels.values()).most_common(1)[0]
    if times > 1:
        raise JoulepathError(f"gives the {name} number {label} to {times} rows: its readings cannot be told apart")
    return labels


def text(value: Value | None) -> str:
    """A value as a label: text without padding and control characters, numbers in digits, empty for none."""
    if value is None or isinstance(value, Missing):
        return ""
    if isinstance(value, tuple):
        return dotted(value)
    if isinstance(value, int):
        return str(value)
    try:
        decoded = value.decode()
    except UnicodeDecodeError:
        decoded = value.decode("latin-1")
    return "".join(character if character.isprintable() else " " for character in decoded).strip()
