# SPDX-License-Identifier: Apache-2.0
"""Names of pods and containers, from their engines' files."""

import json
from pathlib import Path

import pytest

from joulepath.workload.names import LOOK_SECONDS, Names
from tests.exporters.workload.tree import ID, POD

pytestmark = pytest.mark.unit

OTHER_ID = "ab" * 32


def test_a_pod_has_the_name_of_its_logs(tmp_path: Path) -> None:
    (tmp_path / "var/log/pods" / f"core_upf-7d9f_{POD}").mkdir(parents=True)
    (tmp_path / "var/log/pods" / f"kube-system_etcd-n1_{'9f' * 16}").mkdir()
    (tmp_path / "var/log/pods" / "lost+found").mkdir()
    names = Names(tmp_path)
    assert names.pod(POD) == "core/upf-7d9f"
    assert names.pod("9f" * 16) == "kube-system/etcd-n1"
    assert names.pod("0" * 32) is None


def test_a_container_of_kubernetes_has_the_name_of_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "var/log/containers"
    folder.mkdir(parents=True)
    (folder / f"upf-7d9f_core_gtp-u-{ID}.log").symlink_to("../pods/gone")
    assert Names(tmp_path).container(ID) == "core/upf-7d9f/gtp-u"


def test_docker_keeps_the_name_with_the_container(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/docker/containers" / ID
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(json.dumps({"ID": ID, "Name": "/web"}))
    assert Names(tmp_path).container(ID) == "web"
    assert Names(tmp_path).container(OTHER_ID) is None


def test_podman_keeps_a_list(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/containers/storage/overlay-containers"
    folder.mkdir(parents=True)
    entries = [{"id": ID, "names": ["db", "second"]}, {"id": OTHER_ID}, "nonsense"]
    (folder / "containers.json").write_text(json.dumps(entries))
    names = Names(tmp_path)
    assert names.container(ID) == "db"
    assert names.container(OTHER_ID) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Name": 5}', '{"Name": "/"}', "[" * 100_000, '"x"'])
def test_a_file_that_is_not_as_it_should_be_gives_no_name(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "var/lib/docker/containers" / ID
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(text)
    store = tmp_path / "var/lib/containers/storage/overlay-containers"
    store.mkdir(parents=True)
    (store / "containers.json").write_text(text)
    assert Names(tmp_path).container(ID) is None


def test_a_new_name_is_found_and_the_list_is_not_read_at_every_question(tmp_path: Path) -> None:
    now = [100.0]
    names = Names(tmp_path, clock=lambda: now[0])
    assert names.pod(POD) is None
    (tmp_path / "var/log/pods" / f"core_upf_{POD}").mkdir(parents=True)
    assert names.pod(POD) is None
    now[0] += LOOK_SECONDS
    assert names.pod(POD) == "core/upf"
