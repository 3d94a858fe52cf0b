# SPDX-License-Identifier: Apache-2.0
"""Traffic of the scenario beyond that at which a slope was measured: there the slope and its interval are a guess."""

from collections.abc import Iterator
from dataclasses import dataclass

from joulepath_topology.marginal import of_application
from joulepath_whatif.traffic import Traffic

ROUNDING = 1e-3
"""Of a number with four digits."""


@dataclass(frozen=True)
class Beyond:
    """A component with more or less traffic than was measured."""

    component: str
    application: str | None
    """The one of which the slope is, None where it is that of all traffic."""
    unit: str
    rate: float
    """Units/s in the scenario."""
    least: float
    most: float


def beyond(sent: Traffic) -> Iterator[Beyond]:
    """Each component of which traffic changes, and is outside of what was measured then."""
    for component, entry in sent.topology.components.items():
        changed = [name for name in sent.senders(component) if sent.changed(component, name)]
        used = {id(slope): slope for name in changed for slope in of_application(entry.marginal, name)}
        for slope in used.values():
            if slope.per is None or slope.least is None or slope.most is None or sent.replaced(component):
                continue
            rate = sum(
                each
                for (name, at, by), each in sent.then.items()
                if (at, by) == (component, slope.amount) and slope.application in {None, name}
            )
            if not slope.least * (1 - ROUNDING) <= rate <= slope.most * (1 + ROUNDING):
                yield Beyond(component, slope.application, slope.per, rate, slope.least, slope.most)
