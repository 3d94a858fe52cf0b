# SPDX-License-Identifier: Apache-2.0
"""The meters' law: what each machine draws for the traffic that the senders say they sent.

It reads the ledger alone, no exporter and no rule. Every machine has a static part and dynamic parts, one for each
component on it; a dynamic part is so many joules per packet and per octet, or per token for the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from joulepath_lab.scenarios.scenario import Machine
from joulepath_lab.truth.ledger import Sent


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
    packets = sum(after[name].packets - before[name].packets for name in after) / seconds
    octets = sum(after[name].bytes - before[name].bytes for name in after) / seconds
    tokens = sum(after[name].tokens - before[name].tokens for name in after) / seconds
    return {
        host: Power(
            machine.static_watts,
            {
                component: per_packet * packets
                + per_octet * octets
                + per_token * tokens
                + machine.signalling_watts.get(component, 0.0)
                for component, (per_packet, per_octet, per_token) in machine.components.items()
            },
            machine.housekeeping_watts,
        )
        for host, machine in machines.items()
    }
