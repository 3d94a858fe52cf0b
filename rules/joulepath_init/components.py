# SPDX-License-Identifier: Apache-2.0
"""Components: pods and workloads with a role in their names, models, and hosts that have none of these."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from joulepath_init.asking import Questions
from joulepath_init.document import DECIDE, GUESS
from joulepath_init.found import Found, Model, Pod
from joulepath_init.hosts import Box
from joulepath_init.naming import key, role_of, slug, stem
from joulepath_topology.components import Role
from joulepath_topology.model_servers import SERVERS

POOL = "kubernetes"
SYSTEM = "kube-system"
NETWORK = ("ru", "du", "cu", "gnb", "upf", "router", "switch", "gateway", "firewall", "transport")
"""Roles on the way of user packets."""
SUPPORTING = ("core-control", "timing")
_NOT_CHOSEN = (None, "management", "device")
"""Pods of these roles are left to a person: most are of the cluster itself."""

_POLICIES = {frozenset({"requests"}): "packets", frozenset({"tokens"}): "bytes"}
"""Policies of model servers that do not count both."""


@dataclass
class Part:
    """A component of the topology."""

    name: str
    role: str
    box: Box | None = None
    """Its host; None for one in the pool."""
    share: list[dict[str, str]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def value(self) -> dict[str, Any]:
        """Its entry."""
        entry: dict[str, Any] = {"role": self.role}
        if self.box is None:
            entry["pool"] = POOL
        elif self.box.name != self.name:
            entry["host"] = self.box.name
        if "reservation" in self.more:
            entry["reservation"] = self.more["reservation"]
        if self.share:
            entry["share"] = self.share
        return entry | {name: item for name, item in self.more.items() if name != "reservation"}


@dataclass
class Parts:
    """All components, and findings that did not become one."""

    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pooled: bool = False
    """Whether the hosts in Kubernetes are a pool."""

    def on(self, box: Box) -> list[Part]:
        """The components on a host."""
        return [part for part in self.parts if part.box is box or (part.box is None and box.node is not None)]

    def add(self, part: Part) -> None:
        """Adds a component, under a name that is free."""
        taken, base, number = {one.name for one in self.parts}, part.name, 2
        while part.name in taken:
            part.name, number = f"{base}-{number}", number + 1
        self.parts.append(part)


def components(found: Found, boxes: Sequence[Box], questions: Questions, *, kubernetes: bool) -> Parts:
    """The components on these hosts."""
    made = Parts(pooled=kubernetes and sum(box.node is not None for box in boxes) > 1)
    if kubernetes:
        _pods(made, found, boxes)
    else:
        _workloads(made, found, boxes)
    _models(made, found, boxes, questions)
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
        part.remarks.append(
            f"{GUESS} the role, from the name of {_listed(f'{pod.name} on {pod.node}' for pod in pods)}"
        )
        if names:
            part.remarks.append(f"{DECIDE} these are today's pods: a pattern would fit those of {_listed(names)}, too")
        nodes_known = all(box.node.name in found.capacity for box in boxes if box.node is not None)
        if nodes_known and all((pod.namespace, pod.name) in found.requesting for pod in pods):
            part.more["reservation"] = {"kube": "cpu"}
        made.add(part)
    if others:
        made.notes.append(f"Pods that no component has: {_listed(others, 40)}. Their watts are `unattributed`.")


def _workloads(made: Parts, found: Found, boxes: Sequence[Box]) -> None:
    """A component for each workload that has a role."""
    others = []
    for instance, workload in found.workloads:
        box = next((one for one in boxes if one.name == slug(instance)), None)
        role = role_of(workload)
        if box is None or role in _NOT_CHOSEN or role is None:
            others.append(f"{workload} on {instance}")
            continue
        name = slug(workload.rpartition("/")[2].partition(".")[0]) or slug(workload)
        part = Part(name, role, box, [{"workload": workload}])
        part.remarks.append(f"{GUESS} the role, from the name of workload {workload}")
        made.add(part)
    if others:
        made.notes.append(f"Workloads that no component has: {_listed(others, 40)}. Their watts are `unattributed`.")


def _models(made: Parts, found: Found, boxes: Sequence[Box], questions: Questions) -> None:
    """The counters of each model: at a component that is a model already, or at one of its own."""
    by_name = defaultdict[tuple[str, str], list[Model]](list)
    for model in found.models:
        by_name[model.server, model.name or model.instance].append(model)
    for (server, name), models in by_name.items():
        labelled = frozenset[str]().union(*(model.applications for model in models))
        part = _model_part(made, boxes, models, questions)
        called = f"{name} of {server} at {_listed(model.instance for model in models)}"
        if part is None:
            made.notes.append(
                f"Model {called} is not here, since its host is not known: add a component of role model."
            )
            continue
        served: dict[str, str] = {}
        if models[0].name and models[0].name != part.name:
            served["model_name"] = models[0].name
        if not models[0].name:
            served["instance"] = models[0].instance
        part.more["requests"] = {server: served} if served else server
        policy = _POLICIES.get(frozenset(SERVERS[server].units) & {"requests", "tokens"})
        if policy is not None:
            part.more["policy"] = policy
        part.more["applications"] = labelled
        part.remarks.append(f"model {called}")


def _model_part(made: Parts, boxes: Sequence[Box], models: Sequence[Model], questions: Questions) -> Part | None:
    """The component of a model: by its host, its name, or because there is one only."""
    free = [part for part in made.parts if part.role == "model" and "requests" not in part.more]
    places = {key(model.instance) for model in models}
    words = set(models[0].name.lower().replace("/", "-").split("-"))
    by_host = [part for part in free if part.box is not None and key(part.box.name) in places]
    by_word = [part for part in free if words & set(part.name.lower().split("-"))]
    for choice in (by_host, by_word, free):
        if len(choice) == 1:
            if choice is free:
                choice[0].remarks.append(f"{GUESS} the only component that can be this model")
            _claim_gpus(made, choice[0])
            return choice[0]
    box = _model_box(made, boxes, places, models, questions)
    if box is None:
        return None
    return _added(made, box, slug(models[0].name.rpartition("/")[2]) or f"model-{box.name}")


def _claim_gpus(made: Parts, part: Part) -> None:
    """Gives a pod that is the only model on its host the host's GPUs."""
    box = part.box
    if box is None or not box.gpus or box.gpus_alone or not part.share:
        return
    if [one for one in made.on(box) if one.role == "model"] == [part]:
        part.share += [{"gpu": gpu.number} for gpu in box.gpus]
        part.remarks.append(f"{GUESS} all GPUs of its host are its own")


