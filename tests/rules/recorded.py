# SPDX-License-Identifier: Apache-2.0
"""The chain's series of applications, written by hand: one sample an interval, absent while the value is unknown."""

from collections.abc import Iterable

TOPOLOGY = """
interval: 1m
window: 4m
sites: {lab: {grams_per_kwh: 360}}
hosts:
  ru-1: {site: lab, power: [{pdu: pdu-1, outlets: ["1"]}]}
  upf-1: {site: lab, power: [{pdu: pdu-1, outlets: ["2"]}]}
components:
  ru-1: {role: ru, traffic: {anchor: upf-1}}
  upf-1: {role: upf, traffic: {ioam: 4}}
applications:
  a: {traces: [{ioam_namespace: 123, id: "0a"}], path: [ru-1, upf-1]}
  b: {traces: [{ioam_namespace: 123, id: "0b"}], path: [upf-1]}
"""

Pieces = Iterable[tuple[int, float | None]]
"""How many samples of which value, one after the other; None is absent."""


def values(pieces: Pieces) -> str:
    """As promtool writes samples."""
    return " ".join(
        f"_x{count}" if value is None else f"{float(value)!r}x{count - 1}" for count, value in pieces if count
    )


def row(application: str, component: str, pieces: Pieces) -> dict[str, str]:
    """The watts of an application at a component of TOPOLOGY."""
    ours = labels(application=application, component=component, host=component, segment="network", site="lab")
    return {f"application_component:power_watts{{{ours}}}": values(pieces)}


def total(application: str, pieces: Pieces, segment: str = "network") -> dict[str, str]:
    """The watts of an application in a segment."""
    return {f"application:power_watts{{{labels(application=application, segment=segment)}}}": values(pieces)}


def labels(**extra: str) -> str:
    """Labels of a series, with the topology's name."""
    return ",".join(f'{name}="{value}"' for name, value in {"topology": "joulepath", **extra}.items())
