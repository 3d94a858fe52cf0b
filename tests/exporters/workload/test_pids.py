# SPDX-License-Identifier: Apache-2.0
"""Workloads of single processes, as the meters of GPUs ask for them."""

from pathlib import Path

import pytest

from joulepath.workload.pids import MOST_PATHS, Pids
from joulepath.workload.places import Places
from joulepath.workload.settings import Rule, Settings
from tests.exporters.workload.tree import FakeHost

pytestmark = pytest.mark.unit


def test_cgroups_that_come_and_go_do_not_fill_the_memory(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.group("/init.scope", 1)
    rules = Rule("cgroup", "/jobs/keep", "keep"), Rule("cgroup_regex", r"/jobs/(\d+)", r"job-\1")
    pids = Pids(Settings(rules, "other"), Places(host.procfs, host.cgroup, tmp_path, tmp_path))
    host.process(8, "/bin/keep", 1, path="/jobs/keep")
    host.process(7, "/bin/job", 1, path="/jobs/0")
    file = host.procfs / "7" / "cgroup"
    for number in range(MOST_PATHS + 50):
        file.write_text(f"0::/jobs/{number}\n")
        assert pids.workload(7) == f"job-{number}"
    assert pids.workload(8) == "keep"
    assert pids.kept <= MOST_PATHS + 2
