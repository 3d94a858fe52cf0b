# SPDX-License-Identifier: Apache-2.0
"""Reads PDUs and BMCs once, as their exporters do, and says what each measures."""

import argparse
import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from joulepath.bmc import settings as bmc_settings
from joulepath.bmc.reading import BmcReading, Box
from joulepath.errors import JoulepathError, UsageError
from joulepath.pdu.profiles.quantity import LevelName
from joulepath.pdu.redfish.target import is_redfish
from joulepath.pdu.source import PduReading
from joulepath.reading.poller import Target
from joulepath_init.found import WHOLE_LEVELS, Found, Reading, Whole
from joulepath_init.naming import host_name, is_address, natural, slug

SAME_WATTS = 0.1
"""A device that is read now, and its mean over minutes in Prometheus."""


@dataclass(frozen=True)
class Login:
    """How devices are asked: the secrets stay in their files."""

    community_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Device:
    """A PDU or BMC, and what it measures."""

    kind: str
    """pdu or bmc."""
    name: str
    """Its name in the configuration, which is the label `instance`."""
    address: str
    readings: Sequence[Reading] = ()
    whole: Whole | None = None
    about: str = ""
    """Its make and its readings, in words."""
    fault: str = ""
    """The reason why it could not be read."""


def look(pdus: Iterable[str], bmcs: Iterable[str], login: Login) -> list[Device]:
    """Reads all devices at once. One that does not answer has a fault. Raises UsageError for a wrong address."""
    asked = [("pdu", each) for each in pdus] + [("bmc", each) for each in bmcs]
    if login.user and asked and not any(asks_for_login(each) for _, each in asked):
        raise UsageError("--user: no address takes a login, which goes over redfish:// (https) and ipmi:// alone")
    targets = [(kind, each, (_pdu if kind == "pdu" else _bmc)(each, login)) for kind, each in asked]
    names = _names([(kind, address) for kind, address, _ in targets])
    readings = asyncio.run(_read([target for _, _, target in targets]))
    return [
        _device(kind, name, address, reading)
        for (kind, address, _), name, reading in zip(targets, names, readings, strict=True)
    ]


def as_scraped(seen: Iterable[Device], scraped: Found) -> list[Device]:
    """The devices, each under the name that it has in Prometheus if it is scraped there already.

    It is the same one where the parts have the same labels and together the same watts.
    """
    known: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in scraped.readings:
        known[reading.kind, reading.instance].append(reading)
    shapes = [(*at, _shape(readings)) for at, readings in known.items()]
    shapes += [("pdu", whole.instance, _shape([], whole)) for whole in scraped.wholes]
    return [_as_scraped(one, shapes) for one in seen]


Shape = tuple[str, frozenset[str], float]
"""Level, labels and watts."""


def _shape(readings: Sequence[Reading], whole: Whole | None = None) -> Shape:
    if whole is not None:
        return whole.level, frozenset(whole.parts), whole.watts or 0.0
    return "", frozenset(one.part for one in readings), _watts(readings)


def _as_scraped(device: Device, shapes: Sequence[tuple[str, str, Shape]]) -> Device:
    level, parts, watts = _shape(device.readings, device.whole)
    same = [
        instance
        for kind, instance, (their_level, their_parts, their_watts) in shapes
        if (kind, their_level, their_parts) == (device.kind, level, parts)
        and math.isclose(their_watts, watts, rel_tol=SAME_WATTS)
    ]
    named = any((kind, instance) == (device.kind, device.name) for kind, instance, _ in shapes)
    if named or len(same) != 1 or not watts:
        return device
    readings = [replace(one, instance=same[0]) for one in device.readings]
    whole = None if device.whole is None else replace(device.whole, instance=same[0])
    return replace(device, name=same[0], readings=readings, whole=whole)


def _watts(readings: Iterable[Reading]) -> float:
    return sum(one.watts or 0.0 for one in readings)


def fault_of_pdu(address: str) -> str:
    """The fault of the address of a PDU, in words; empty where it has none."""
    from joulepath.pdu.config import parse_address  # noqa: PLC0415  # the libraries of one protocol are large

    return fault_of_bmc(address) if is_redfish(address) else _fault(parse_address, address)


def fault_of_bmc(address: str) -> str:
    """The fault of the address of a BMC, in words; empty where it has none."""
    return _fault(bmc_settings.parse_address, address)


def _fault(parse: Callable[[str], object], address: str) -> str:
    try:
        parse(address)
    except ValueError as error:
        return str(error)
    return ""


def snmp(address: str) -> bool:
    """Whether the PDU at this address is asked over SNMP."""
    return not is_redfish(address)


def asks_for_login(address: str) -> bool:
    """Whether a BMC, or a PDU with Redfish, has a user and a password."""
    return address.startswith(("redfish://", "ipmi://"))


