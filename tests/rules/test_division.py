# SPDX-License-Identifier: Apache-2.0
"""Rules that are divided between leaves and a global server: the same rules, the same numbers."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from joulepath.cli import main
from joulepath_rules.constants import PREFIX
from joulepath_rules.dialects import vmalert
from joulepath_rules.division import HEARTBEAT, RECORDED, SENDER, SENT, WIRE, Global, Leaf, Part
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_rules.reads import now
from joulepath_rules.rule import Group, Rule, selector
from joulepath_topology import Topology, read
from joulepath_topology.cores.catalogue import CORES
from joulepath_topology.model_servers import SERVERS
from tests.conftest import ROOT
from tests.rules import factory
from tests.rules.promtool import topology
from tests.rules.test_series import EXPORTED, PLANTS, every_plant
from tests.rules.test_support import POOL, pool

pytestmark = pytest.mark.unit

EXAMPLE = ROOT / "examples" / "two-sites.yaml"
NAME = re.compile(r"[a-zA-Z_][\w:]*")


def rules(plant: Topology, part: Part | None = None, group: str = "attribution") -> list[Rule]:
    """The recording rules of a group, without constants."""
    groups = [each for each in generate(plant, "rules", part) if each.name == group]
    found = [rule for each in groups for rule in each.rules if isinstance(rule, Rule)]
    return [rule for rule in found if not rule.record.startswith(PREFIX)]


def sites(plant: Topology) -> list[str]:
    return sorted({box.site for box in plant.boxes.values()})


def names(texts: Iterable[str]) -> set[str]:
    """The words of queries that are not in quotes."""
    return {word for text in texts for word in NAME.findall(re.sub(r'"(?:\\.|[^"\\])*"', "", text))}


@every_plant
def test_leaves_and_the_global_server_have_the_rules_of_one_server(plant: Topology) -> None:
    """Each rule once, as it was; the heartbeat is everywhere. Beside them, the global server reads what is sent."""
    whole = rules(plant)
    leaves = [rule for site in sites(plant) for rule in rules(plant, Leaf(site)) if rule.record != HEARTBEAT]
    above = [rule for rule in rules(plant, Global()) if WIRE not in rule.expr]
    assert {(rule.record, rule.expr) for rule in leaves + above} == {(rule.record, rule.expr) for rule in whole}
    assert {rule.record for rule in leaves} <= RECORDED
    assert not RECORDED & {rule.record for rule in above}
    for group in ("derived", "history", "budgets"):
        assert rules(plant, Global(), group) == rules(plant, None, group)


@every_plant
def test_no_part_reads_what_another_part_keeps(plant: Topology) -> None:
    """Constants among it."""
    own = {rule.record for group in generate(plant) for rule in group.rules if isinstance(rule, Rule)}
    for site in sites(plant):
        assert read_in(plant, Leaf(site)) & own <= RECORDED | {name for name in own if name.startswith(PREFIX)}
    above = read_in(plant, Global())
    recorded = {
        rule.record for group in generate(plant, "rules", Global()) for rule in group.rules if isinstance(rule, Rule)
    }
    assert above & own <= recorded
    assert {word for word in above if word.startswith(WIRE)} <= {SENDER, *(f"{WIRE}{name}" for name in SENT)}


def read_in(plant: Topology, part: Part) -> set[str]:
    """The words of all rules of a part."""
    return names(rule.expr for group in generate(plant, "rules", part) for rule in group.rules)


def test_constants_of_a_leaf_are_of_its_hosts() -> None:
    plant = read(EXAMPLE)
    (group, *_) = generate(plant, "rules", Leaf("factory"))
    found = [rule for rule in group.rules if isinstance(rule, Rule) and rule.record.startswith(PREFIX)]
    assert {rule.labels["host"] for rule in found} == {"ru-1", "ru-2", "sw-1"}


@dataclass
class Divided:
    """All parts of a topology in one server, which promtool has, as if each had its own."""

    plant: Topology
    senders: Mapping[str, str]
    """The site of each sender; a site can have two."""

    def write(self, folder: Path) -> list[str]:
        """Writes the rule files and gives their names, in the order of evaluation."""
        texts = {f"{sender}.yaml": write(self.leaf(sender, site), "") for sender, site in self.senders.items()}
        texts["global.yaml"] = write(generate(self.plant, "rules", Global()), "")
        texts["whole.yaml"] = write(generate(self.plant.model_copy(update={"name": "whole"})), "")
        for name, text in texts.items():
            (folder / name).write_text(text)
        return list(texts)

    def leaf(self, sender: str, site: str) -> Iterator[Group]:
        """The part of a site under names of its own, and what it sends."""
        own = re.compile(rf"(?<![\w:])({'|'.join([*RECORDED, HEARTBEAT, PREFIX + '[a-z_]+'])})(?![\w:])")
        (group, *_) = generate(self.plant, "rules", Leaf(site))
        found = [rule for rule in group.rules if isinstance(rule, Rule)]
        renamed = [Rule(own.sub(rf"{sender}:\1", f.record), own.sub(rf"{sender}:\1", f.expr), f.labels) for f in found]
        recorded = {rule.record for rule in found}
        sent = [
            Rule(
                f"{WIRE}{name}",
                now(f"{sender}:{name}{selector(topology=self.plant.name)}"),
                {"leaf": site, "sender": sender},
            )
            for name in SENT
            if name in recorded
        ]
        yield Group("leaf", group.interval, (*renamed, *sent))


def check(promtool: Path, folder: Path, divided: Divided, series: Mapping[str, str], minute: int) -> None:
    """Both must have the same rows of every series, with values within 1e-9, and some of those of EVERYWHERE."""
    plant = divided.plant
    recorded = {rule.record for group in ("attribution", "derived") for rule in rules(plant, Global(), group)}
    queries: dict[str, list[object]] = {}
    for name in sorted(recorded - {SENDER}):
        ours, theirs = (f'{name}{{topology="{each}"}}' for each in (plant.name, "whole"))
        queries[f"abs({ours} - ignoring (topology) {theirs}) > 1e-9 * abs({ours})"] = []
        queries[f"{ours} unless ignoring (topology) {theirs}"] = []
        queries[f"{theirs} unless ignoring (topology) {ours}"] = []
        if name in EVERYWHERE:
            queries[f"count({ours}) > bool 0"] = [{"labels": "{}", "value": 1}]
    queries = {query: rows for query, rows in queries.items() if "conservation_error" not in query}
    tests = [{"expr": query, "eval_time": f"{minute}m", "exp_samples": rows} for query, rows in queries.items()]
    values = [{"series": name, "values": values} for name, values in series.items()]
    content = {
        "rule_files": divided.write(folder),
        "evaluation_interval": "15s",
        "group_eval_order": ["leaf", "attribution", "derived"],
        "tests": [{"interval": "15s", "input_series": values, "promql_expr_test": tests}],
    }
    (folder / "test.yaml").write_text(json.dumps(content))
    words = [str(promtool), "test", "rules", str(folder / "test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


EVERYWHERE = (
    "application:power_watts",
    "application_component:power_watts",
    "component:power_watts",
    "host:power_watts",
    "supply:share:ratio",
)
"""Series that must be there, and not only be equal."""


def test_leaves_and_the_global_server_have_the_numbers_of_one_server(promtool: Path, tmp_path: Path) -> None:
    """Of the factory, with a pair at the edge; those of applications are also worked out by hand there."""
    plant = topology(factory.TOPOLOGY)
    senders = {"factory_a": "factory", "edge_a": "edge", "edge_b": "edge"}
    check(promtool, tmp_path, Divided(plant, senders), factory.everything(), 8)


def test_supplies_and_overhead_are_read_at_their_leaf(promtool: Path, tmp_path: Path) -> None:
    """Their meters are scraped there; the global server has the shares, the power with overhead and the CO2."""
    edge = "{grid_zone: DE, source: ember, overhead: 1.5, market: {grams_per_kwh: 40}}"
    assert edge in factory.TOPOLOGY
    supplied = """
    overhead: {query: pue}
    market: location
    supply:
      - {name: panels, watts: pv_watts, grams_per_kwh: 40}
      - {name: grid, grid_zone: DE, source: ember}
