# SPDX-License-Identifier: Apache-2.0
"""Declared hosts and components against measured ones. The topology's constants name what is declared."""

from joulepath_dashboards.common import TOPOLOGY, known_part

SOURCES = f"joulepath_topology_source{{{TOPOLOGY}}}"
"""A constant for each reading of each host."""
COMPONENTS = f"joulepath_topology_component{{{TOPOLOGY}}}"
"""A constant for each component on each of its hosts."""

HOST_POWER = f"host:power_watts{{{TOPOLOGY}}}"
COMPONENT_POWER = f'component:power_watts{{{TOPOLOGY},component!="unattributed"}}'


def measured_hosts() -> str:
    """The part of the time range in which each declared host was measured; 0 for one that never was."""
    return f"{known_part(HOST_POWER, 'host')} or on (host) 0 * group by (host) ({SOURCES})"


def measured_components() -> str:
    """The same of each component on each of its hosts."""
    part = known_part(COMPONENT_POWER, "component, host")
    return f"{part} or on (component, host) 0 * group by (component, host) ({COMPONENTS})"


def never_measured() -> str:
    """How many declared hosts and components were not measured once in the time range."""
    hosts = f"group by (host) ({SOURCES}) unless on (host) count_over_time({HOST_POWER}[$__range])"
    components = (
        f"group by (component, host) ({COMPONENTS})"
        f" unless on (component, host) count_over_time({COMPONENT_POWER}[$__range])"
    )
    return f"count({hosts} or {components}) or 0 * group(attribution:heartbeat{{{TOPOLOGY}}})"
