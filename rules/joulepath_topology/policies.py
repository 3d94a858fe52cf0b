# SPDX-License-Identifier: Apache-2.0
"""Attribution policies as data: which part of a component's power follows which amount, with which weight.

The weights of a part add to 1. A new policy is one more line here; the chain stays as it is. docs/reference/policies.md
has the definition and the source of each.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from joulepath_topology.common import Entry, NotNegative

PARTS = ("static", "dynamic", "undivided")

AMOUNTS = {
    "count": "packets (of a model: requests)",
    "volume": "bytes (of a model: tokens)",
    "uplink": "bytes uplink",
    "downlink": "bytes downlink",
    "equal": "the number of applications that send",
    "steps": "the number of applications that need a step",
    "reservation": "what applications reserve",
    "capacity": "bytes as a part of the capacity",
    "unattributed": "no application",
}
"""The amounts that power can follow, in words."""

DIRECTIONS = ("uplink", "downlink")
TRAFFIC = ("count", "volume", *DIRECTIONS)
"""Amounts that are traffic: an application's divided by all traffic at the component."""

Weights = Mapping[str, float]
Policy = Mapping[str, Weights]

_VOLUME: Weights = {"volume": 1}


def _static(amount: str) -> Policy:
    """Static power follows an amount, all other power bytes."""
    return {"static": {amount: 1}, "dynamic": _VOLUME, "undivided": _VOLUME}


POLICIES: dict[str, Policy] = {
    # Idle power follows how often a component is asked, the rest how much it moves.
    "packets-bytes": _static("count"),
    "bytes": _static("volume"),
    "packets": {"static": {"count": 1}, "dynamic": {"count": 1}, "undivided": {"count": 1}},
    # A fixed cost that any one of them causes in full: the Shapley value is the same for each.
    "equal": _static("equal"),
    # A cost that rises in steps with the need of the greatest: the airport game.
    "steps": _static("steps"),
    "reservation": _static("reservation"),
    "capacity": _static("capacity"),
    "static-unattributed": _static("unattributed"),
    # All energy by data volume, as the energy information function of 3GPP TS 23.501 Rel-19 does: `bytes`.
    "3gpp-eif": _static("volume"),
}

DEFAULT = "packets-bytes"

if TYPE_CHECKING:
    PolicyName = str
    Amount = str
else:
    PolicyName = Literal[tuple(POLICIES)]
    Amount = Literal[tuple(AMOUNTS)]
"""The name of one of them; a type checker does not read names out of a table."""


# One of the two is meant, so that a mistake in it gives one line and not one for each.
def _form(value: Any) -> str:
    return "[name]" if isinstance(value, str) else "[own]"


OwnWeights = dict[Amount, NotNegative]
Followed = Annotated[Annotated[PolicyName, Tag("[name]")] | Annotated[OwnWeights, Tag("[own]")], Discriminator(_form)]


class OwnPolicy(Entry):
    """Weights of each part of power, `{count: 0.5, volume: 0.5}`, or the name of a policy that divides this part."""

    static: Followed | None = None
    """Static power: weights that add up to 1, or a policy."""
    dynamic: Followed | None = None
    """Power beyond the static part."""
    undivided: Followed | None = None
    """Power of hosts without `static_watts`."""


PolicyChoice = Annotated[
    Annotated[PolicyName, Tag("[name]")] | Annotated[OwnPolicy, Tag("[own]")],
    Discriminator(_form),
]
"""A policy by its name, or own weights."""


def weights(followed: str | Weights | None, part: str) -> Weights:
    """The amounts that a part follows: own weights, those that a policy has for it, or nothing."""
    if followed is None:
        return {}
    found = POLICIES[followed][part] if isinstance(followed, str) else followed
    return {amount: weight for amount, weight in found.items() if weight}


def resolved(choice: str | OwnPolicy, otherwise: Policy = POLICIES[DEFAULT]) -> Policy:
    """The weights of each part; a part that is not given is as in `otherwise`."""
    if isinstance(choice, str):
        return POLICIES[choice]
    return {part: weights(getattr(choice, part), part) or otherwise[part] for part in PARTS}


def title(choice: str | OwnPolicy) -> str:
    """Its name, for messages."""
    return choice if isinstance(choice, str) else "of its own weights"


def amounts_of(policy: Policy) -> set[str]:
    """The amounts that have a weight."""
    return {amount for part in policy.values() for amount, weight in part.items() if weight}


def amounts_needed(policy: Policy) -> set[str]:
    """The amounts of traffic without which the policy attributes nothing. `equal` takes any that is counted."""
    found = amounts_of(policy)
    directed = {*DIRECTIONS, "capacity"}
    return found & {"count", "volume"} | ({"volume"} if found & directed else set())
