# SPDX-License-Identifier: Apache-2.0
"""The meters' law: what each machine draws for the traffic that the senders say they sent.

It reads the ledger alone, no exporter and no rule. Every machine has a static part and dynamic parts, one for each
component on it; a dynamic part is so many joules for each packet and octet, or request and token for a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from joulepath_lab.scenarios.scenario import Machine
from joulepath_lab.truth.ledger import FIELDS, Sent


@dataclass(frozen=True)
class Power:
    """Watts of one machine: static, dynamic per component, and dynamic of no component."""

    static: float
    dynamic: Mapping[str, float]
    housekeeping: float

    @property
    def total(self) -> float:
        """The watts that a meter at the plug shows."""
        return self.static + sum(self.dynamic.values()) + self.housekeeping


def power(
    machines: Mapping[str, Machine], before: Mapping[str, Sent], after: Mapping[str, Sent], seconds: float
) -> dict[str, Power]:
    """Mean watts of every machine over `seconds`, from what was sent in them. All traffic passes every node."""
    rates = {
        field: sum(getattr(after[name], field) - getattr(before[name], field) for name in after) / seconds
        for field in FIELDS
    }
    return {
        host: Power(
            machine.static_watts,
            {
                component: sum(joules * rates[field] for field, joules in costs.items())
                + machine.signalling_watts.get(component, 0.0)
                for component, costs in machine.components.items()
            },
            machine.housekeeping_watts,
        )
        for host, machine in machines.items()
    }
