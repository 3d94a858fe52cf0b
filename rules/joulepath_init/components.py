# SPDX-License-Identifier: Apache-2.0
"""Components: pods and workloads with a role in their names, models, and hosts that have none of these."""

from collections import defaultdict
from collections.abc import Sequence
from typing import get_args

from joulepath_init.asking import Questions
from joulepath_init.document import DECIDE, GUESS
from joulepath_init.found import Found, Pod
from joulepath_init.hosts import Box
from joulepath_init.models import place_models
from joulepath_init.naming import role_of, slug, stem
from joulepath_init.parts import Part, Parts, listed
from joulepath_topology.components import Role

SYSTEM = "kube-system"
_NOT_CHOSEN = (None, "management", "device")
"""Pods of these roles are left to a person: most are of the cluster itself."""


def components(found: Found, boxes: Sequence[Box], questions: Questions, *, kubernetes: bool) -> Parts:
    """The components on these hosts."""
    made = Parts(pooled=kubernetes and sum(box.node is not None for box in boxes) > 1)
    if kubernetes:
        _pods(made, found, boxes)
    else:
        _workloads(made, found, boxes)
    place_models(made, found, boxes, questions)
    for box in boxes:
        if not made.on(box):
            made.add(_alone(box, questions))
    return made


def _pods(made: Parts, found: Found, boxes: Sequence[Box]) -> None:
    """A component for the replicas of each pod that has a role."""
    groups = defaultdict[tuple[str, str], list[Pod]](list)
    for pod in found.pods:
        groups[pod.namespace, stem(pod.name)].append(pod)
    others = []
    for (namespace, name), pods in sorted(groups.items()):
        role = role_of(name)
        nodes = {pod.node for pod in pods}
        here = [box for box in boxes if box.node is not None and box.node.name in nodes]
        if role in _NOT_CHOSEN or role is None or namespace == SYSTEM or not here:
            others.append(f"{namespace}/{name}")
            continue
        names = [other for space, other in groups if space == namespace and other.startswith(f"{name}-")]
        pattern = "|".join(sorted({pod.name for pod in pods})) if names else f"{name}-.*"
        if any(pod.name == name for pod in pods) and not names:
            pattern = f"{name}.*" if len(pods) > 1 else name
        part = Part(slug(name), role, None if made.pooled else here[0], [{"kepler_pod": f"{namespace}/{pattern}"}])
        part.remarks.append(f"{GUESS} the role, from the name of {listed(f'{pod.name} on {pod.node}' for pod in pods)}")
        if names:
            part.remarks.append(f"{DECIDE} these are today's pods: a pattern would fit those of {listed(names)}, too")
        nodes_known = all(box.node.name in found.capacity for box in boxes if box.node is not None)
        if nodes_known and all((pod.namespace, pod.name) in found.requesting for pod in pods):
            part.more["reservation"] = {"kube": "cpu"}
        made.add(part)
    if others:
        made.notes.append(f"Pods that no component has: {listed(others, 40)}. Their watts are `unattributed`.")


def _workloads(made: Parts, found: Found, boxes: Sequence[Box]) -> None:
    """A component for each workload that has a role; replicas of a pod are one."""
    groups = defaultdict[tuple[str, str], list[str]](list)
    for instance, workload in found.workloads:
        groups[instance, stem(workload)].append(workload)
    others = []
    for (instance, name), workloads in groups.items():
        box = next((one for one in boxes if one.name == slug(instance)), None)
        role = role_of(name)
        if box is None or role in _NOT_CHOSEN or role is None:
            others += [f"{workload} on {instance}" for workload in workloads]
            continue
        short = slug(name.rpartition("/")[2].partition(".")[0]) or slug(name)
        part = Part(short, role, box, [{"workload": workload} for workload in workloads])
        part.remarks.append(f"{GUESS} the role, from the name of workload {listed(workloads)}")
        if workloads != [name]:
            part.remarks.append(
                f"{DECIDE} such names change at a restart: name the pods in `workload.yaml`, and that name here"
            )
        made.add(part)
    if others:
        made.notes.append(f"Workloads that no component has: {listed(others, 40)}. Their watts are `unattributed`.")


def _alone(box: Box, questions: Questions) -> Part:
    """A host that is its own component."""
    if box.named and (role := role_of(box.name)) is not None:
        return Part(box.name, role, box, remarks=[f"{GUESS} the role, from the name"])
    told = questions.choice(f"Role of {box.name}", list(get_args(Role)))
    if told:
        return Part(box.name, told, box)
    return Part(box.name, "device", box, remarks=[f"{DECIDE} the role: the name does not say what it does"])
