# SPDX-License-Identifier: Apache-2.0
"""The configuration file and what is wrong in it."""

from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.workload.config import read
from joulepath.workload.settings import Rule, Settings

pytestmark = pytest.mark.unit


def settings(text: str) -> Settings:
    return read(Path("workload.yaml"), text)


def test_rules_keep_their_order() -> None:
    found = settings(r"""
workloads:
  - {unit: "a-*.service"}
  - {name: 'job-\1', cgroup_regex: '.*/job_(\d+)'}
  - {name: x, executable: ffmpeg}
limit: 9
hierarchy: v1
""")
    rules = (
        Rule("unit", "a-*.service"),
        Rule("cgroup_regex", r".*/job_(\d+)", r"job-\1"),
        Rule("executable", "ffmpeg", "x"),
    )
    assert found == Settings(rules, "other", 9, "v1")
    assert found.fixed == ("x",)
    assert found.looks_at_processes


def test_without_keys_all_is_other() -> None:
    assert settings("workloads: []") == Settings((), "other")
    assert settings("rest: each") == Settings()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("workloads: [{name: a}]", "workloads[0]: needs exactly one of unit, pod,"),
        ("workloads: [{unit: a, pod: b}]", "not unit and pod"),
        ("workloads: [{command: a}]", "workloads[0]: command: needs a `name` for its workload"),
        ("workloads: [{name: a, command: '('}]", "workloads[0]: command: is not a regular expression"),
        ("workloads: [{cgroup_regex: '*'}]", "workloads[0]: cgroup_regex: is not a regular expression"),
        (r"workloads: [{name: '\2', command: '(a)'}]", r"workloads[0]: name: \2 is not a group of the regular"),
        (r"workloads: [{name: '\g<b>', command: '(?P<a>a)'}]", r"workloads[0]: name: \g<b> is not a group"),
        (r"workloads: [{name: 'a\d', command: '(a)'}]", r"workloads[0]: name: write \1 or \g<NAME> for a group"),
        ("workloads: [{name: steal, unit: a}]", "workloads[0].name: 'steal' is the name of what no rule names"),
        ("workloads: [{unit: a}, {unit: a, name: b}]", "workloads[1]: unit 'a' stands above already"),
        ("workloads: [{unt: a}]", "workloads[0].unt: unknown key 'unt' (did you mean unit?)"),
        ("limit: 0", "limit: must be greater than or equal to 1"),
        ("rest: all", "rest: must be 'each' or 'other'"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    with pytest.raises(UsageError) as fault:
        settings(text)
    assert len(fault.value.messages) == 1
    assert fault.value.messages[0].startswith("workload.yaml: ")
    assert line in fault.value.messages[0]


def test_a_named_group_names_a_workload() -> None:
    (rule,) = settings(r"workloads: [{name: 'j-\g<n>', cgroup_regex: '/(?P<n>.*)'}]").rules
    assert rule.fixed is None
