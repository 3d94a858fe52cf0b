# SPDX-License-Identifier: Apache-2.0
"""The figures of now, as the rules recorded them."""

from collections.abc import Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.results import Sample
from joulepath_rules.chain import slow
from joulepath_rules.places import plain_node
from joulepath_rules.rule import selector
from joulepath_topology import Topology

Key = tuple[str, ...]
Rows = Mapping[Key, float]


@dataclass(frozen=True)
class Present:
    """Recorded figures by the values of their labels."""

    at: float
    """Unix seconds."""
    shares: Rows
    """Watts by application, component, host; with `unattributed`."""
    parts: Rows
    """Watts by component, host, part."""
    traffic: Rows
    """Packets/s, bytes/s, requests/s or tokens/s by application, component, amount."""
    whole: Rows
    """All of it by component, amount."""
    grams: Rows
    """Grams of CO2 for a joule, with the overhead, by site: of the grid."""


def read(prometheus: Prometheus, topology: Topology, at: float) -> Present:
    """The figures at a time. Raises PrometheusError, and JoulepathError where the rules do not run."""
    beat = prometheus.query(f"timestamp({_own('attribution:heartbeat', topology)})", at)
    if not beat or at - max(sample.value for sample in beat) > 2 * topology.interval + slow(topology):
        raise JoulepathError(
            f"{prometheus.url}: has no figures of topology {topology.name!r} now: load its rules there, and wait for "
            "two of its windows"
        )

    def rows(expr: str, *labels: str) -> Rows:
        return {tuple(sample.labels.get(label, "") for label in labels): sample.value for sample in found(expr)}

    def found(expr: str) -> list[Sample]:
        return prometheus.query(expr, at)

    counted, whole, measured = (
        _own(name, topology) for name in ("component:counted:rate", "component:whole:rate", "node:measured:ratio")
    )
    nodes = {key[0]: ratio for key, ratio in rows(measured, "node_id").items()}
    seen = rows(f"{whole} or {counted} unless on (component, by) {whole}", "component", "by")
    return Present(
        at=at,
        shares=rows(_own("application_component:power_watts", topology), "application", "component", "host"),
        parts=rows(_own("component:power_watts", topology), "component", "host", "part"),
        traffic=rows(_own("application_component:traffic:rate", topology), "application", "component", "by"),
        # Rates of a node are low by the part of the window in which it was not counted.
        whole={
            (component, by): rate / nodes.get(plain_node(topology, component) or "", 1.0)
            for (component, by), rate in seen.items()
        },
        grams=rows(_own("site:co2_grams_per_joule", topology, basis="location"), "site"),
    )


def _own(series: str, topology: Topology, **labels: str) -> str:
    return series + selector(topology=topology.name, **labels)
