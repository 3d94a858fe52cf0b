# SPDX-License-Identifier: Apache-2.0
"""Reads names of sensors and chassis: the part that they name, limits, and names derived from other names."""

import re
from collections.abc import Sequence

# Parts of a server, and the words in the name of a sensor or chassis that mean each of them.
_WORDS = {
    "cpu": re.compile(r"cpu|processor", re.IGNORECASE),
    "memory": re.compile(r"mem(ory)?|dimm|dram", re.IGNORECASE),
    "gpu": re.compile(r"gpu|accelerator|sxm|(?<![a-z])oam", re.IGNORECASE),
    "storage": re.compile(r"drive|disk|hdd|ssd|nvme|storage", re.IGNORECASE),
    "network": re.compile(r"nic|pcie?", re.IGNORECASE),
    "fan": re.compile(r"fan", re.IGNORECASE),
}
# Names of values that are set, allowed or the most so far.
# EDP: NVIDIA's electrical design point, continuous (EDPc) and peak (EDPp).
_LIMIT = re.compile(
    r"\b(edp[a-z]{0,2}|tdp|limits?|limited|cap|capping|capacity|max(imum)?|min(imum)?|peak|set ?point|rat(ed|ing)"
    r"|threshold|budget|headroom|requested|allocated|highest|lowest)\b",
    re.IGNORECASE,
)
# Of a device's several sensors, those at its voltage regulators (a part of its input) and those of means.
_LESSER = re.compile(r"\b(v ?reg|vrm?|rail|v ?core|vdd[a-z]*|soc|av(era)?ge?|mean)\b", re.IGNORECASE)
_OUTPUT = re.compile(r"\bout(put)?\b", re.IGNORECASE)
_QUANTITY = re.compile(r"\b(power|pwr|watts|energy)(?= |$)( \d+)?|(power|energy)$")
_FEED = re.compile(r"(standby ?)?hsc ?\d+")

_TELLING = re.compile(r"pow|pwr|watt|energy|joule|kwh|consum|pin|pout", re.IGNORECASE)


def part_of(name: str) -> str:
    """The part of a server that a name contains; empty if it contains none."""
    return next((part for part, words in _WORDS.items() if words.search(name)), "")


def is_limit(name: str) -> bool:
    """Whether the name is that of a setting or a limit, not of a measured power."""
    return _LIMIT.search(words(name)) is not None


def is_output(name: str) -> bool:
    """Whether the name is that of the output of supplies, which is less than their input."""
    return _OUTPUT.search(words(name)) is not None


def is_lesser(name: str) -> bool:
    """Whether a sensor of that name is at a regulator inside a device, or a mean over time."""
    return _LESSER.search(words(name)) is not None


def words(name: str) -> str:
    """`EnforcedEDPc_0` as `Enforced EDPc 0`."""
    return re.sub(r"[ _-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip()


def stem(name: str) -> str:
    """A sensor's name without its quantity, so that `PWR_CPU0` and `Energy_CPU0` are the same."""
    return " ".join(_QUANTITY.sub(" ", re.sub(r"[ _-]+", " ", name).strip().lower()).split())


def feed_of(name: str, chassis: str) -> str:
    """The hot-swap controller (HSC) of the chassis that a sensor is of, such as `HSC_0`; empty for other sensors."""
    own, bare = stem(chassis), stem(name)
    short = bare.removeprefix(f"{own} ")
    return short.upper().replace(" ", "_") if _FEED.fullmatch(short) else ""


def is_inside(name: str, others: set[str]) -> bool:
    """Whether a stem continues one of the others, as `gb sxm1 m` does `gb sxm1`: it measures a part of the other."""
    end = name.rfind(" ")
    while end > 0:
        if name[:end] in others:
            return True
        end = name.rfind(" ", 0, end)
    return False


def names_itself(sensor: str, chassis: str) -> bool:
    """Whether a sensor's name is that of the chassis, which may have words before it (`HGX_`)."""
    own, bare = stem(chassis), stem(sensor)
    return any(letter.isalpha() for letter in bare) and (own == bare or own.endswith(f" {bare}"))


def names_other(sensor: str, chassis: str) -> bool:
    """Whether a sensor's name, without the words of the chassis' name, speaks of a device that the chassis is not."""
    known = set(stem(chassis).split())
    kind = part_of(" ".join(word for word in stem(sensor).split() if word not in known))
    return kind not in {"", part_of(chassis)}


def telling(uris: Sequence[str]) -> Sequence[str]:
    """Of a chassis' sensors those with a name that speaks of power; all of them where none has."""
    return [uri for uri in uris if _TELLING.search(uri.rpartition("/Sensors/")[2])] or uris
