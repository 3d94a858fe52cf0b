# SPDX-License-Identifier: Apache-2.0
"""Tells from a cgroup's path whether it holds a systemd unit, a pod, a container or a virtual machine.

The paths are those of systemd's and cgroupfs' drivers of container engines, of the kubelet and of libvirt:

    /system.slice/nginx.service                                   unit
    /system.slice/docker-ID.scope, /docker/ID                     container
    /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope
    /kubepods/burstable/podUID/ID                                 pod, and a container in it
    /machine.slice/libpod-ID.scope                                container (Podman)
    /machine.slice/machine-qemu\\x2d1\\x2dNAME.scope, /qemu.slice/NAME.scope
"""

import re
from dataclasses import dataclass
from typing import Literal

ThingKind = Literal["pod", "container", "machine", "unit"]

_UNIT = re.compile(r".+\.(?:service|scope|slice|socket|mount|swap)")
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_POD = re.compile(r"(?:.*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?")
"""A pod's UID; systemd's driver writes `_` for `-`. Static pods have one without either."""
_ID = r"[0-9a-f]{64}"
_CONTAINER_SCOPE = re.compile(
    rf"(?:docker|cri-containerd|crio|libpod|libpod-payload|nerdctl|containerd)-({_ID})\.scope"
)
_CONTAINER = re.compile(_ID)
_LXC = re.compile(r"lxc\.payload\.(.+)")
_MACHINE = re.compile(r"machine-(?:(?:qemu|lxc|xen|ch)-\d+-)?(.+)\.scope")
"""systemd-machined's scope. libvirt calls a machine DRIVER-NUMBER-NAME."""
_LIBVIRT = re.compile(r"qemu-\d+-(.+)\.libvirt-qemu")
"""libvirt's cgroup without systemd."""
_NSPAWN = re.compile(r"systemd-nspawn@(.+)\.service")
_USER = re.compile(r"user-\d+\.slice")
_HELPER = re.compile(rf".*{_ID}.*")
"""A unit that a container engine makes beside a container, as conmon's."""


@dataclass(frozen=True)
class Thing:
    """`name` is a pod's UID, a container's id, a machine's name or a unit's name."""

    kind: ThingKind
    name: str


def things(path: str) -> tuple[Thing, ...]:
    """The things that the cgroup at `path` holds, the most special first; empty for a folder of other cgroups.

    The cgroups inside a thing are not the thing itself.
    """
    above, _, last = path.rpartition("/")
    _, _, folder = above.rpartition("/")
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), last)
    found: list[Thing] = []
    if match := _POD.fullmatch(last):
        found.append(Thing("pod", match[1].replace("_", "-")))
    elif match := _CONTAINER_SCOPE.fullmatch(last) or _LXC.fullmatch(last):
        found.append(Thing("container", match[1]))
    elif _CONTAINER.fullmatch(last) or folder in ("lxc", "lxc.payload"):
        found.append(Thing("container", last))
    elif match := _MACHINE.fullmatch(plain) or _LIBVIRT.fullmatch(plain) or _NSPAWN.fullmatch(plain):
        found.append(Thing("machine", match[1]))
    elif folder == "qemu.slice" and last.endswith(".scope"):
        found.append(Thing("machine", last.removesuffix(".scope")))
    if _UNIT.fullmatch(last):
        found.append(Thing("unit", plain))
    return tuple(found)


def by_default(path: str) -> Thing | None:
    """The thing that is a workload of its own by default; None for a folder of units, such as system.slice."""
    found = next(iter(things(path)), None)
    if found is None or found.kind != "unit":
        return found
    if found.name.endswith(".slice"):
        # Sessions have numbers that never return; a user stays the same.
        return found if _USER.fullmatch(found.name) else None
    return None if _HELPER.fullmatch(found.name) else found
