# SPDX-License-Identifier: Apache-2.0
"""Checks the power of a device's levels: outlets, branches and phases against the inlets that feed them.

Sums need not agree: outlets may be metered in part, and a UPS draws more than it gives while it charges and less while
it discharges. Only what cannot be is rejected, and of two levels the one that volts times amperes do not confirm.
"""

from collections.abc import Mapping, Sequence

from joulepath.pdu.profiles.quantity import LevelName
from joulepath.pdu.survey.reading import PollReadings, ReadingKey

RATIO = 3.0
"""Inlets that are not all metered make sums differ by less."""

SLACK_WATTS = 300.0

LEAST_INLET_WATTS = 5.0
"""Below this the inlets measure nothing, like those of a UPS that runs on its battery."""

THOUSANDTH = 30.0
"""An inlet that reads less than this part of its outlets' output is wrong, not the outlets."""

AGREES = (0.7, 1.3)
"""Two sums agree if their ratio is between these."""


def check(poll: PollReadings) -> None:
    """Rejects impossible power.

    A plant's battery, measured or not, may feed its loads: inlets prove nothing about those.
    """
    if any(key.level in ("rectifier", "battery") for key in poll.readings):
        return
    _singly(poll, "outlet")
    _singly(poll, "branch")
    _singly(poll, "phase")
    _check_rise(poll)
    _together(poll, "outlet")
    _together(poll, "phase")


def agree(poll: PollReadings, key: ReadingKey) -> bool:
    """Whether the levels below an inlet add up to it, or the rectifiers to loads and batteries."""
    if key.level in ("rectifier", "battery"):
        rectifiers, loads = (sum(poll.power(level).values()) for level in ("rectifier", "outlet"))
        batteries = sum(one.value for each, one in poll.readings.items() if each[::2] == ("battery", "power"))
        return loads > 0 and AGREES[0] * loads <= rectifiers - batteries <= AGREES[1] * loads
    inlets = sum(poll.power("inlet").values())
    below = [sum(poll.power(level).values()) for level in ("outlet", "branch", "phase")]
    return key.level == "inlet" and any(AGREES[0] * inlets <= total <= AGREES[1] * inlets for total in below)


def _singly(poll: PollReadings, level: LevelName) -> None:
    """One outlet that draws far more than all inlets: branches may lie behind each other, so each counts alone.

    A branch may be the whole of a chassis of which one supply in many has a meter.
    """
    inlets = poll.power("inlet")
    fed = sum(inlets.values())
    if fed < LEAST_INLET_WATTS:
        return
    for key, watts in poll.power(level).items():
        ratio = THOUSANDTH if level == "branch" and not poll.leapt(key, SLACK_WATTS) else RATIO
        if watts > ratio * fed + SLACK_WATTS + poll.readings[key].step:
            _decide(poll, {key: watts}, inlets, f"{key.level} {key.label} reads {watts:g} W, all inlets {fed:g} W")
            if not poll.power("inlet"):
                return


def _check_rise(poll: PollReadings) -> None:
    """An outlet that rises while the inlets, which all outlets added up to, do not, and no load moved there."""
    inlets, outlets = poll.power("inlet"), poll.power("outlet")
    if any(key not in poll.last for key in (*inlets, *outlets)):
        return
    fed = sum(abs(poll.last[key]) for key in inlets)
    if fed < LEAST_INLET_WATTS:
        return
    if not AGREES[0] * fed <= sum(abs(poll.last[key]) for key in outlets) <= AGREES[1] * fed:
        return
    more = sum(inlets.values()) - fed
    fallen = sum(max(0.0, abs(poll.last[key]) - watts) for key, watts in outlets.items())
    for key, watts in outlets.items():
        risen = watts - abs(poll.last[key])
        if key not in poll.confirmed and risen > SLACK_WATTS + 0.5 * fed and more + fallen < 0.5 * risen:
            poll.reject([key], f"rises by {risen:g} W, all inlets by {more:g} W")


def _together(poll: PollReadings, level: LevelName) -> None:
    inlets = poll.power("inlet")
    parts = _of_units(poll.power(level), inlets)
    total, fed = sum(parts.values()), sum(inlets.values())
    if min(total, fed) < LEAST_INLET_WATTS:
        return
    # Phases are the whole inlet, unless they are those of one of its units; of outlets only some may have a meter.
    short = level == "phase" and len(inlets) == 1 and fed > RATIO * total + SLACK_WATTS
    differ = _is_confirmed(poll, parts) != _is_confirmed(poll, inlets) or _has_leapt(poll, parts) != _has_leapt(
        poll, inlets
    )
    if total > RATIO * fed + SLACK_WATTS or (short and differ):
        _decide(poll, parts, inlets, f"{level}s add up to {total:g} W, inlets to {fed:g} W")


def _of_units(parts: Mapping[ReadingKey, float], inlets: Mapping[ReadingKey, float]) -> Mapping[ReadingKey, float]:
    """Of linked units' outlets those of units that have an inlet: `2.7` is of unit 2."""
    units = {key.label for key in inlets}
    linked = {key: watts for key, watts in parts.items() if key.label.partition(".")[0] in units}
    return linked if len({key.label.partition(".")[0] for key in parts if "." in key.label}) > 1 else parts


def _decide(
    poll: PollReadings, parts: Mapping[ReadingKey, float], inlets: Mapping[ReadingKey, float], why: str
) -> None:
    proven, fed_proven = _is_confirmed(poll, parts), _is_confirmed(poll, inlets)
    leapt, fed_leapt = _has_leapt(poll, parts), _has_leapt(poll, inlets)
    if proven != fed_proven:
        wrong = [*inlets] if proven else [*parts]
    elif proven:
        return
    elif leapt is not None and leapt != fed_leapt:
        wrong = [*parts] if leapt else [*inlets]
    elif len(parts) == 1 and sum(inlets.values()) > 2 * LEAST_INLET_WATTS:
        wrong = [*parts]
    elif sum(parts.values()) > THOUSANDTH * sum(inlets.values()):
        wrong = [*inlets]
    else:
        wrong = [*parts, *inlets]
    poll.reject(wrong, f"contradicts: {why}")


def _is_confirmed(poll: PollReadings, readings: Mapping[ReadingKey, float]) -> bool:
    """Whether volts times amperes confirm most of the power."""
    total = sum(readings.values())
    return sum(watts for key, watts in readings.items() if key in poll.confirmed) > total / 2


def _has_leapt(poll: PollReadings, readings: Mapping[ReadingKey, float]) -> bool | None:
    """Whether a level's sum is far from its last value; None if the level is new."""
    known: Sequence[bool | None] = [poll.leapt(key, SLACK_WATTS) for key in readings]
    return None if None in known else any(known)
