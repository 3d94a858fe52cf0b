# SPDX-License-Identifier: Apache-2.0
"""Some hours of a small plant with known watts, and the rows that the rules write of them, with what they miss.

A user plane with a meter of its own, and a server with a model and other work. Watts follow slow waves, so that the
truth is an integral that is worked out here, and the mean of what is known of an hour is within 1 % of it.
"""

import math
from collections.abc import Callable, Iterator, Mapping

from joulepath_rules.chain import slow
from joulepath_rules.constants import method
from joulepath_topology import Topology
from tests.rules.backfilled import Sample
from tests.rules.promtool import topology

START = 1_767_225_600.0  # a UTC midnight
HOUR = 3600.0
PERIOD = 4 * HOUR + 1500
"""Four hours, and 25 minutes of the running one."""
END = START + PERIOD

TEXT = """
name: plant
interval: 15s
window: 2m
sites:
  mast: {grams_per_kwh: 400, overhead: 1.1}
  room: {grams_per_kwh: 100, overhead: 1.25}
hosts:
  edge: {site: mast, static_watts: 60, power: [{pdu: p, outlets: ["1"]}]}
  gpu: {site: room, static_watts: 100, capacity: 4, power: [{bmc: b}], fallback: [{rapl: b, scale: 1.2}]}
components:
  upf: {role: upf, host: edge, traffic: {ioam: 4}, labels: {slice: red}}
  qwen:
    role: model
    host: gpu
    reservation: 2
    share: [{kepler_pod: "ai/qwen-.*"}]
    requests: {vllm: {}}
applications:
  camera: {traces: [{ioam_namespace: 123, id: "0a"}], path: [upf], models: [qwen], labels: {team: vision}}
  robot: {traces: [{ioam_namespace: 123, id: "0b"}], path: [upf], models: [qwen]}
budgets:
  camera-day: {application: camera, energy: 2kWh, per: day}
"""


OVERHEADS = {"mast": 1.1, "room": 1.25}


def plant() -> Topology:
    """The topology."""
    return topology(TEXT)


Watts = Callable[[float], float]
ROWS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("camera", "upf"): (50.0, 0.06),
    ("robot", "upf"): (30.0, -0.05),
    ("unattributed", "upf"): (10.0, 0.02),
    ("camera", "qwen"): (90.0, 0.08),
    ("robot", "qwen"): (20.0, 0.05),
    ("unattributed", "qwen"): (15.0, 0.0),
    ("unattributed", "unattributed"): (70.0, 0.03),
}
"""Mean watts of each application at each component, and how far they wave, as a part of them."""

HOSTS = {"upf": "edge", "qwen": "gpu", "unattributed": "gpu"}
SITES = {"edge": "mast", "gpu": "room"}
SEGMENTS = {"upf": "network", "qwen": "compute", "unattributed": ""}
WAVE = 1000.0

Gap = tuple[float, float]
METER = (START + HOUR + 600, START + HOUR + 1320)
"""The meter of the edge says nothing for 12 minutes."""
RESTART = (START + 2 * HOUR + 3300, START + 3 * HOUR + 300)
"""The server is away for 10 minutes, over the end of an hour."""
TRAFFIC = (START + 3 * HOUR + 1200, START + 3 * HOUR + 1800)
"""Nothing counts the requests of the robot for 10 minutes: its watts at the model are `unattributed`."""


def watts(application: str, component: str, at: float) -> float:
    """The true power."""
    mean, wave = ROWS[application, component]
    return mean * (1 + wave * math.sin(2 * math.pi * (at - START) / WAVE))


def truth(application: str | None = None, component: str | None = None, period: float = PERIOD) -> float:
    """Joules of the plant, or of some of it, from START on: the integral of the waves."""
    turn = 2 * math.pi * period / WAVE
    return sum(
        mean * (period + wave * WAVE / (2 * math.pi) * (1 - math.cos(turn)))
        for (name, place), (mean, wave) in ROWS.items()
        if application in {None, name} and component in {None, place}
    )


