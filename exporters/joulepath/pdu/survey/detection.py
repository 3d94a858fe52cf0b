# SPDX-License-Identifier: Apache-2.0
"""Chooses the profile for a device: the likeliest one that finds something to measure."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.catalogue import candidates
from joulepath.pdu.profiles.quantity import absolute
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Missing, Oid, RefusedError, SnmpClient, SnmpError, format_oid
from joulepath.pdu.survey.layout import SYS_OBJECT_ID, PduLayout, base_of, survey


async def detect(client: SnmpClient, profiles: Mapping[str, Profile]) -> str:
    """The likeliest profile with a fingerprint that the device has. Raises JoulepathError where no profile fits."""
    known = await sys_object_id(client)
    async for name in fitting(client, profiles, known):
        return name
    raise _unknown(known)


async def find(client: SnmpClient, profiles: Mapping[str, Profile]) -> PduLayout:
    """Finds the layout of the device by the likeliest profile that measures its power.

    A profile that finds no power gives way to one of the device's own sysObjectID or of a standard table that does;
    a profile that finds nothing at all, to any with a fingerprint that the device has. Raises JoulepathError, which
    names the profiles that were tried.
    """
    known = await sys_object_id(client)
    tried: dict[str, str] = {}
    best: PduLayout | None = None
    async for name in fitting(client, profiles, known):
        if best is not None and best.measures and not profiles[name].matches(known):
            continue
        try:
            layout = await survey(client, name, profiles[name])
        except SnmpError:
            raise
        except JoulepathError as error:
            tried[name] = str(error)
            continue
        if layout.measures_power:
            return replace(layout, tried=tried)
        if best is None or (layout.measures and not best.measures):
            best = layout
        tried[name] = "measures no power" if layout.measures else "measures nothing"
    if best is not None:
        return replace(best, tried={name: why for name, why in tried.items() if name != best.profile_name})
    if len(tried) == 1:
        raise JoulepathError(*tried.values())
    if tried:
        reasons = "; ".join(f"{name} ({why})" for name, why in tried.items())
        raise JoulepathError(f"has nothing that a profile can read: tried {reasons}")
    raise _unknown(known)


async def sys_object_id(client: SnmpClient) -> Oid:
    """The device's sysObjectID; empty if it has none."""
    value = (await client.get([SYS_OBJECT_ID]))[SYS_OBJECT_ID]
    return value if isinstance(value, tuple) else ()


async def fitting(client: SnmpClient, profiles: Mapping[str, Profile], known: Oid) -> AsyncIterator[str]:
    """The profiles with a fingerprint that the device has, the likeliest first."""
    for name in candidates(profiles, known):
        profile = profiles[name]
        base = await base_of(client, profile, known)
        for oids in profile.fingerprint:
            if not await _has(client, [absolute(oid, base) for oid in oids], profile.max_repetitions):
                break
        else:
            yield name


async def _has(client: SnmpClient, oids: Sequence[Oid], repetitions: int) -> bool:
    """Whether the device has one of the columns or objects."""
    for oid in oids:
        try:
            if await client.walk(oid, repetitions):
                return True
        except RefusedError:
            continue
        if oid[-1:] == (0,) and not isinstance((await client.get([oid]))[oid], Missing):
            return True
    return False


def _unknown(known: Oid) -> JoulepathError:
    said = f"is an unknown device (sysObjectID {format_oid(known)})" if known else "has no sysObjectID and is unknown"
    return JoulepathError(f"{said}: name a profile with `profile:`, or write one as docs/guides/pdu.md says")
