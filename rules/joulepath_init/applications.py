# SPDX-License-Identifier: Apache-2.0
"""Where traffic is counted, whom supporting components support, and applications with their traces and flows."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from joulepath_init import cores
from joulepath_init.asking import Questions
from joulepath_init.document import DECIDE, GUESS, Entry
from joulepath_init.found import Found
from joulepath_init.naming import key, slug
from joulepath_init.parts import NETWORK, SUPPORTING, Part, Parts, of_roles

NAMESPACE = 123
COUNTERS = ("upf", "gateway", "router", "firewall", "cu", "gnb", "du", "switch", "transport", "ru")
"""Roles that see user packets with their own header, the likeliest first."""

LONGEST_NAME = 128
"""Of a flow of `tag`."""


@dataclass
class Traces:
    """New ids, for the configuration of `ioam` and `tag`."""

    node: int
    component: str
    ids: dict[str, str] = field(default_factory=dict)
    """By application."""


def new_id() -> str:
    """A trace id that no other has."""
    return secrets.token_hex(16)


def applications(
    made: Parts, found: Found, named: Sequence[str], questions: Questions, make_id: Callable[[], str] = new_id
) -> tuple[list[Entry], Traces | None]:
    """The applications, and the ids that are new. Adds traffic to the components."""
    path = list(of_roles(made.parts, NETWORK))
    traces = None
    if path and found.ioam_nodes:
        _counted(made, found, path)
    elif path and named:
        counter = next(of_roles(path, COUNTERS))
        counter.more["traffic"] = {"ioam": 1}
        counter.remarks.append(f"{GUESS} node id 1 counts here; ioam.yaml has it, too")
    # An application with a trace must not pass a core, which knows no traces: one way of counting for a draft.
    by_ioam = any("traffic" in part.more for part in path)
    core = cores.counted(made, found.cores, () if by_ioam else path)
    counters = [part for part in of_roles(path, COUNTERS) if "traffic" in part.more]
    if counters:
        if named and by_ioam:
            traces = Traces(counters[0].more["traffic"]["ioam"], counters[0].name)
        for part in path:
            if part is not counters[0] and "traffic" not in part.more:
                part.more["traffic"] = {"anchor": counters[0].name}
                part.remarks.append(f"{GUESS} all user packets of {counters[0].name} pass here")
    _supports(made, path)
    names = [part.name for part in path] if counters else []
    entries = _entries(made, named, names, traces, make_id)
    if names and by_ioam:
        _traced(entries, found, names, questions)
        _flowing(entries, found, names, questions)
    if core is not None:
        cores.entries(made, entries, core, names, questions)
    for part in made.parts:
        part.more.pop("applications", None)
    return list(entries.values()), traces if traces is not None and traces.ids else None


def _counted(made: Parts, found: Found, path: Sequence[Part]) -> None:
    """Gives the IOAM nodes that are counted already to components: by host, and a single one to the likeliest."""
    instances = defaultdict[int, set[str]](set)
    for node, instance in found.ioam_nodes:
        instances[node].add(key(instance))
    left = []
    for node, places in instances.items():
        here = [part for part in path if part.box is not None and key(part.box.name) in places]
        free = [part for part in of_roles(here, COUNTERS) if "traffic" not in part.more]
        if free:
            free[0].more["traffic"] = {"ioam": node}
            if len(here) > 1:
                free[0].remarks.append(f"{GUESS} node id {node} is this one, of those on its host")
        else:
            left.append(node)
    if len(left) == 1 and not any("traffic" in part.more for part in path):
        likeliest = next(of_roles(path, COUNTERS))
        likeliest.more["traffic"] = {"ioam": left.pop()}
        likeliest.remarks.append(f"{GUESS} the only IOAM node is this one")
    if left:
        made.notes.append(
            f"IOAM nodes that no component has: {', '.join(map(str, sorted(left)))}. Write `traffic: {{ioam: ID}}` "
            "where each counts."
        )


def _supports(made: Parts, path: Sequence[Part]) -> None:
    for part in of_roles(made.parts, SUPPORTING):
        if path:
            part.more["supports"] = [one.name for one in path]
            part.remarks.append(f"{GUESS} it supports all network functions")


def _entries(
    made: Parts, named: Sequence[str], path: Sequence[str], traces: Traces | None, make_id: Callable[[], str]
) -> dict[str, Entry]:
    """Those that were named, and those that label a model's requests."""
    models = {part.name: part.more.get("applications", frozenset()) for part in made.parts}
    labelled = sorted(frozenset[str]().union(*models.values()))
    entries: dict[str, Entry] = {}
    for name in dict.fromkeys([*named, *labelled]):
        value: dict[str, Any] = {}
        if traces is not None and name in named and _fits(name):
            traces.ids[name] = make_id()
            value["traces"] = [{"ioam_namespace": NAMESPACE, "id": traces.ids[name]}]
            value["path"] = list(path)
        asked = [model for model, applications in models.items() if name in applications]
        if asked:
            value["models"] = asked
        if value and _fits(name):
            entries[name] = Entry(name, value)
        else:
            made.notes.append(
                f"Application {name!r} is not here: nothing that was found is on the way of its packets, and no model "
                "counts it. Give a component a role such as upf, and its traffic, and write the application by hand."
                if _fits(name)
                else f"Application {name!r} is not here: a name has letters, digits and . _ - / : only, and at most "
                f"{LONGEST_NAME} of them."
            )
    if named or entries:
        unlabelled = [part.name for part in made.parts if "requests" in part.more and not models[part.name]]
        if unlabelled:
            made.notes.append(
                f"No application has {', '.join(unlabelled)} under `models`: its counters have no label `application` "
                "(docs/guides/models.md)."
            )
    return entries


def _fits(name: str) -> bool:
    return slug(name) == name and len(name) <= LONGEST_NAME


def _traced(entries: dict[str, Entry], found: Found, path: Sequence[str], questions: Questions) -> None:
    """An application for each trace that is counted already."""
    for namespace, trace in found.traces:
        made_up = f"trace-{namespace}-{trace[:8]}"
        name = slug(questions.text(f"Application of trace {trace} in namespace {namespace}", made_up)) or made_up
        while name in entries:
            name += "-2"
        value = {"traces": [{"ioam_namespace": namespace, "id": trace}], "path": list(path)}
        remark = f"{DECIDE} its name, and which models it asks"
        entries[name] = Entry(name, value, [remark if name.startswith(made_up) else f"{DECIDE} which models it asks"])


def _flowing(entries: dict[str, Entry], found: Found, path: Sequence[str], questions: Questions) -> None:
    """An application for each flow that is counted already; several flows may be of one."""
    for flow in found.flows:
        made_up = slug(flow) or "flow"
        name = slug(questions.text(f"Application of flow {flow}", made_up)) or made_up
        if name in entries:
            entry = entries[name]
            entry.value.setdefault("flows", []).append(flow)
            entry.value.setdefault("path", list(path))
            entry.remarks.append(f"{GUESS} flow {flow} is of this application, by its name")
        else:
            remark = f"{DECIDE} its name, and which models it asks"
            entries[name] = Entry(name, {"flows": [flow], "path": list(path)}, [remark])
