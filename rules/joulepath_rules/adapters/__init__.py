# SPDX-License-Identifier: Apache-2.0
"""The PromQL of a topology, one rule for each source: what the fixed chain reads besides exporters and constants.

Reads of the chain's own series and of constants are written plainly, as in attribution.yaml.
"""

from collections.abc import Iterator

from joulepath_rules.adapters.local_time import local_times
from joulepath_rules.adapters.power import power
from joulepath_rules.adapters.prices import prices
from joulepath_rules.adapters.requested import requested
from joulepath_rules.adapters.sessions import sessions
from joulepath_rules.adapters.sites import sites
from joulepath_rules.adapters.traffic import traffic
from joulepath_rules.adapters.vms import vms
from joulepath_rules.adapters.work import work
from joulepath_rules.rule import Rule
from joulepath_topology import Topology


def adapters(topology: Topology) -> Iterator[Rule]:
    """All adapters; durations are still `$window`, `$half`, `$quarter`, `$reach` and `$interval`."""
    yield from power(topology)
    yield from work(topology)
    yield from requested(topology)
    yield from vms(topology)
    yield from traffic(topology)
    yield from sessions(topology)
    yield from local_times(topology)
    yield from prices(topology)
    yield from sites(topology)
