# SPDX-License-Identifier: Apache-2.0
"""Things that paths of cgroups name."""

import pytest

from joulepath.workload.things import Thing, by_default, things
from tests.exporters.workload.tree import ID, POD

pytestmark = pytest.mark.unit

UNDERSCORED = POD.replace("-", "_")
STATIC = "9f" * 16

CASES = {
    "/system.slice/nginx.service": ("unit", "nginx.service"),
    "/init.scope": ("unit", "init.scope"),
    "/system.slice/system-getty.slice/getty@tty1.service": ("unit", "getty@tty1.service"),
    "/system.slice/dev-disk-by\\x2dlabel-a.swap": ("unit", "dev-disk-by-label-a.swap"),
    "/user.slice/user-1000.slice": ("unit", "user-1000.slice"),
    f"/system.slice/docker-{ID}.scope": ("container", ID),
    f"/docker/{ID}": ("container", ID),
    f"/machine.slice/libpod-{ID}.scope": ("container", ID),
    f"/default/{ID}": ("container", ID),
    f"/system.slice/nerdctl-{ID}.scope": ("container", ID),
    "/lxc.payload.web": ("container", "web"),
    "/lxc/101": ("container", "101"),
    f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice": ("pod", POD),
    f"/kubepods.slice/kubepods-pod{UNDERSCORED}.slice": ("pod", POD),
    f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort-pod{UNDERSCORED}.slice": ("pod", POD),
    f"/kubepods/besteffort/pod{POD}": ("pod", POD),
    f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice": ("pod", STATIC),
    f"/kubepods/besteffort/pod{POD}/{ID}": ("container", ID),
    f"/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope": ("container", ID),
    f"/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/crio-{ID}.scope": ("container", ID),
    "/machine.slice/machine-qemu\\x2d1\\x2dubuntu\\x2d24.scope": ("machine", "ubuntu-24"),
    "/machine.slice/machine-lxc\\x2d77\\x2dbox.scope": ("machine", "box"),
    "/machine.slice/machine-build.scope": ("machine", "build"),
    "/machine.slice/systemd-nspawn@build.service": ("machine", "build"),
    "/machine/qemu-3-vm.libvirt-qemu": ("machine", "vm"),
    "/qemu.slice/100.scope": ("machine", "100"),
}


@pytest.mark.parametrize("path", CASES)
def test_the_path_says_what_a_cgroup_holds(path: str) -> None:
    kind, name = CASES[path]
    first = things(path)[0]
    assert (first.kind, first.name) == (kind, name)
    assert by_default(path) == first


@pytest.mark.parametrize(
    "path",
    [
        "/system.slice",
        "/kubepods.slice",
        "/kubepods.slice/kubepods-burstable.slice",
        "/user.slice",
        "/machine.slice",
        f"/machine.slice/libpod-conmon-{ID}.scope",  # the container's helper: its name is as short-lived
        "/batch",
        "/docker",
    ],
)
def test_a_folder_of_others_has_no_workload_by_default(path: str) -> None:
    assert by_default(path) is None


def test_a_thing_is_also_the_unit_that_holds_it() -> None:
    assert things(f"/system.slice/docker-{ID}.scope") == (
        Thing("container", ID),
        Thing("unit", f"docker-{ID}.scope"),
    )
