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
from joulepath_topology.common import UNATTRIBUTED
from joulepath_topology.durations import duration
from joulepath_topology.policies import TRAFFIC

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
    """Grams of CO2 for a joule, with the overhead, by site and basis: `location` or `market`."""
    overhead: Rows
    """Joules of a site for each joule that a host draws."""
    prices: Rows
    """Price of a kWh by site, currency."""
    over: float = 0.0
    """The time of the means [s]."""
    recorded: float = 0.0
    """The part of it in which the rules ran [s]."""


def read(prometheus: Prometheus, topology: Topology, at: float, over: float) -> Present:
    """Means over the last `over` seconds of the figures that are there at a time.

    Raises PrometheusError, and JoulepathError where the rules do not run.
    """
    beat = prometheus.query(f"timestamp(attribution:heartbeat{selector(topology=topology.name)})", at)
    if not beat or at - max(sample.value for sample in beat) > 2 * topology.interval + slow(topology):
        raise JoulepathError(
            f"{prometheus.url}: has no figures of topology {topology.name!r} now: load its rules there, and wait for "
            "two of its windows"
        )

    def rows(series: str, *labels: str, **matchers: str) -> Rows:
        own = series + selector(topology=topology.name, **matchers)
        found: list[Sample] = prometheus.query(f"avg_over_time({own}[{duration(over)}]) and {own}", at)
        return {tuple(sample.labels.get(label, "") for label in labels): sample.value for sample in found}

    beats = prometheus.query(
        f"count_over_time(attribution:heartbeat{selector(topology=topology.name)}[{duration(over)}])", at
    )
    nodes = {key[0]: ratio for key, ratio in rows("node:measured:ratio", "node_id").items()}

    def true(component: str, rate: float) -> float:
        """A rate of a node is low by the part of the window in which it was not counted."""
        return rate / nodes.get(plain_node(topology, component) or "", 1.0)

    seen = {**rows("component:counted:rate", "component", "by"), **rows("component:whole:rate", "component", "by")}
    # Where power follows more than packets and bytes, directions are known, too.
    amounts: Rows = {
        (name, component, by): true(component, rate)
        for (name, component, by), rate in rows(
            "application_component:policy:amount", "application", "component", "by"
        ).items()
        if name != UNATTRIBUTED and by in TRAFFIC
    }
    return Present(
        at=at,
        shares=rows("application_component:power_watts", "application", "component", "host"),
        parts=rows("component:power_watts", "component", "host", "part"),
        traffic={**amounts, **rows("application_component:traffic:rate", "application", "component", "by")},
        whole={(component, by): true(component, rate) for (component, by), rate in seen.items()},
        grams=rows("site:co2_grams_per_joule", "site", "basis"),
        overhead=rows("site:overhead:ratio", "site"),
        prices=rows("site:price_per_kilowatt_hour", "site", "currency"),
        over=over,
        recorded=max((sample.value for sample in beats), default=0.0) * topology.interval,
    )
