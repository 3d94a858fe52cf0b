# SPDX-License-Identifier: Apache-2.0
"""User sessions of applications, as a core or an application counts them."""

from collections.abc import Iterator

from joulepath_rules.adapters.guards import guarded
from joulepath_rules.rule import Rule
from joulepath_topology import Topology


def sessions(topology: Topology) -> Iterator[Rule]:
    """The number of active sessions, and the sessions/s that end."""
    for name, application in topology.applications.items():
        for by, query in application.sessions or ():
            if query is not None:
                yield Rule("adapter:sessions:sum", guarded(query), {"application": name, "by": by})
