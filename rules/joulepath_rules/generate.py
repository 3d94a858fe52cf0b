# SPDX-License-Identifier: Apache-2.0
"""Turns a topology into groups of rules: constants, adapters and the fixed chain, derived figures, budgets."""

from joulepath_rules.adapters import adapters
from joulepath_rules.budgets import budgets
from joulepath_rules.chain import chain, slow, timed
from joulepath_rules.constants import constants
from joulepath_rules.history import history, pace
from joulepath_rules.rule import Group, Rule
from joulepath_rules.topology import Topology


def generate(topology: Topology) -> list[Group]:
    """The groups of one rule file, in the order in which they build on each other. Same topology, same rules."""
    fixed = chain(topology)
    before = tuple(Rule(rule.record, timed(rule.expr, topology), rule.labels) for rule in adapters(topology))
    groups = [
        Group("constants", slow(topology), tuple(constants(topology))),
        Group("attribution", fixed["attribution"].interval, before + fixed["attribution"].rules),
        fixed["derived"],
        Group("history", pace(topology), tuple(history(topology))),
    ]
    if topology.budgets:
        groups.append(Group("budgets", slow(topology), tuple(budgets(topology))))
    return groups
