# SPDX-License-Identifier: Apache-2.0
"""PrometheusRule objects: as the schema of the resource asks, within the operator's limits, and with the same rules.

The schema is that of the operator's CRD prometheusrules.monitoring.coreos.com, version v1, at 0.82: a group has a name,
unique in its object; a rule has an expression; only these keys are known; durations follow one pattern.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath.errors import JoulepathError, UsageError
from joulepath_rules.dialects import operator
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_rules.rule import Group, Rule
from joulepath_topology import read
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
DURATION = re.compile(r"(0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)")
GROUP_KEYS = {"name", "interval", "rules"}
RULE_KEYS = {"record", "alert", "expr", "for", "labels", "annotations"}
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def objects(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def write_objects(groups: list[Group], name: str = "plant", **labels: str) -> list[dict[str, Any]]:
    return objects(operator.write(groups, name, "0123456789ab", "monitoring", labels))


def texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)


def check(entry: dict[str, Any]) -> None:
    """Holds one object against the schema."""
    assert (entry["apiVersion"], entry["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert set(entry) == {"apiVersion", "kind", "metadata", "spec"}
    assert SUBDOMAIN.fullmatch(entry["metadata"]["name"])
    assert len(entry["metadata"]["name"]) <= 253
    assert texts(entry["metadata"]["labels"])
    names = [group["name"] for group in entry["spec"]["groups"]]
    assert len(names) == len(set(names))
    for group in entry["spec"]["groups"]:
        assert set(group) <= GROUP_KEYS
        assert group["name"]
        assert DURATION.fullmatch(group["interval"])
        for rule in group["rules"]:
            assert set(rule) <= RULE_KEYS
            assert ("record" in rule) != ("alert" in rule)
            assert isinstance(rule["expr"], str)
            assert texts(rule.get("labels", {}))
            assert texts(rule.get("annotations", {}))
            assert DURATION.fullmatch(rule.get("for", "0"))
            assert "record" not in rule or not {"for", "annotations"} & set(rule)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_objects_are_valid_and_hold_the_rules_of_the_rule_file(example: Path) -> None:
    topology = read(example)
    groups = generate(topology)
    documents = write_objects(groups, release="prometheus")
    for entry in documents:
        check(entry)
        assert entry["metadata"]["namespace"] == "monitoring"
        assert entry["metadata"]["labels"]["release"] == "prometheus"
    assert [group for entry in documents for group in entry["spec"]["groups"]] == yaml.safe_load(
        write(groups, topology.hash)
    )["groups"]
    assert len({entry["metadata"]["name"] for entry in documents}) == len(documents) == len(groups)


def test_promtool_accepts_the_files_of_the_operator(promtool: Path, tmp_path: Path) -> None:
    """The operator writes `spec` of each object as a rule file of its own."""
    paths = []
    for entry in write_objects(generate(read(ROOT / "examples" / "two-sites.yaml"))):
        paths.append(tmp_path / f"{entry['metadata']['name']}.yaml")
        paths[-1].write_text(yaml.safe_dump(entry["spec"]))
    result = subprocess.run([promtool, "check", "rules", *paths], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def group_of_size(size: int) -> Group:
    """A group with an expression of `size` octets."""
    return Group("attribution", "15s", (Rule("a:b", "x" * size),))


def test_a_group_beyond_the_limit_is_refused_with_a_remedy() -> None:
    write_objects([group_of_size(operator.MOST_BYTES - 1000)])
    with pytest.raises(JoulepathError, match=r"group attribution: 1 rules take 44\d KiB.*--constants scraped"):
        write_objects([group_of_size(operator.MOST_BYTES)])


def test_the_largest_group_is_within_the_limit_of_the_operator() -> None:
    """It writes keys in order, and each label on a line: of many small rules that is the most."""
    labels = {f"l{number}": str(number) for number in range(12)}
    rules = tuple(Rule("joulepath_topology_a", "vector(1)", {**labels, "n": str(number)}) for number in range(2000))
    while True:
        try:
            (entry,) = write_objects([Group("attribution", "15s", rules)])
        except JoulepathError:
            rules = rules[: len(rules) * 95 // 100]
        else:
            break
    size = len(yaml.safe_dump(entry["spec"], default_flow_style=False))
    assert 0.8 * operator.RULE_FILE_BYTES < size < operator.RULE_FILE_BYTES


@pytest.mark.parametrize("name", ["Plant", "a_b", "-a", "a-", "ü", "a b", "a" * 250])
def test_a_name_that_kubernetes_refuses_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name an object"):
        write_objects([group_of_size(1)], name=name)


@pytest.mark.parametrize("text", ["release", "=a", "a=-b", "a b=c", "/a=b", f"{'a' * 64}=b", "a=" + "b" * 64, "A/b=c"])
def test_a_label_that_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write KEY=VALUE"):
        operator.label(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("release=prometheus", ("release", "prometheus")), ("a.example/b_c=", ("a.example/b_c", "")), ("a=b=c", None)],
)
def test_a_label_that_kubernetes_accepts_is_accepted(text: str, pair: tuple[str, str] | None) -> None:
    if pair is None:
        with pytest.raises(ValueError, match="write KEY=VALUE"):
            operator.label(text)
    else:
        assert operator.label(text) == pair


@pytest.mark.parametrize("text", ["", "A", "a.b", "-a", "a" * 64])
def test_a_namespace_that_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a namespace"):
        operator.namespace(text)
