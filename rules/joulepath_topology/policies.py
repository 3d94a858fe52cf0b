# SPDX-License-Identifier: Apache-2.0
"""Attribution policies as data: which part of a component's power follows which amount, with which weight.

The amounts are `count` (packets, a model's requests) and `volume` (bytes, a model's tokens); the weights of a part
add to 1. A new policy is one more line here; the chain stays as it is.
"""

from typing import TYPE_CHECKING, Literal

POLICIES: dict[str, dict[str, dict[str, float]]] = {
    # Idle power follows how often a component is asked, the rest how much it moves.
    "packets-bytes": {"static": {"count": 1}, "dynamic": {"volume": 1}, "undivided": {"volume": 1}},
    # All energy by data volume: 3GPP TS 23.501 Rel-19, energy information function.
    "bytes": {"static": {"volume": 1}, "dynamic": {"volume": 1}, "undivided": {"volume": 1}},
    "packets": {"static": {"count": 1}, "dynamic": {"count": 1}, "undivided": {"count": 1}},
}

if TYPE_CHECKING:
    PolicyName = str
else:
    PolicyName = Literal[tuple(POLICIES)]
"""The name of one of them; a type checker does not read names out of a table."""


def amounts_needed(policy: PolicyName) -> set[str]:
    """The amounts without which the policy attributes nothing."""
    return {amount for weights in POLICIES[policy].values() for amount in weights}