def _pdu(address: str, login: Login) -> Target[Any]:
    from joulepath.pdu.command import ONCE_SECONDS, single  # noqa: PLC0415  # the libraries of one protocol are large
    from joulepath.pdu.config import parse_address  # noqa: PLC0415
    from joulepath.pdu.redfish.target import single as over_redfish  # noqa: PLC0415

    if is_redfish(address):
        _check("--pdu", address, login)
        who = login if asks_for_login(address) else Login()
        return over_redfish(
            address, {}, user=who.user, password_file=who.password_file, ca_file=None, verify=not login.insecure
        )
    try:
        parse_address(address)
    except ValueError as error:
        raise UsageError(f"--pdu: {error}") from None
    if login.community_file is None:
        raise UsageError(f"--pdu {address}: state --community-file FILE with its SNMP community")
    return single(address, login.community_file, survey_seconds=ONCE_SECONDS)


def _bmc(address: str, login: Login) -> Target[Any]:
    from joulepath.bmc.command import TIMEOUT, single  # noqa: PLC0415  # the libraries of one protocol are large

    _check("--bmc", address, login)
    who = login if asks_for_login(address) else Login()
    secure = address.startswith("redfish://")
    return single(
        argparse.Namespace(
            target=address,
            user=who.user,
            password_file=who.password_file,
            ca_file=None,
            insecure=login.insecure and secure,
            timeout=TIMEOUT,
        )
    )


def _check(option: str, address: str, login: Login) -> None:
    try:
        where = bmc_settings.parse_address(address)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if asks_for_login(address) and (login.user is None or login.password_file is None):
        raise UsageError(f"{option} {address}: state --user NAME and --password-file FILE")
    mistake = bmc_settings.login_mistake(where, login.user if asks_for_login(address) else None)
    if mistake:
        raise UsageError(f"{option} {address}: {mistake}")


async def _read(targets: Sequence[Target[Any]]) -> list[Any]:
    """One poll of each: a reading, or the fault."""

    async def one(target: Target[Any]) -> Any:
        try:
            return await target.source.read()
        except JoulepathError as error:
            return error
        finally:
            await target.source.close()

    return list(await asyncio.gather(*map(one, targets)))


def _names(targets: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each device: its host's, where it has one, else a number; each once."""
    names: list[str] = []
    for kind, address in targets:
        host = host_name(address) if kind == "bmc" else _first_label(address)
        number = 1
        name = base = slug(host)
        while not name or is_address(name) or name in names:
            name = f"{kind if not base or is_address(base) else base}-{number}"
            number += 1
        names.append(name)
    return names


def _first_label(address: str) -> str:
    bare = host_name(address)
    return bare if is_address(bare) else (address.partition("://")[2] or address).partition(".")[0].partition(":")[0]


def _device(kind: str, name: str, address: str, reading: Any) -> Device:
    if isinstance(reading, JoulepathError):
        return Device(kind, name, address, fault=str(reading))
    found = _outlets(name, reading) if kind == "pdu" else _chassis(name, reading)
    whole = _whole(name, reading) if kind == "pdu" and not found else None
    if whole is not None:
        about = f"{_kind(reading)}, no outlet is measured, {whole.watts:.0f} W by its {whole.level}"
    else:
        about = f"{_kind(reading)}, {_count(kind, len(found))}, {_watts(found):.0f} W in all"
    return Device(kind, name, address, found, whole, about)


def _kind(reading: PduReading | BmcReading) -> str:
    if isinstance(reading, BmcReading):
        return reading.collector
    return f"{reading.vendor}, profile {reading.profile}"


def _count(kind: str, count: int) -> str:
    return f"{count} chassis" if kind == "bmc" else "1 outlet" if count == 1 else f"{count} outlets"


def _outlets(name: str, reading: PduReading) -> list[Reading]:
    watts: Mapping[str, float] = reading.values.get("outlet", {}).get("power", {})
    return [Reading("pdu", name, each, reading.names.get(each, ""), watts[each]) for each in sorted(watts, key=natural)]


def _whole(name: str, reading: PduReading) -> Whole | None:
    for level in WHOLE_LEVELS:
        watts: Mapping[str, float] = reading.values.get(cast("LevelName", level), {}).get("power", {})
        if watts:
            return Whole(name, level, tuple(watts), sum(watts.values()))
    return None


def _chassis(name: str, reading: BmcReading) -> list[Reading]:
    boxes = {box: power for box, power in reading.power.items() if isinstance(box, Box) and box.level == "chassis"}
    several = len(boxes) > 1
    chassis = sorted(boxes, key=lambda box: natural(box.name))
    return [Reading("bmc", name, box.name if several else "", "", boxes[box]) for box in chassis]
