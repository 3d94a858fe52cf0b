# SPDX-License-Identifier: Apache-2.0
"""The generated file: golden copies of the examples, promtool's lint, determinism, and what its documentation names."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from joulepath.cli import main
from joulepath_rules.chain import chain
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import FILE_NAME, write
from joulepath_rules.rule import Group, Rule, quote
from joulepath_rules.topology import read
from joulepath_rules.topology.common import duration
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_golden(example: Path, tmp_path: Path) -> None:
    """Each example gives the committed rules, byte by byte. `JOULEPATH_GOLDEN=write` writes them anew."""
    assert main(["rules", "generate", str(example), "-o", str(tmp_path)]) == 0
    golden = HERE / "golden" / f"{example.stem}.rules.yaml"
    text = (tmp_path / FILE_NAME).read_text()
    if os.environ.get("JOULEPATH_GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_lint(example: Path, promtool: Path, tmp_path: Path) -> None:
    """Prometheus 2.42 takes the rules of each example without a remark."""
    assert main(["rules", "generate", str(example), "-o", str(tmp_path)]) == 0
    lint(promtool, tmp_path / FILE_NAME)


def test_chain_is_valid_as_shipped(promtool: Path) -> None:
    """The chain stands in the tree as a rule file of its own."""
    lint(promtool, ROOT / "rules" / "joulepath_rules" / "attribution.yaml")


def lint(promtool: Path, path: Path) -> None:
    """Fails with what promtool says."""
    words = [str(promtool), "check", "rules", "--lint=all", "--lint-fatal", str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_durations_and_hash_are_replaced() -> None:
    """With the durations that it is shipped for, the chain is the shipped one but for the hash."""
    minimal = read(ROOT / "examples" / "minimal.yaml")
    shipped = yaml.safe_load((ROOT / "rules" / "joulepath_rules" / "attribution.yaml").read_text())["groups"]
    ours = chain(minimal)
    for group in shipped:
        expected = [rule["expr"].replace('"example"', quote(minimal.hash)) for rule in group["rules"]]
        assert [rule.expr for rule in ours[group["name"]].rules if isinstance(rule, Rule)] == expected
        assert ours[group["name"]].interval == group["interval"]


def test_short_durations() -> None:
    """At 1 s and 10 s nothing of the shipped durations is left; the second group reads one evaluation."""
    text = (ROOT / "examples" / "two-sites.yaml").read_text()
    quick = topology(text.replace("interval: 15s", "interval: 1s").replace("window: 2m", "window: 10s"))
    written = write(generate(quick), quick.hash)
    assert not re.search(r"\[2m\]|\[1m\] offset|15s|14s|\$window|example", written)
    assert "[10s]" in written
    assert "[1s] offset 933ms" in written
    assert [group.interval for group in generate(quick)] == ["4s", "1s", "4s", "4s"]


@pytest.mark.parametrize("window", ["1m", "4m", "8m"])
def test_each_duration_is_replaced_once(window: str) -> None:
    """Half of 4 min and a quarter of 8 min are the shipped window, and must not be taken for it."""
    minutes = int(window[:-1])
    ours = topology((ROOT / "examples" / "minimal.yaml").read_text() + f"window: {window}\n")
    rules = [rule for rule in chain(ours)["attribution"].rules if isinstance(rule, Rule)]
    settled = next(rule.expr for rule in rules if rule.record == "node:settled:info")
    half, quarter = duration(30 * minutes), duration(15 * minutes)
    assert re.findall(r"\[.+", settled) == [f"[{half}] offset {half}))", f"[{quarter}] offset {window}))"]


def test_constants_carry_the_hash() -> None:
    """Every constant and adapter carries it, so that the chain counts none of a former file."""
    example = read(ROOT / "examples" / "two-sites.yaml")
    rules = [rule for group in generate(example) for rule in group.rules if isinstance(rule, Rule)]
    own = [rule for rule in rules if rule.record.startswith(("joulepath_topology_", "adapter:"))]
    assert len(own) > 50
    assert all(rule.labels["topology"] == example.hash for rule in own)


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff"), min_size=1)


@given(st.dictionaries(st.from_regex("[a-z_]{1,8}", fullmatch=True), texts, max_size=4), texts)
def test_written_text_is_read_back(labels: dict[str, str], text: str) -> None:
    """What the writer writes is YAML, and means the same, whatever stands in labels and queries."""
    expr = f"sum(\n  x{{a={quote(text)}}}\n)"
    data = yaml.safe_load(write([Group("g", "1m", (Rule("a:b", expr, labels),))], "0"))
    rule = data["groups"][0]["rules"][0]
    assert rule["expr"] == expr
    assert rule.get("labels", {}) == labels


def test_promtool_speaks_through_check(
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


def test_unwritable_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback where the output cannot be written."""
    (tmp_path / "file").write_text("")
    assert main(["rules", "generate", str(ROOT / "examples" / "minimal.yaml"), "-o", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err
