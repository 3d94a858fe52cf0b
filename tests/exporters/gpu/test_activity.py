# SPDX-License-Identifier: Apache-2.0
"""Activity by workload: conservation, names, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.gpu.activity import ENDED_SECONDS, MOST_WORKLOADS, Activity, InstanceActivity, add_instances
from joulepath.gpu.source import Instance, Shares

pytestmark = pytest.mark.unit


class Names(dict[int, str]):
    """Names by process id; `other` for the rest."""

    fixed: tuple[str, ...] = ()

    def workload(self, pid: int) -> str:
        return self.get(pid, "other")


def test_processes_of_one_workload_add_up() -> None:
    activity = Activity()
    names = Names({1: "vllm.service", 2: "vllm.service", 3: "train.service"})
    activity.add(0.0, Shares(2.0, {1: 0.25, 2: 0.25, 3: 0.1, 4: 0.05}), names)
    assert activity.seconds == 2.0
    assert activity.of == pytest.approx({"vllm.service": 1.0, "train.service": 0.2, "other": 0.1})


def test_a_workload_with_a_fixed_name_is_0_before_its_first_activity() -> None:
    activity, names = Activity(), Names({1: "qwen"})
    names.fixed = ("qwen", "llava")
    activity.add(0.0, Shares(1.0, {}), names)
    assert activity.of == {"other": 0.0, "qwen": 0.0, "llava": 0.0}
    activity.add(1.0, Shares(1.0, {1: 0.5}), names)
    assert activity.of == {"other": 0.0, "qwen": 0.5, "llava": 0.0}


def test_the_last_activity_of_a_process_that_has_ended_is_its_workloads() -> None:
    activity, names = Activity(), Names({1: "vllm.service"})
    activity.add(0.0, Shares(1.0, {1: 0.5}), names)
    del names[1]
    activity.add(1.0, Shares(1.0, {1: 0.5}), names)
    assert activity.of == {"vllm.service": 1.0, "other": 0.0}


def test_an_id_that_is_used_again_is_another_process() -> None:
    activity, names = Activity(), Names({1: "vllm.service"})
    activity.add(0.0, Shares(1.0, {1: 0.5}), names)
    del names[1]
    activity.add(ENDED_SECONDS, Shares(1.0, {1: 0.5}), names)
    assert activity.of == {"vllm.service": 0.5, "other": 0.5}


def test_workloads_are_bounded() -> None:
    activity = Activity()
    names = Names({pid: f"job-{pid}" for pid in range(1, 1001)})
    for pid in names:
        activity.add(0.0, Shares(1.0, {pid: 1.0}), names)
    assert len(activity.of) == MOST_WORKLOADS + 1
    assert sum(activity.of.values()) == activity.seconds == 1000.0
    activity.add(0.0, Shares(1.0, {1: 1.0}), names)
    assert activity.of["job-1"] == 2.0


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 100.0),
            st.lists(st.tuples(st.integers(1, 20), st.floats(0.0, 1.0)), max_size=8),
        ),
        max_size=40,
    )
)
def test_nothing_is_lost_or_invented(turns: list[tuple[float, list[tuple[int, float]]]]) -> None:
    """The workloads together have the processes' activity; no counter falls, and the time is never exceeded."""
    activity, names = Activity(), Names({pid: f"w{pid % 3}" for pid in range(1, 15)})
    truth, at = 0.0, 0.0
    for seconds, drawn in turns:
        at += seconds
        total = max(1.0, sum(share for _, share in dict(drawn).items()))
        shares = {pid: share / total for pid, share in dict(drawn).items()}
        before = dict(activity.of)
        activity.add(at, Shares(seconds, shares), names)
        truth += seconds * sum(shares.values())
        assert all(activity.of[workload] >= value for workload, value in before.items())
    assert sum(activity.of.values()) == pytest.approx(truth, abs=1e-6)
    assert sum(activity.of.values()) <= activity.seconds + 1e-6


def test_an_instance_counts_its_own_time() -> None:
    activities: dict[str, InstanceActivity] = {}
    add_instances(activities, {"3": Instance("MIG-a", "1g.10gb", 1)})
    add_instances(activities, {"3": Instance("MIG-a", "1g.10gb", 1, 2.0, 0.25)})
    add_instances(activities, {"3": Instance("MIG-a", "1g.10gb", 1, 1.0, 1.0)})
    assert (activities["3"].seconds, activities["3"].active) == (3.0, 1.5)


def test_an_instance_that_is_made_anew_begins_at_0() -> None:
    activities: dict[str, InstanceActivity] = {}
    add_instances(activities, {"3": Instance("MIG-a", "1g.10gb", 1, 2.0, 0.25)})
    add_instances(activities, {"3": Instance("MIG-b", "2g.20gb", 2, 1.0, 1.0)})
    assert (activities["3"].seconds, activities["3"].active) == (1.0, 1.0)
    add_instances(activities, {})
    assert activities == {}