"""
    plant = topology(factory.TOPOLOGY.replace(edge, supplied))
    series = {**factory.everything(), "pv_watts": "100x40", "pue": "1.5x40"}
    check(promtool, tmp_path, Divided(plant, {"factory_a": "factory", "edge_a": "edge", "edge_b": "edge"}), series, 8)
    leaf, other = ({rule.record for rule in rules(plant, Leaf(site))} for site in ("edge", "factory"))
    read_there = {"adapter:supply:watts", "adapter:overhead:ratio"}
    assert read_there <= leaf
    assert not read_there & other


def test_a_pool_of_two_sites_has_the_numbers_of_one_server(promtool: Path, tmp_path: Path) -> None:
    """With supporting components that move, and that have been where they are for long."""
    text = POOL.replace("sites: {s: {}}", "sites: {s: {}, t: {}}").replace("e2: {site: s", "e2: {site: t")
    plant = topology(text)
    check(promtool, tmp_path, Divided(plant, {"s_a": "s", "t_a": "t"}), pool(), 9)


def test_of_a_pair_the_one_that_knows_more_components_counts(promtool: Path, tmp_path: Path) -> None:
    """b has just begun, and all of its host is a rest. Both together would have 160 W of the host's 100 W."""
    plant = topology(factory.TOPOLOGY)
    labels = 'host="edge-1",site="edge",part="dynamic",topology="joulepath",leaf="edge"'
    series = {
        f'{WIRE}component:power_watts{{component="du-1",segment="network",sender="a",{labels}}}': "60x40",
        f'{WIRE}component:power_watts{{component="unattributed",sender="a",{labels}}}': "40x40",
        f'{WIRE}component:power_watts{{component="unattributed",sender="b",{labels}}}': "100x40",
    }
    (tmp_path / "global.yaml").write_text(write(generate(plant, "rules", Global()), ""))
    rows = [("du-1", "network", 60), ("unattributed", "", 40)]
    expected = [
        {"labels": selector(component=name, **({"segment": segment} if segment else {})), "value": value}
        for name, segment, value in rows
    ]
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": "sum by (component, segment) (component:power_watts)",
                "eval_time": "5m",
                "exp_samples": expected,
            }
        ],
    }
    content = {"rule_files": ["global.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yaml").write_text(json.dumps(content))
    words = [str(promtool), "test", "rules", str(tmp_path / "test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_under_vmalert_the_other_of_a_pair_counts_at_once(promtool: Path, tmp_path: Path) -> None:
    """a, which counts, ends after three minutes: each of the 20 evaluations has b's watts or a's, none has both."""
    plant = topology(factory.TOPOLOGY)
    labels = 'host="ru-1",site="factory",topology="joulepath",leaf="factory"'
    series = {
        f'{WIRE}{name}{{sender="{sender}",{labels}}}': values
        for sender, values in (("a", "100x12 stale"), ("b", "100x40"))
        for name in ("host:power_watts", "component:power_watts")
    }
    (tmp_path / "global.yaml").write_text(write(list(vmalert.lagging(generate(plant, "rules", Global()))), ""))
    queries = {"count": 20, "min": 100, "max": 100}
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"sum by (host) ({each}_over_time(host:power_watts[295s]))",
                "eval_time": "6m",
                "exp_samples": [{"labels": '{host="ru-1"}', "value": value}],
            }
            for each, value in queries.items()
        ],
    }
    content = {"rule_files": ["global.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yaml").write_text(json.dumps(content))
    words = [str(promtool), "test", "rules", str(tmp_path / "test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shipped_leaf_sends_what_the_global_rules_read() -> None:
    """All that leaves record for it, and all series of exporters and model servers; queries are the user's own."""
    config = yaml.safe_load((ROOT / "deploy" / "leaves" / "leaf-recorded.yml").read_text())
    (send,) = config["remote_write"]
    renaming, _, keeping, _ = send["write_relabel_configs"]
    assert re.findall(r"[a-z_]+(?::[a-z_]+)+", renaming["regex"].removeprefix(".+;")) == list(SENT)
    kept = re.compile(keeping["regex"])
    groups = [group for plant in PLANTS.values() for group in generate(plant, "rules", Global())]
    read_there = names(rule.expr for group in groups for rule in group.rules) & set(EXPORTED)
    assert len(read_there) > 5
    served = {name for server in SERVERS.values() for unit in server.units if (name := server.metric(unit))}
    amounts = [amount for core in CORES.values() for amount in core.amounts.values()]
    counted = {series.metric for amount in amounts for series in (*amount.parts, *amount.total)}
    known = read_there | served | counted
    for name in known | {f"{WIRE}{each}" for each in SENT} | {each.replace(":", "_") for each in served}:
        assert kept.fullmatch(name), f"{name} is not sent"
    for name in RECORDED | {"kepler_pod_cpu_joules_total", "pdu_outlet_energy_joules_total"}:
        assert not kept.fullmatch(name)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--part", "leaf"], "--part leaf and --site SITE belong together"),
        (["--site", "edge"], "--part leaf and --site SITE belong together"),
        (["--part", "global", "--site", "edge"], "--part leaf and --site SITE belong together"),
        (["--part", "leaf", "--site", "nowhere"], "no host is at the site 'nowhere': name one of edge, factory"),
        (["--part", "leaf", "--site", "edge", "--constants", "scraped"], "leave out --constants scraped"),
    ],
)
def test_a_part_that_does_not_exist_is_refused(
    tmp_path: Path, options: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "generate", str(EXAMPLE), "-o", str(tmp_path), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fault in line


def test_the_file_of_a_leaf_is_named_by_topology_and_site(tmp_path: Path) -> None:
    for options in (["--part", "leaf", "--site", "edge"], ["--part", "global"]):
        assert main(["rules", "generate", str(EXAMPLE), "-o", str(tmp_path), *options]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"joulepath-edge.rules.yaml", "joulepath.rules.yaml"}


def test_sites_with_a_slash_have_files_of_their_own(tmp_path: Path) -> None:
    """`a/b`, `a-b` and `a:b` are three sites."""
    sites = ("a/b", "a-b", "a:b")
    hosts = {f"h{number}": {"site": site, "power": [{"rapl": f"h{number}"}]} for number, site in enumerate(sites)}
    path = tmp_path / "topology.yaml"
    plant = {"name": "t", "sites": {site: {} for site in sites}, "hosts": hosts, "components": {"h0": {"role": "ru"}}}
    path.write_text(json.dumps(plant))
    for site in sites:
        assert (
            main(["rules", "generate", str(path), "-o", str(tmp_path / "out"), "--part", "leaf", "--site", site]) == 0
        )
    found = [{host for host in hosts if f'"{host}"' in file.read_text()} for file in (tmp_path / "out").iterdir()]
    assert sorted(found, key=min) == [{"h0"}, {"h1"}, {"h2"}]


def test_objects_of_a_leaf_and_of_the_global_server_differ_in_name(tmp_path: Path) -> None:
    """Both may be in one namespace, where an apply of one must not replace the other."""
    found = []
    for options in (
        ["--part", "leaf", "--site", "edge"],
        ["--part", "leaf", "--site", "factory"],
        ["--part", "global"],
    ):
        command = ["rules", "generate", str(EXAMPLE), "-o", str(tmp_path), "--dialect", "operator", *options]
        assert main(command) == 0
    for path in tmp_path.iterdir():
        found += [each["metadata"]["name"] for each in yaml.safe_load_all(path.read_text())]
    assert {"joulepath-edge-attribution", "joulepath-factory-attribution", "joulepath-attribution"} <= set(found)
    assert len(found) == len(set(found))
