# SPDX-License-Identifier: Apache-2.0
"""The generated file: golden copies of the examples, promtool's lint, determinism, and what its documentation names."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from joulepath.cli import main
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import FILE_NAME, write
from joulepath_rules.rule import Group, Rule
from joulepath_topology import read
from joulepath_topology.promql import quote, selectors
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_generation_gives_the_committed_rules(example: Path, tmp_path: Path) -> None:
    """Each example gives the committed rules, byte by byte. `JOULEPATH_GOLDEN=write` writes them anew."""
    assert main(["rules", "generate", str(example), "-o", str(tmp_path)]) == 0
    golden = HERE / "golden" / f"{example.stem}.rules.yaml"
    text = (tmp_path / FILE_NAME).read_text()
    if os.environ.get("JOULEPATH_GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_prometheus_accepts_the_rules_without_a_remark(example: Path, promtool: Path, tmp_path: Path) -> None:
    """Prometheus 2.42 takes the rules of each example without a remark."""
    assert main(["rules", "generate", str(example), "-o", str(tmp_path)]) == 0
    lint(promtool, tmp_path / FILE_NAME)


def lint(promtool: Path, path: Path) -> None:
    """Fails with what promtool says."""
    words = [str(promtool), "check", "rules", "--lint=all", "--lint-fatal", str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_short_durations_replace_the_shipped_ones() -> None:
    """At 1 s and 10 s nothing of the shipped durations is left; the slow groups read one evaluation."""
    text = (ROOT / "examples" / "two-sites.yaml").read_text()
    text = text.replace("per: day}", "per: day, burn: []}")
    quick = topology(text.replace("interval: 15s", "interval: 1s").replace("window: 2m", "window: 10s"))
    written = write(generate(quick), quick.hash)
    assert not re.search(r"\[2m\]|15s|14s|\$(window|half|quarter|start|steps|interval|any_of)\b", written)
    assert "[10s]" in written
    assert "[1s] offset 933ms" in written


def test_every_rule_carries_the_name_of_the_topology() -> None:
    """Every rule and every read of the topology's own series, so that two topologies never see each other."""
    example = read(ROOT / "examples" / "two-sites.yaml")
    rules = [rule for group in generate(example) for rule in group.rules]
    assert all(rule.labels["topology"] == example.name for rule in rules)
    names = {rule.record for rule in rules if isinstance(rule, Rule)}
    reads = [selector for rule in rules for selector in selectors(rule.expr) if selector.partition("{")[0] in names]
    assert len(reads) > 200
    assert all(f'topology="{example.name}"' in selector for selector in reads)


def test_strings_and_comments_of_a_query_stay_as_they_are() -> None:
    """A named group of label_replace may be called like one of the durations that adapters use."""
    query = (
        """# it's $start\nlabel_replace(rate(x_total[$window]), "application", "$start", "robot", "(?P<start>.*)")"""
    )
    text = f"""
sites: {{s: {{}}}}
hosts: {{h: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}}}
components: {{h: {{role: upf, traffic: {{query: {{bytes: {json.dumps(query)}}}}}}}}}
applications: {{a: {{path: [h]}}}}
"""
    rules = [rule for group in generate(topology(text)) for rule in group.rules if isinstance(rule, Rule)]
    rows = next(rule.expr for rule in rules if rule.record == "adapter:traffic:rate")
    assert rows == f"sum by (application) ({query.replace('$window', '2m')})"


def test_unused_rules_are_left_out() -> None:
    """A topology of one host and one application has no rules of models, anchors, queries or supporters."""
    groups = generate(read(ROOT / "examples" / "minimal.yaml"))
    names = {rule.record for group in groups for rule in group.rules if isinstance(rule, Rule)}
    words = ("adapter:", "passing", "whole", "domain", "tokens", "inferences", "active", "budget")
    assert [name for name in names if any(word in name for word in words)] == []


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff"), min_size=1)


@given(st.dictionaries(st.from_regex("[a-z_]{1,8}", fullmatch=True), texts, max_size=4), texts)
def test_written_text_is_read_back(labels: dict[str, str], text: str) -> None:
    """The writer writes YAML with the same meaning, whatever stands in labels and queries."""
    expr = f"sum(\n  x{{a={quote(text)}}}\n)"
    data = yaml.safe_load(write([Group("g", "1m", (Rule("a:b", expr, labels),))], "0"))
    rule = data["groups"][0]["rules"][0]
    assert rule["expr"] == expr
    assert rule.get("labels", {}) == labels


def test_check_passes_on_the_words_of_promtool(
    tmp_path: Path, promtool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A query that Prometheus cannot parse is found by `rules check`, where promtool is there; else it says so."""
    path = tmp_path / "topology.yaml"
    text = (ROOT / "examples" / "minimal.yaml").read_text()
    path.write_text(text.replace('{pdu: pdu-1, outlets: ["1"]}', "{watts: 'mad_over_time(x_watts[5m])'}"))
    monkeypatch.setenv("PATH", str(promtool.parent))
    assert main(["rules", "check", str(path)]) == 2
    assert "hosts.upf-1.power[0].watts: promtool refuses this" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["rules", "check", str(path)]) == 0
    assert "it was not asked" in capsys.readouterr().out


def test_an_unwritable_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback where the output cannot be written."""
    (tmp_path / "file").write_text("")
    assert main(["rules", "generate", str(ROOT / "examples" / "minimal.yaml"), "-o", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["rules", "generate", str(ROOT / "examples" / "minimal.yaml"), "-o"], ["init"]])
@pytest.mark.parametrize("name", ["joulepath.yaml", "rules.yml"])
def test_a_folder_with_the_name_of_a_file_is_refused(
    command: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tmp_path / name)]) == 2
    assert f"{name}: is the name of a file: name a folder" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_a_folder_that_exists_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "rules.yaml"
    folder.mkdir()
    assert main(["rules", "generate", str(ROOT / "examples" / "minimal.yaml"), "-o", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["joulepath.rules.yaml"]