def _added(made: Parts, box: Box, name: str) -> Part | None:
    """A new model on a host: with all of it, with its GPUs beside other components, or with one of them each."""
    part = Part(name, "model", box)
    others = [one for one in made.on(box) if one.role != "model"]
    models = [one for one in made.on(box) if one.role == "model"]
    if models and (box.gpus_alone or len(models) >= len(box.gpus)):
        return None
    if models:
        for one, gpu in zip([*models, part], box.gpus, strict=False):
            one.share = [share for share in one.share if "gpu" not in share] + [{"gpu": gpu.number}]
            one.remarks = [
                *dict.fromkeys([*one.remarks, f"{DECIDE} which model has which GPU: they are given out in order"])
            ]
    elif others:
        if box.gpus_alone or not box.gpus:
            return None
        part.share = [{"gpu": gpu.number} for gpu in box.gpus]
    made.add(part)
    return part


def _model_box(
    made: Parts, boxes: Sequence[Box], places: Iterable[str], models: Sequence[Model], questions: Questions
) -> Box | None:
    named = [box for box in boxes if key(box.name) in set(places)]
    with_gpus = [box for box in boxes if box.gpus]
    roles = [box for box in boxes if role_of(box.name) == "model" and not made.on(box)]
    for choice in (named, with_gpus, roles, boxes):
        if len(choice) == 1:
            return choice[0]
    hosts = {box.name: box for box in boxes}
    return hosts.get(questions.choice(f"Host of model {models[0].name or models[0].instance}", list(hosts)))


def _alone(box: Box, questions: Questions) -> Part:
    """A host that is its own component."""
    if box.named and (role := role_of(box.name)) is not None:
        return Part(box.name, role, box, remarks=[f"{GUESS} the role, from the name"])
    told = questions.choice(f"Role of {box.name}", list(get_args(Role)))
    if told:
        return Part(box.name, told, box)
    return Part(box.name, "device", box, remarks=[f"{DECIDE} the role: the name does not say what it does"])


def _listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return f"{', '.join(every[:most])}{more}"


def of_roles(parts: Iterable[Part], roles: Sequence[str]) -> Iterator[Part]:
    """The components of these roles, in the order of the roles."""
    every = list(parts)
    return (part for role in roles for part in every if part.role == role)
