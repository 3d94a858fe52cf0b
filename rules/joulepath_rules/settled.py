# SPDX-License-Identifier: Apache-2.0
"""Series that `joulepath carbon settle` writes. No sum of recorded series has them, by their names."""

from joulepath_rules.history import HOUR, closes_after
from joulepath_topology import Topology

GRAMS = "application:settled_co2_grams:1h"
"""CO2 of a closed hour, in grams, with the factors that its sources have settled."""

FACTOR = "site:settled_co2_grams_per_joule:1h"
"""Grams for each joule of a site's hosts in that hour, with its overhead."""

STATE = "settled"
"""The value of their label `state`."""


def written_after(topology: Topology) -> float:
    """Seconds from the end of an hour to the moment of its sample: half an hour, at which all windows look for it."""
    return max(HOUR / 2, closes_after(topology))
