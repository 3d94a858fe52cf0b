# SPDX-License-Identifier: Apache-2.0
"""The files for other stores: they differ from the one that is tested live where they must, and promtool takes them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_topology import read
from tests.conftest import ROOT
from tests.deploy.leaves import LEAVES, qualified

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "guides" / "leaves-stores.md").read_text()
REPLICA = {"regex": "replica", "action": "labeldrop"}
LEAF_FILES = sorted(path.name for path in LEAVES.glob("leaf*.yml"))


def config(name: str) -> dict[str, Any]:
    """The keys of one file."""
    loaded: dict[str, Any] = yaml.safe_load((LEAVES / name).read_text())
    return loaded


def sending(name: str) -> dict[str, Any]:
    """Its only remote write."""
    (entry,) = config(name)["remote_write"]
    found: dict[str, Any] = entry
    return found


@pytest.mark.parametrize("base", ["prometheus.yml", "kubernetes.yml"])
@pytest.mark.parametrize("name", LEAF_FILES)
def test_promtool_accepts_every_leaf_beside_each_configuration(
    promtool: Path, tmp_path: Path, base: str, name: str
) -> None:
    full = yaml.safe_load((ROOT / "deploy" / "prometheus" / base).read_text())
    for job in full["scrape_configs"]:  # Debian's Prometheus lacks Kubernetes
        job.pop("kubernetes_sd_configs", None)
    keys = config(name)
    keys.pop("scrape_configs", None)
    if name in {"leaf-thanos-sidecar.yml", "leaf-recorded.yml"}:
        jobs = [qualified({key: value for key, value in job.items() if "relabel" not in key}, "plant")
                for job in full["scrape_configs"]]  # fmt: skip
        full["scrape_configs"] = jobs
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump({**full, **keys, "global": full["global"] | keys["global"]}))
    done = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_leaf_of_a_cluster_differs_in_its_url_alone() -> None:
    one, cluster = config("leaf.yml"), config("leaf-victoriametrics-cluster.yml")
    assert cluster["remote_write"][0]["url"].endswith("/insert/0/prometheus/api/v1/write")
    cluster["remote_write"][0]["url"] = one["remote_write"][0]["url"]
    assert cluster == one


@pytest.mark.parametrize(
    ("name", "header"), [("leaf-mimir.yml", "X-Scope-OrgID"), ("leaf-thanos-receive.yml", "THANOS-TENANT")]
)
def test_a_store_that_knows_pairs_gets_their_label_and_a_tenant(name: str, header: str) -> None:
    """All else is as in the file that is tested live."""
    tested, other = sending("leaf.yml"), sending(name)
    assert tested["write_relabel_configs"] == [*other["write_relabel_configs"], REPLICA]
    assert other["headers"] == {header: "fleet"}
    assert {**other, "url": "", "write_relabel_configs": []} == {
        **tested, "url": "", "write_relabel_configs": [], "headers": {header: "fleet"},
    }  # fmt: skip


def test_mimir_s_labels_of_a_pair_are_those_that_it_knows_by_default() -> None:
    """And the site is the same under both names."""
    labels = config("leaf-mimir.yml")["global"]["external_labels"]
    assert set(labels) == {"leaf", "cluster", "__replica__"}
    assert labels["cluster"] == labels["leaf"]
    server = config("mimir.yml")
    assert server["distributor"]["ha_tracker"]["enable_ha_tracker"] is True
    assert server["limits"]["accept_ha_samples"] is True
    assert not [key for key in server["limits"] if key.startswith("ha_")]


def test_no_group_is_too_long_for_mimir_s_limits() -> None:
    """20 rules of a group and 70 groups are its defaults: the file must lift the first one, and need not the other."""
    limits = config("mimir.yml")["limits"]
    groups = generate(read(ROOT / "examples" / "two-sites.yaml"))
    assert max(len(group.rules) for group in groups) > 20
    assert limits["ruler_max_rules_per_rule_group"] == 0
    assert len(groups) < 70


def test_a_rule_file_is_a_namespace_of_mimirtool() -> None:
    """Which reads the keys `namespace` and `groups`, refuses others, and groups with the same name in a namespace."""
    plant = read(ROOT / "examples" / "two-sites.yaml")
    content = yaml.safe_load(write(generate(plant), plant.hash))
    assert set(content) == {"groups"}
    names = [group["name"] for group in content["groups"]]
    assert len(set(names)) == len(names)
    assert {key for group in content["groups"] for key in group} == {"name", "interval", "rules"}
    allowed = {"record", "alert", "expr", "for", "labels", "annotations"}
    assert {key for group in content["groups"] for rule in group["rules"] for key in rule} <= allowed


def test_the_page_names_every_file() -> None:
    for name in {*LEAF_FILES, "mimir.yml"} - {"leaf.yml", "leaf-recorded.yml"}:
        assert f"deploy/leaves/{name}" in PAGE


def test_the_sidecar_s_names_are_those_that_remote_write_sends() -> None:
    """Each label that leaf.yml qualifies, with the same result."""
    sent = {each["target_label"] for each in sending("leaf.yml")["write_relabel_configs"] if "target_label" in each}
    (job,) = config("leaf-thanos-sidecar.yml")["scrape_configs"]
    scraped = [*job["relabel_configs"], *job["metric_relabel_configs"]]
    assert {each["target_label"] for each in scraped} == sent
    assert {each["replacement"] for each in scraped} == {"plant/$1"}
    assert all(each["source_labels"] == [each["target_label"]] for each in scraped)
