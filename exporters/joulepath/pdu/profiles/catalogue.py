# SPDX-License-Identifier: Apache-2.0
"""Reads profiles from folders, and ranks them for a device."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from joulepath.config import load
from joulepath.errors import UsageError
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Oid

ENTERPRISES = (1, 3, 6, 1, 4, 1)


def load_shipped() -> Mapping[str, Profile]:
    """The profiles of this package by name."""
    with resources.as_file(resources.files("joulepath.pdu.profiles")) as folder:
        return read_folder(folder)


def read_folder(folder: Path) -> Mapping[str, Profile]:
    """Every `NAME.yaml` of a folder. Raises UsageError with all mistakes of all files."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder of profiles")
    profiles: dict[str, Profile] = {}
    mistakes: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            profiles[path.stem] = load(path, Profile)
        except UsageError as error:
            mistakes += error.messages
    if mistakes:
        raise UsageError(mistakes)
    return profiles


def candidates(profiles: Mapping[str, Profile], sys_object_id: Oid) -> Sequence[str]:
    """Names of the profiles that may fit, the likeliest first.

    First those with a prefix that fits, the most specific before the others and of two equal prefixes the one with the
    longer fingerprint; then, since sysObjectID is wrong on some devices, all others that have a fingerprint, vendors'
    own before standard tables and narrow prefixes before broad ones: newer devices answer their vendor's older tables
    too.
    """
    fitting = [name for name, profile in profiles.items() if profile.matches(sys_object_id)]
    fitting.sort(key=lambda name: (-profiles[name].matches(sys_object_id), -len(profiles[name].fingerprint), name))
    others = [name for name, profile in profiles.items() if _recognisable(profile) and name not in fitting]
    others.sort(
        key=lambda name: (
            _standard(profiles[name]),
            -max((len(oid) for oid in profiles[name].sys_object_ids), default=0),
            -len(profiles[name].fingerprint),
            name,
        )
    )
    # A prefix that is all enterprises belongs to standard tables, which come last.
    specific = [name for name in fitting if profiles[name].matches(sys_object_id) > len(ENTERPRISES)]
    standard = [name for name in fitting if name not in specific]
    return [*specific, *others, *standard]


def _recognisable(profile: Profile) -> bool:
    """Whether its fingerprint tells it from others: false for a vendor's variant of a standard table."""
    return bool(profile.fingerprint) and (not _standard(profile) or ENTERPRISES in profile.sys_object_ids)


def _standard(profile: Profile) -> bool:
    """Whether it is recognised by a standard table, which belongs to no single vendor."""
    first = profile.fingerprint[0][0]
    return not profile.relative and first[: len(ENTERPRISES)] != ENTERPRISES
