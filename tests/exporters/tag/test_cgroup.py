# SPDX-License-Identifier: Apache-2.0
"""cgroup v2 folders as systemd, container runtimes and the kubelet name them."""

from pathlib import Path

import pytest

from joulepath.errors import JoulepathError, UsageError
from joulepath.tag import cgroup
from joulepath.tag.settings import Sender

pytestmark = pytest.mark.unit

ID = "3f1c" * 16
OTHER = "77aa" * 16
UID = "0f5a1c9e-3b1d-4a7e-9a55-2f2e6c1d7b10"
SLICE = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f5a1c9e_3b1d_4a7e_9a55_2f2e6c1d7b10.slice"
TREE = (
    "system.slice/camera.service/payload",
    "system.slice/sshd.service",
    f"system.slice/docker-{ID}.scope/system.slice/docker-{ID}.scope",
    f"machine.slice/libpod-conmon-{OTHER}.scope",
    f"machine.slice/libpod-{OTHER}.scope/container",
    f"{SLICE}/crio-conmon-{'0' * 64}.scope",
    f"{SLICE}/cri-containerd-{'12' * 32}.scope",
    f"kubepods/besteffort/pod11111111-3b1d-4a7e-9a55-2f2e6c1d7b10/{'ee' * 32}",
    "user.slice/user-1.slice/app.service",
    "user.slice/user-2.slice/app.service",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in TREE:
        (tmp_path / path).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (Sender("unit", "camera.service"), "system.slice/camera.service"),
        (Sender("unit", "camera"), None),
        (Sender("unit", "cam.ra.service"), None),
        (Sender("container", ID), f"system.slice/docker-{ID}.scope"),
        (Sender("container", ID[:12]), f"system.slice/docker-{ID}.scope"),
        (Sender("container", OTHER), f"machine.slice/libpod-{OTHER}.scope"),
        (Sender("container", "12" * 32), f"{SLICE}/cri-containerd-{'12' * 32}.scope"),
        (Sender("container", "ee" * 8), f"kubepods/besteffort/pod11111111-3b1d-4a7e-9a55-2f2e6c1d7b10/{'ee' * 32}"),
        (Sender("container", "0" * 64), None),
        (Sender("pod", UID), SLICE),
        (Sender("pod", UID.replace("0f5a1c9e", "11111111")), "kubepods/besteffort/pod11111111" + UID[8:]),
        (Sender("cgroup", "/system.slice/camera.service"), "system.slice/camera.service"),
        (Sender("cgroup", "/system.slice/gone.service"), None),
    ],
)
def test_the_cgroup_of_a_sender_is_found(root: Path, sender: Sender, expected: str | None) -> None:
    assert cgroup.find(sender, root) == (None if expected is None else root / expected)


def test_a_whole_path_names_one_cgroup(root: Path) -> None:
    path = root / "system.slice/sshd.service"
    assert cgroup.find(Sender("cgroup", str(path)), root) == path


def test_two_units_of_one_name_are_refused(root: Path) -> None:
    with pytest.raises(cgroup.AmbiguousError) as caught:
        cgroup.find(Sender("unit", "app.service"), root)
    assert str(caught.value) == (
        "unit app.service: several cgroups have this name (user.slice/user-1.slice/app.service, "
        "user.slice/user-2.slice/app.service): give `cgroup`"
    )


def test_a_stated_mount_point_is_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--path.cgroup {tmp_path}: is not where cgroup v2 is mounted"):
        cgroup.given(tmp_path)
    (tmp_path / "cgroup.controllers").touch()
    assert cgroup.given(tmp_path) == tmp_path


def test_the_mount_point_is_read_from_the_kernel(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /mnt/c\\040g cgroup2 rw 0 0\n")
    assert cgroup.mounted(mounts) == Path("/mnt/c g")
    mounts.write_bytes(b"none /media/caf\xe9 tmpfs rw 0 0\ncgroup2 /mnt/cg cgroup2 rw 0 0\n")
    assert cgroup.mounted(mounts) == Path("/mnt/cg")
    mounts.write_text("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n")
    with pytest.raises(JoulepathError, match="no cgroup v2 is mounted here"):
        cgroup.mounted(mounts)
