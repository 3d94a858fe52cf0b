# SPDX-License-Identifier: Apache-2.0
"""The cgroup of a unit or a pod is found by its name, and found again where it is made anew."""

from pathlib import Path

import pytest

from joulepath.bpf.senders import LOOK_SECONDS, Senders

pytestmark = pytest.mark.unit

OLD, NEW = "0b0c7a3e-9d0d-4b43-8c1b-6f6c4a1a0001", "0b0c7a3e-9d0d-4b43-8c1b-6f6c4a1a0002"


class Machine:
    """A hierarchy of cgroups, the kubelet's logs, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.groups, self.logs, self.now = folder / "cgroup", folder / "pods", 0.0
        self.groups.mkdir()
        self.senders = Senders(lambda: self.groups, self.logs, lambda: self.now)

    def make(self, name: str) -> int:
        """Makes a cgroup. Its id is that of the folder."""
        (self.groups / name).mkdir(parents=True)
        return (self.groups / name).stat().st_ino

    def find(self, name: str) -> int | None:
        """After the time in which it is not looked for again."""
        self.now += LOOK_SECONDS
        return self.senders.find_id(name)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("slice_", ["system.slice", "system.slice/system-camera.slice", "user.slice/user-1000.slice"])
def test_a_unit_is_found_in_whatever_slice_it_is(machine: Machine, slice_: str) -> None:
    machine.make("system.slice/other.service/camera.service.d")
    assert machine.find("unit:camera.service") is None
    made = machine.make(f"{slice_}/camera.service")
    assert machine.find("unit:camera.service") == made


def test_a_unit_that_starts_anew_is_found_again(machine: Machine) -> None:
    machine.make("system.slice/camera.service")
    assert machine.find("unit:camera.service") is not None
    (machine.groups / "system.slice/camera.service").rmdir()
    assert machine.find("unit:camera.service") is None
    made = machine.make("app.slice/camera.service")
    assert machine.find("unit:camera.service") == made


def test_a_sender_that_is_away_is_looked_for_seldom(machine: Machine) -> None:
    assert machine.find("unit:camera.service") is None
    made = machine.make("system.slice/camera.service")
    machine.now += LOOK_SECONDS - 0.1
    assert machine.senders.find_id("unit:camera.service") is None
    machine.now += 0.1
    assert machine.senders.find_id("unit:camera.service") == made


@pytest.mark.parametrize(
    "folder",
    [
        "kubepods/pod{uid}", "kubepods/besteffort/pod{uid}", "kubepods.slice/kubepods-pod{escaped}.slice",
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{escaped}.slice",
    ],
)  # fmt: skip
def test_a_pod_is_found_by_the_uid_of_its_logs(machine: Machine, folder: str) -> None:
    """The logs of the former pod of the same name are still there, and those of a pod with a longer name."""
    for entry in (f"robots_arm-1_{OLD}", f"robots_arm-1_{NEW}", f"robots_arm-10_{OLD[:-1]}9", f"cameras_arm-1_{OLD}"):
        (machine.logs / entry).mkdir(parents=True)
    machine.make(folder.format(uid=OLD[:-1] + "9", escaped=OLD[:-1].replace("-", "_") + "9"))
    assert machine.find("pod:robots/arm-1") is None
    made = machine.make(folder.format(uid=NEW, escaped=NEW.replace("-", "_")))
    assert machine.find("pod:robots/arm-1") == made
    assert machine.find("pod:robots/arm-2") is None


def test_without_a_kubelet_no_pod_is_found(machine: Machine) -> None:
    machine.make(f"kubepods/pod{NEW}")
    assert machine.find("pod:robots/arm-1") is None
