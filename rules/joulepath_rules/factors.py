# SPDX-License-Identifier: Apache-2.0
"""How the rules read live carbon factors, the most settled state that is there and never a forecast, and shares."""

from collections.abc import Mapping

from joulepath_rules.adapters.guards import SENSIBLE

KINDS = ("average", "marginal")
"""Kinds of factors: of all power of a grid, or of its next kWh."""

STATES = ("settled", "estimated", "")
"""States of a value, the most settled first; exporters of others have no label `state`."""

IDENTITY = "grid_zone, source, boundary"


def metric(kind: str) -> str:
    """The name of the live factor of a kind."""
    return f"grid_carbon_intensity_{kind}_grams_per_kilowatt_hour"


def _settled_most(kind: str) -> str:
    return f"\n    or on ({IDENTITY}) ".join(f'{metric(kind)}{{state="{state}"}}' for state in STATES)


def live(kind: str) -> str:
    """One value for each zone, source and boundary; different values of one state are a gap."""
    best = _settled_most(kind)
    return f"(max by ({IDENTITY}) (\n    {best}) {SENSIBLE}\n    == on ({IDENTITY}) min by ({IDENTITY}) (\n    {best}))"


def state(kind: str) -> str:
    """The state of the value that counts, for each zone, source and boundary."""
    return f"group by ({IDENTITY}, state) (\n    {_settled_most(kind)})"


def words(features: frozenset[str]) -> Mapping[str, str]:
    """The words in place of `$average_factor`, `$average_state`, `$stated_shares` and the like in attribution.yaml."""
    stated = 'joulepath_topology_supply{kind=""}'
    if "hourly" in features:
        stated = f"({stated} or adapter:supply_share:ratio)"
    return {
        "$stated_shares": stated,
        **{f"${kind}_factor": live(kind) for kind in KINDS},
        **{f"${kind}_state": state(kind) for kind in KINDS},
    }
