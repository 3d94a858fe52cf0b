# SPDX-License-Identifier: Apache-2.0
"""Models: where the counters of each model server belong."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from joulepath_init.asking import Questions
from joulepath_init.document import DECIDE, GUESS
from joulepath_init.found import Found, Model
from joulepath_init.hosts import Box
from joulepath_init.naming import key, role_of, slug
from joulepath_init.parts import Part, Parts, listed
from joulepath_topology.model_servers import SERVERS

_POLICIES = {frozenset({"requests"}): "packets", frozenset({"tokens"}): "bytes"}
"""Policies of model servers that do not count both."""


def place_models(made: Parts, found: Found, boxes: Sequence[Box], questions: Questions) -> None:
    """The counters of each model: at a component that is a model already, or at one of its own."""
    by_name = defaultdict[tuple[str, str], list[Model]](list)
    for model in found.models:
        by_name[model.server, model.name or model.instance].append(model)
    for (server, name), models in by_name.items():
        labelled = frozenset[str]().union(*(model.applications for model in models))
        part = _model_part(made, boxes, models, questions)
        called = f"{name} of {server} at {listed(model.instance for model in models)}"
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