def known(component: str, application: str, at: float) -> bool:
    """Whether the rules know a row of that time."""
    if RESTART[0] <= at < RESTART[1] or (component == "upf" and METER[0] <= at < METER[1]):
        return False
    return not ((application, component) == ("robot", "qwen") and TRAFFIC[0] <= at < TRAFFIC[1])


def rows_at(at: float) -> dict[tuple[str, str], float]:
    """The watts that the rules have at a time; the watts of an unknown application are `unattributed`."""
    found = {key: watts(*key, at) for key in ROWS if known(key[1], key[0], at)}
    if ("robot", "qwen") not in found and ("unattributed", "qwen") in found:
        found["unattributed", "qwen"] += watts("robot", "qwen", at)
    return found


def samples(gone: Callable[[float], bool] | None = None) -> Iterator[Sample]:
    """All series, in the order of their names, until now: half a window after END. `gone` hides times."""
    ours = plant()
    collected: dict[str, list[Sample]] = {}
    times = [START - 1800 + 15 * step for step in range(int((PERIOD + 1800 + 75) // 15) + 1)]
    for now in times:
        if gone is None or not gone(now):
            for series, value in _series(ours, now - ours.window / 2, now).items():
                collected.setdefault(series, []).append((series, value, now))
    for name in sorted(collected, key=lambda series: (series.partition("{")[0], series)):
        yield from collected[name]


def _series(ours: Topology, at: float, now: float) -> dict[str, float]:
    rows = rows_at(at)
    hosts: dict[str, float] = {}
    found: dict[str, float] = {}
    for (application, component), power in rows.items():
        host = HOSTS[component]
        hosts[host] = hosts.get(host, 0.0) + power
        where = {"application": application, "component": component, "host": host, "site": SITES[host]}
        segmented = {"segment": SEGMENTS[component]} if SEGMENTS[component] else {}
        found[_name("application_component:power_watts", **where, **segmented)] = power
    for host, power in hosts.items():
        found[_name("host:power_watts", host=host, site=SITES[host])] = power
        found[_name("host:power_source:info", host=host, tier="1", method=method(ours, host, 1))] = 1
    found.update(_components(rows))
    for application in ("camera", "robot"):
        if all((application, component) in rows for component in ("upf", "qwen")):
            for component in ("upf", "qwen"):
                labels = {"application": application, "segment": SEGMENTS[component]}
                power = rows[application, component]
                found[_name("application:power_watts", **labels)] = power
                for part, of in (("static", 0.4), ("dynamic", 0.6)):
                    found[_name("application:power_part_watts", **labels, part=part)] = of * power
    if len(hosts) == len(SITES):
        for place, segment in SEGMENTS.items():
            word = {"segment": segment} if segment else {}
            found[_name("application:power_watts", application="unattributed", **word)] = rows["unattributed", place]
    if now % slow(ours) == 0:
        for site, entry in ours.sites.items():
            factor = (entry.grams_per_kwh or 0) * OVERHEADS[site] / 3.6e6
            found[_name("site:co2_grams_per_joule", site=site, basis="location")] = factor
    return found


def _components(rows: Mapping[tuple[str, str], float]) -> Iterator[tuple[str, float]]:
    """The parts of the components of known hosts."""
    for component, static in (("upf", 60.0), ("qwen", 50.0), ("unattributed", 50.0)):
        if ("unattributed", component) in rows:
            host = HOSTS[component]
            whole = sum(power for (_, place), power in rows.items() if place == component)
            for part, power in (("static", static), ("dynamic", whole - static)):
                labels = {"component": component, "host": host, "site": SITES[host], "part": part}
                yield _name("component:power_watts", **labels), power


def _name(series: str, **labels: str) -> str:
    words = ",".join(f'{name}="{value}"' for name, value in {"topology": "plant", **labels}.items())
    return f"{series}{{{words}}}"
