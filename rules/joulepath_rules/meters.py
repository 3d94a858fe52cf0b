# SPDX-License-Identifier: Apache-2.0
"""How the rule `source:power_watts` reads each kind of meter: the words of the alternatives in attribution.yaml."""

from collections.abc import Iterator, Mapping

from joulepath_topology.meters import METERS, Meter

SEVERAL = ", ".join(dict.fromkeys(each.part.label for each in METERS.values() if each.part and each.part.many))
"""The labels in which the readings of one source may differ."""

NEVER = "never"
"""A feature that a topology cannot have."""


def alternatives(meters: Mapping[str, Meter] = METERS) -> Iterator[Mapping[str, str]]:
    """For each kind: its counters, the labels that its readings have, and the features with which it is read so."""
    for kind, meter in meters.items():
        labels = ["instance", meter.part.label] if meter.part is not None else ["instance"]
        optional = meter.optional
        yield {
            "kind": kind,
            "named": kind if optional is None else _named(kind, optional),
            "unnamed": NEVER if optional is None else kind,
            "matchers": f'kind="{kind}"' if optional is None else f'kind="{kind}",{optional}!=""',
            "labels": ", ".join(labels),
            "part": optional or "",
            "joules": meter.joules,
            "seconds": meter.seconds,
        }


def read_by(labels: Mapping[str, str]) -> str:
    """The feature with which a constant of these labels is read."""
    kind = labels["kind"]
    optional = METERS[kind].optional if kind in METERS else None
    return kind if optional is None or optional not in labels else _named(kind, optional)


def _named(kind: str, part: str) -> str:
    return f"{kind}_{part}"
