# SPDX-License-Identifier: Apache-2.0
"""Which features a topology has: the words behind `when` in attribution.yaml."""

from collections.abc import Container, Iterable, Mapping

from joulepath_rules.constants import PREFIX, Constant
from joulepath_rules.meters import read_by
from joulepath_rules.places import amounts, several, static_followed, units
from joulepath_rules.policy_constants import STEP
from joulepath_topology import Topology

SHOWN_BY = {
    "counted": "counted",
    "embodied": "embodied",
    "limit": "limits",
    "marginal": "marginal",
    "marginal_low": "marginal_interval",
    "supporter": "support",
    "tokens": "weights",
}
"""Features that any constant of a name shows."""


SHOWN_BY_LABEL = {"market": "market", "overhead": "live_overhead"}
"""Features that a label of a site or supply shows."""

SHOWN_BY_KIND = {"meter": ["metered"], "hours": ["hourly"]}
"""Features that the kind of a supply shows."""


def features(topology: Topology, constants: Iterable[Constant]) -> frozenset[str]:
    """All features, found in the constants where these say it: a rule with missing constants gives nothing."""
    found = {name for constant in constants for name in _of(constant)}
    found.add("fed" if "fed" in found else "not_fed")
    found.add("fallback" if any(host.fallback for host in topology.boxes.values()) else "one_tier")
    tiers = [
        host.static(tier) is not None for host in topology.boxes.values() for tier in range(1, len(host.tiers) + 1)
    ]
    if any(tiers):
        found.add("static")
    if not all(tiers):
        found.add("undivided")
    taken = {
        placement.host
        for name in topology.components
        for placement in topology.placements(name)
        if topology.whole(placement)
    }
    if taken != set(topology.boxes):
        found.add("rest")
    if any(component.moves for component in topology.components.values()):
        found.add("moves")
    if any(component.requests_of_pods for component in topology.components.values()):
        found.add("requested")
    else:
        found.add("granted")
    if topology.guests:
        found.add("vms")
    found.update(_of_sites(topology, found))
    sessions = [entry.sessions for entry in topology.applications.values() if entry.sessions is not None]
    found.update(f"{by}_sessions" for by in ("active", "ended") if any(getattr(each, by) for each in sessions))
    for name, component in topology.components.items():
        if component.traffic or component.requests:
            found.update(_of_traffic(topology, name))
    if "bytes" in found and ("marks" in found or "counter_bytes" in found):
        found.add("bits")
    return frozenset(found)


def _of_sites(topology: Topology, found: Container[str]) -> Iterable[str]:
    """The features that sites show."""
    yield "metered" if "metered" in found else "unmetered"
    yield "live_overhead" if "live_overhead" in found else "stated_overhead"
    for site in topology.sites.values():
        if site.overhead != 1:
            yield "overhead"
        if site.supply:
            yield "supplies"
        if site.price is not None:
            yield from ("money", "by_site", "live_price" if site.price.changes else "price")
    if "carbon" in found:
        yield "by_site"


def _of(constant: Constant) -> Iterable[str]:
    """The features that one constant shows."""
    labels = constant.labels
    name = constant.name.removeprefix(PREFIX)
    match name:
        case "source":
            yield read_by(labels)
            if "feeds" in labels:
                yield "fed"
        case "component":
            yield labels["share"]
        case "traffic":
            kinds = {"node": "node_total", "traced": "traced_total", "query": "node_query", "counter": "counter"}
            yield from ("traffic", kinds[labels["total"]], labels["by"], *(["node"] if "node_id" in labels else []))
        case "policy":
            yield "plain"
            if labels["part"] == "static" and constant.value:
                yield f"static_{labels['by']}"
        case "weight":
            of = labels["of"]
            yield from ("several", f"row_{labels['by']}", f"several_{'steps' if of.startswith(STEP) else of}")
        case "path":
            yield from _of_path(labels)
        case "site" | "supply":
            yield from (word for label, word in SHOWN_BY_LABEL.items() if label in labels)
            yield from SHOWN_BY_KIND.get(labels.get("kind", ""), [])
        case "grid_zone" | "grams_per_kwh":
            yield from ("carbon", f"{labels.get('factor', 'constant')}_factor")
        case "trace" | "flow":
            yield "marks"
        case _ if name in SHOWN_BY:
            yield SHOWN_BY[name]


def _of_path(labels: Mapping[str, str]) -> Iterable[str]:
    yield from ("path", f"{labels['coverage']}_{labels['amounts']}")
    if labels["coverage"].endswith("_directed"):
        yield from ("directed", labels["coverage"])
    if labels["amounts"].startswith("rows_"):
        kind = "pairs" if labels["amounts"] == "rows_pairs" else "rows"
        yield f"{kind}_{'counter' if 'counter' in labels else 'node'}"
    yield from (word for label, word in (("passing", "passing"), ("absent", "zero")) if label in labels)
    if "counter" in labels:
        yield from (f"{label}_counter" for label in ("trace_id", "flow") if label in labels)


def _of_traffic(topology: Topology, name: str) -> Iterable[str]:
    """The features of a component with counted traffic."""
    yield from units(topology, name)
    traffic = topology.components[name].traffic
    if traffic and traffic.by_application:
        yield from (f"counter_{unit}" for unit in units(topology, name))
    # Each application has 0 W of a static part that follows nothing.
    if not static_followed(topology, name) and not several(topology, name):
        yield f"static_{amounts(topology, name)[0]}"
