# SPDX-License-Identifier: Apache-2.0
"""What the chain records of applications, written by hand: one sample an interval, absent while it was not known."""

from collections.abc import Iterable, Mapping

from tests.rules.promtool import topology

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
  a: {traces: [{ioam_namespace: 123, id: "a"}], path: [ru-1, upf-1]}
  b: {traces: [{ioam_namespace: 123, id: "b"}], path: [upf-1]}
"""

MINUTES = topology(TOPOLOGY)

OURS = 'topology="joulepath"'

Pieces = Iterable[tuple[int, float | None]]
"""How many samples of which value, one after the other; None is absent."""


def values(pieces: Pieces) -> str:
    """As promtool writes samples."""
    return " ".join(
        f"_x{count}" if value is None else f"{float(value)!r}x{count - 1}" for count, value in pieces if count
    )


def row(application: str, component: str, pieces: Pieces) -> dict[str, str]:
    """The watts of an application at a component of TOPOLOGY."""
    labels = (
        f'{OURS},application="{application}",component="{component}",host="{component}",segment="network",site="lab"'
    )
    return {f"application_component:power_watts{{{labels}}}": values(pieces)}


def total(application: str, pieces: Pieces, segment: str = "network") -> dict[str, str]:
    """The watts of an application in a segment."""
    labels = f'{OURS},application="{application}",segment="{segment}"'
    return {f"application:power_watts{{{labels}}}": values(pieces)}


def labels(**extra: str) -> str:
    """Labels of a result, as promtool compares them."""
    return ",".join([OURS, *(f'{name}="{value}"' for name, value in extra.items())])


def budget(name: str, application: str, per: str, value: float) -> Mapping[str, float]:
    """One row of a budget's series."""
    return {labels(application=application, budget=name, per=per): value}
