# SPDX-License-Identifier: Apache-2.0
"""Missing data: unattributed watts, and readings that were not measured, from the meter up."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, SELECTED, TOPOLOGY, UNATTRIBUTED, lines, over_time, stacked, states


def row() -> Row:
    """The row's heading."""
    return Row("Unattributed, and gaps")


def panels() -> Iterator[timeseries.Panel | statetimeline.Panel]:
    """The row's panels, from left to right."""
    yield stacked(
        "Unattributed by component",
        "Watts of each component that no application accounts for, and of each host that no component does; a gap "
        "means that the host is not measured.",
        units.Watt,
    ).with_target(
        over_time(
            f"sum by (component, host) (application_component:power_watts{{{UNATTRIBUTED}}})",
            "{{component}} on {{host}}",
        )
    )

    yield (
        lines(
            "Covered against complete",
            "Watts of each application as far as they are measured (covered) and only while all of its path is "
            "(complete). Where covered stands alone, the application draws that much or more. A gap means that nothing "
            "of it is measured.",
            units.Watt,
        )
        .with_target(
            over_time(
                f"sum by (application) (application:power_covered_watts{{{SELECTED}}})", "{{application}} covered", "A"
            )
        )
        .with_target(
            over_time(f"sum by (application) (application:power_watts{{{SELECTED}}})", "{{application}} complete", "B")
        )
        .override_by_query("A", DASHED)
    )

    yield states(
        "Hosts",
        "Whether a host's power is measured, modelled or declared as a constant; a gap means that no source of its "
        "power was read completely.",
        {1: ("measured", "green"), 0: ("modelled", "orange"), 2: ("declared", "blue")},
    ).with_target(
        over_time(
            " or ".join(
                f'{value} * group by (host) (host:power_source:info{{{TOPOLOGY},method="{method}"}})'
                for value, method in enumerate(("modelled", "measured", "declared"))
            ),
            "{{host}}",
        )
    )

    yield states(
        "Components",
        "Whether a component's share of its host is measured; without a share its watts are in its host's "
        "unattributed, and a gap means that the host itself is not measured.",
        {1: ("measured", "green"), 0: ("no share", "orange")},
    ).with_target(
        over_time(
            f'group by (component, host) (component:power_watts{{{TOPOLOGY},component!="unattributed"}})'
            f" or 0 * group by (component, host) (component:unmeasured:info{{{TOPOLOGY}}})",
            "{{component}} on {{host}}",
        )
    )

    yield states(
        "Applications",
        "Whether all of an application's path is measured; a gap means that nothing of it is.",
        {1: ("complete", "green"), 0: ("incomplete", "orange")},
    ).with_target(
        over_time(
            f"group by (application) (application:power_watts{{{SELECTED}}})"
            f" or 0 * group by (application) (application:power_covered_watts{{{SELECTED}}})",
            "{{application}}",
        )
    )

    yield states(
        "Missing readings",
        "Which source of which tier of a host was not read, and when: why a host is a gap; nothing is missing where "
        "there is no bar.",
        {1: ("missing", "red")},
    ).with_target(
        over_time(
            f"group by (host, tier, source) (host:missing:info{{{TOPOLOGY}}})",
            "{{host}} tier {{tier}} source {{source}}",
        )
    )

    yield states(
        "Missing components",
        "At which component an application's share was not known, and when: why its total is a gap; nothing is "
        "missing where there is no bar.",
        {1: ("missing", "red")},
    ).with_target(
        over_time(
            f"group by (application, component) (application:missing:info{{{SELECTED}}})",
            "{{application}} at {{component}}",
        )
    )

    yield (
        lines(
            "Capture points",
            "The part of the window in which each IOAM node's packets were counted; a gap means less than half of it, "
            "and then no application has a share where the node counts.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .with_target(over_time(f"node:measured:ratio{{{TOPOLOGY}}}", "node {{node_id}}"))
    )
