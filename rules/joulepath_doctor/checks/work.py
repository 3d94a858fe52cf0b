# SPDX-License-Identifier: Apache-2.0
"""The work of components against all work of their host, in one unit, over the window."""

from collections.abc import Iterator

from joulepath_doctor import places
from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import own, rows, window
from joulepath_topology.durations import duration
from joulepath_topology.problem import Place

GRANTED = 0.25
"""The part by which the work of components may exceed that of their host: two counters that are scraped apart."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about each host, GPU and virtual machine."""
    reach = f"[{window(context)}:{duration(context.topology.interval)}]"
    of_host = own(context, "adapter:host_active:rate")
    parts, wholes = (
        rows(context, f"avg_over_time((sum by (host, unit) ({expr})){reach})", "host", "unit")
        for expr in (f"{own(context, 'adapter:active:ratio')} * on (host, unit) group_left () {of_host}", of_host)
    )
    for (host, unit), work in parts.items():
        whole = wholes.get((host, unit), 0.0)
        if work > whole * (1 + GRANTED) > 0:
            at: Place = ("vms", host) if host in context.topology.vms else places.box(context.topology, host)
            yield found(
                "sum/work-host", at,
                f"the work of its components is {work:.3g} ({unit}), more than its own {whole:.3g} ({GRANTED:.0%} is "
                "granted): compare `share` with `active` or `kepler`, which may be of another machine or unit",
            )  # fmt: skip
