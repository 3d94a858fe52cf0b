# SPDX-License-Identifier: Apache-2.0
"""Writes groups as a Prometheus rule file."""

from collections.abc import Iterable

import yaml

from joulepath_rules.rule import Group

FILE_NAME = "joulepath.rules.yaml"


class _Dumper(yaml.SafeDumper):
    """YAML for people: expressions of several lines as blocks, lists indented, nothing folded."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  # PyYAML's hook
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write(groups: Iterable[Group], topology_hash: str) -> str:
    """The text of the rule file. It holds no date: the same topology gives the same bytes."""
    content = {
        "groups": [
            {"name": group.name, "interval": group.interval, "rules": [rule.as_yaml() for rule in group.rules]}
            for group in groups
        ]
    }
    header = (
        f"# Written by `joulepath rules generate` from topology {topology_hash}. Change the topology, not this file.\n"
    )
    return header + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1 << 20, allow_unicode=True)
