# SPDX-License-Identifier: Apache-2.0
"""promtool's verdict on a topology's queries and on the rules: it reads them as Prometheus does."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from joulepath_topology import Topology, promql
from joulepath_topology.durations import duration
from joulepath_topology.problem import Problem, alike
from joulepath_topology.queries import queries

_COMPLAINT = re.compile(r'group "queries", rule (\d+), "[^"]*": (?:could not parse expression: )?(.*)')
_PARSE_ERROR = re.compile(r"^\d+:\d+: parse error: ")


def refused_queries(promtool: str, topology: Topology) -> list[Problem]:
    """The queries that promtool refuses, at their places: each is a rule of its own, so that its number tells."""
    found = list(queries(topology))
    window, interval = duration(topology.window), duration(topology.interval)
    rules = [
        {"record": "query:value", "labels": {"query": str(number)}, "expr": promql.timed(query, window, interval)}
        for number, (_, query) in enumerate(found)
    ]
    # JSON is YAML.
    lines = refused_rules(promtool, json.dumps({"groups": [{"name": "queries", "rules": rules}]}), "queries.yaml")
    matches = [match for line in lines if (match := _COMPLAINT.search(line))]
    return alike(
        Problem(found[int(match[1]) - 1][0], f"promtool refuses this: {_PARSE_ERROR.sub('', match[2])}")
        for match in matches
    )


def refused_rules(promtool: str, text: str, name: str) -> Iterable[str]:
    """The lines of promtool about a rule file, in which it goes by this name; none when it accepts the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        words = [promtool, "check", "rules", "--lint=all", "--lint-fatal", str(path)]
        result = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  # promtool itself
    if result.returncode == 0:
        return []
    lines = (line.strip().replace(str(path), name) for line in (result.stdout + result.stderr).splitlines())
    return [line for line in lines if line]
