# SPDX-License-Identifier: Apache-2.0
"""The meters' law: what each machine draws for the traffic that the senders say they sent.

It reads the ledger alone, no exporter and no rule. Every machine has a static part and dynamic parts, one for each
component on it; a dynamic part is so many joules for each packet and octet, or request and token for a model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.streams import Stream, answer_of
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
    scenario: Scenario, before: Mapping[str, Sent], after: Mapping[str, Sent], seconds: float
) -> dict[str, Power]:
    """Mean watts of every machine over `seconds`, from what was sent in them."""
    rates = {
        component: _rates(scenario.passing_streams(component), before, after, seconds)
        for component in scenario.components
    }
    return {
        host: Power(
            machine.static_watts,
            {
                component: sum(joules * rates[component][field] for field, joules in costs.items())
                + machine.signalling_watts.get(component, 0.0)
                for component, costs in machine.components.items()
            },
            machine.housekeeping_watts,
        )
        for host, machine in scenario.machines.items()
    }


def _rates(
    streams: Iterable[Stream], before: Mapping[str, Sent], after: Mapping[str, Sent], seconds: float
) -> dict[str, float]:
    """Amounts in a second of these streams and of the answers to them, by the fields of the ledger."""
    names = [name for stream in streams for name in (stream.name, answer_of(stream)) if name in after]
    return {
        field: sum(getattr(after[name], field) - getattr(before[name], field) for name in names) / seconds
        for field in FIELDS
    }
