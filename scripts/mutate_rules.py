# SPDX-License-Identifier: Apache-2.0
"""Breaks each rule in turn and says which test notices: `python -m scripts.mutate_rules [--rule REGEX] [--sample N]`.

The tests that hand rules to promtool run once, and what they handed over is kept. Then each rule is dropped, and each
place of its expression is changed (`scripts.mutations`), in the files of all tests at once. promtool runs them until
one fails; a change that promtool does not accept has failed, too. Not a part of CI: it takes minutes.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scripts.dependencies import ROOT
from scripts.mutations import mutations

SUITES = [
    f"tests/rules/test_{name}.py"
    for name in ("chain", "chain_edges", "budgets", "history", "alerts", "alert_chain", "conservation")
]
CONSTANT = "joulepath_topology_"

RECORDER = """\
#!/bin/sh
folder=$(mktemp -d {kept}/XXXXXXXX)
printf '%s' "$PYTEST_CURRENT_TEST" > "$folder/nodeid"
printf '%s\\n' "$@" > "$folder/words"
for word in "$@"; do case $word in *.yaml) cp "${{word%/*}}"/*.yaml "$folder";; esac; done
exec {promtool} "$@"
"""


@dataclass(frozen=True)
class Recorded:
    """One file of tests that promtool was asked to run, with its rules."""

    test: str
    file: Path
    rules: tuple[tuple[str, Any], ...]
    """The name and the content of each rule file."""


@dataclass(frozen=True)
class Change:
    """The change to the rules of one name: in `record`, `labels` and all topologies the same."""

    rule: str
    kind: str
    place: str = ""


def record(promtool: Path, kept: Path, suites: Sequence[str]) -> list[Recorded]:
    """Runs the tests once, if `kept` is empty. Raises SystemExit when they fail as they are."""
    kept.mkdir(exist_ok=True)
    if any(kept.iterdir()):
        return _all(kept)
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "promtool"
        program.write_text(RECORDER.format(kept=kept, promtool=promtool))
        program.chmod(0o755)
        words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", *suites]
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, "JOULEPATH_PROMETHEUS_DIR": name}, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit("the tests fail without any change")
    return _all(kept)


def _all(kept: Path) -> list[Recorded]:
    return [each for folder in sorted(kept.iterdir()) for each in _read_recorded(folder)]


def _read_recorded(folder: Path) -> Iterator[Recorded]:
    words = (folder / "words").read_text().split("\n")
    if words[:2] != ["test", "rules"]:
        return
    test = (folder / "nodeid").read_text().removesuffix(" (call)").rpartition("/")[2]
    for word in words[2:]:
        if word.endswith(".yaml"):
            file = folder / Path(word).name
            names = yaml.load(file.read_text(), yaml.CSafeLoader)["rule_files"]
            rules = tuple((name, yaml.load((folder / name).read_text(), yaml.CSafeLoader)) for name in names)
            yield Recorded(f"{test} {file.name.partition('.')[0]}", file, rules)


def name_of(rule: Mapping[str, Any]) -> str:
    """The rule's name and the labels that tell it from others of the name in every topology."""
    if "alert" in rule:
        return f"alert {rule['alert']}"
    own = {key: value for key, value in rule.get("labels", {}).items() if key in {"part", "by", "basis", "segment"}}
    if (
        rule.get("labels", {}).get("component") == "unattributed"
        or rule.get("labels", {}).get("application") == "unattributed"
    ):
        own["of"] = "unattributed"
    return str(rule["record"]) + ("{" + ",".join(f"{key}={value}" for key, value in own.items()) + "}" if own else "")


def rules_of(content: Any) -> Iterator[dict[str, Any]]:
    """The rules of a rule file, constants apart."""
    for group in content["groups"]:
        for rule in group["rules"]:
            if not rule.get("record", "").startswith(CONSTANT):
                yield rule


def changes(kept: Sequence[Recorded]) -> dict[Change, list[Recorded]]:
    """Every change, with the tests the rules of which it concerns."""
    records: dict[Change, list[Recorded]] = defaultdict(list)
    for each in kept:
        here = {
            change
            for _, content in each.rules
            for rule in rules_of(content)
            for change in _changes(rule)
        }  # fmt: skip
        for change in here:
            records[change].append(each)
    return dict(sorted(records.items(), key=lambda item: (item[0].rule, item[0].place, item[0].kind)))


def _changes(rule: Mapping[str, Any]) -> Iterator[Change]:
    name = name_of(rule)
    yield Change(name, "dropped")
    if rule.get("for", "0s") != "0s":
        yield Change(name, "no wait")
    for mutation in mutations(rule["expr"]):
        yield Change(name, mutation.kind, mutation.place)


def change_rules(content: Any, change: Change) -> Any:
    """The rule file with the change."""
    groups = []
    for group in content["groups"]:
        rules = [after for rule in group["rules"] for after in _change_rule(rule, change)]
        groups.append({**group, "rules": rules})
    return {"groups": groups}


def _change_rule(rule: dict[str, Any], change: Change) -> list[dict[str, Any]]:
    if rule.get("record", "").startswith(CONSTANT) or name_of(rule) != change.rule:
        return [rule]
    if change.kind == "dropped":
        return []
    if change.kind == "no wait":
        return [{**rule, "for": "0s"}]
    new = [each.expr for each in mutations(rule["expr"]) if (each.kind, each.place) == (change.kind, change.place)]
    return [{**rule, "expr": new[0] if new else rule["expr"]}]


@dataclass
class Hunt:
    """Looks for the test that notices a change; first among those that noticed others of the same rule."""

    promtool: Path
    most: int | None = None
    """How many tests are tried for one change."""
    noticed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __call__(self, change: Change, concerned: Sequence[Recorded]) -> str | None:
        """The first test that fails with the change; None when all pass."""
        hopeful = sorted(concerned, key=lambda one: (-self.noticed[change.rule, one.test], _suite(one)))
        for each in hopeful[: self.most]:
            if not passes(self.promtool, each, change):
                self.noticed[change.rule, each.test] += 1
                return each.test
        return None


def _suite(each: Recorded) -> int:
    """The place of its file in SUITES: those about the chain by hand come first."""
    return next(number for number, suite in enumerate(SUITES) if each.test.startswith(suite.rpartition("/")[2]))


def passes(promtool: Path, each: Recorded, change: Change) -> bool:
    """Whether promtool is content with a test, its rules changed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / each.file.name).write_bytes(each.file.read_bytes())
        for file, content in each.rules:
            (folder / file).write_text(json.dumps(change_rules(content, change)))
        words = [str(promtool), "test", "rules", str(folder / each.file.name)]
        try:
            done = subprocess.run(words, capture_output=True, check=False, timeout=120)  # noqa: S603
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> int:
    """Prints the table; exit status 1 when a change survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promtool", type=Path, default=ROOT / ".cache" / "programs" / "usr" / "bin" / "promtool")
    parser.add_argument("--rule", default="", help="only rules with this in their names (a regular expression)")
    parser.add_argument("--sample", type=int, help="so many changes, taken by chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, help="so many tests for each change; all, without it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--kept", type=Path, help="where what the tests hand over is kept; taken from there if it is")
    parser.add_argument("--survivors", action="store_true", help="print what survived, only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        kept = record(options.promtool, options.kept or Path(name), SUITES)
        chosen = [pair for pair in changes(kept).items() if re.search(options.rule, pair[0].rule)]
        if options.sample is not None:
            chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))  # noqa: S311
        survived = 0
        hunt = Hunt(options.promtool, options.most)
        with ThreadPoolExecutor(options.jobs) as pool:
            results = pool.map(lambda pair: (pair[0], hunt(*pair)), chosen)
            for change, test in results:
                survived += test is None
                if test is None or not options.survivors:
                    sys.stdout.write(f"{change.rule} | {change.kind} | {change.place} | {test or 'SURVIVED'}\n")
                    sys.stdout.flush()
    sys.stdout.write(f"{len(chosen)} changes, {survived} survived\n")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
