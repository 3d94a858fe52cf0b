# SPDX-License-Identifier: Apache-2.0
"""Warns of live factors that `joulepath carbon` cannot have served: another exporter may, so nothing is refused."""

import re
from collections.abc import Iterator

from joulepath.carbon.catalogue import providers
from joulepath.meant import did_you_mean
from joulepath_topology import Topology
from joulepath_topology.hosts import Site
from joulepath_topology.problem import Place, Problem
from joulepath_topology.queries import factors
from joulepath_topology.supplies import Factor

PAGE = "docs/reference/carbon-sources.md"


def doubts(topology: Topology) -> Iterator[Problem]:
    """A warning for each factor of a zone, boundary or kind that its source does not have."""
    for name, site in topology.sites.items():
        for place, entry in factors(name, site):
            for at, message in _of(site, ("sites", name), place, entry):
                yield Problem(at, message, severity="warning")


def _of(site: Site, where: Place, place: Place, entry: Factor) -> Iterator[tuple[Place, str]]:
    if entry.source is None or entry.grid_zone is None:
        return
    known = providers().get(entry.source)
    if known is None:
        if meant := did_you_mean(entry.source, list(providers())):
            yield (*place, "source"), f"{entry.source!r} is not a source of joulepath carbon{meant}"
        return
    if entry.grid_zone not in known.zones and not re.fullmatch(known.zone_pattern, entry.grid_zone):
        meant = did_you_mean(entry.grid_zone, list(known.zones))
        yield (*place, "grid_zone"), f"{entry.grid_zone!r} is not a zone of {entry.source}{meant}: {PAGE} has its zones"
    if entry.boundary not in known.boundaries:
        has = " and ".join(known.boundaries)
        yield (*place, "boundary"), f"is {entry.boundary}, and {entry.source} has {has} only: write `boundary: {has}`"
    if site.factor != known.kind:
        yield (
            (*where, "factor"),
            f"is {site.factor}, and {entry.source} has {known.kind} factors only: write `factor: {known.kind}`",
        )
