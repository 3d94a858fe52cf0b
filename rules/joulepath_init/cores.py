# SPDX-License-Identifier: Apache-2.0
"""Cores that count traffic: which of them a Prometheus has, by the tables of `joulepath_topology.cores`."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from joulepath_init.asking import Questions
from joulepath_init.document import DECIDE, GUESS, Entry
from joulepath_init.found import CoreThere
from joulepath_init.naming import key, natural, slug
from joulepath_init.parts import Part, Parts, listed, of_roles
from joulepath_topology.common import Text
from joulepath_topology.cores.catalogue import CORES
from joulepath_topology.cores.keys import InCore
from joulepath_topology.cores.schema import Core, Series

SHARED = ("group", "dnn", "slice", "qfi")
"""Keys of many UEs, the most telling first. Those of one UE are identities, which a person chooses."""
NOT_NAMED = frozenset({"other", "unknown", ""})
"""Groups of `joulepath pfcp` that no application is."""
MOST_VALUES = 20
_ANYWHERE = ("upf", "gateway", "cu", "gnb", "du")
"""Roles in which a core counts, the likeliest first."""
_TEXT: TypeAdapter[str] = TypeAdapter(Text)
Labels = Mapping[str, str]


def look(series: Callable[..., list[Labels]]) -> Iterator[CoreThere]:
    """The cores of which all metrics of an amount are there, by instance; `series` answers several selectors."""
    wanted = {one.metric for core in CORES.values() for one in _first(core)}
    found = defaultdict[str, list[Labels]](list)
    for labels in series(*sorted(wanted)):
        found[labels.get("__name__", "")].append(labels)
    for name, core in CORES.items():
        instances = set.intersection(
            *({labels.get(core.instance, "") for labels in _of(found, one)} for one in _first(core))
        )
        for instance in sorted(instances - {""}, key=natural):
            yield CoreThere(name, instance, _values(core, instance, found))


def counted(made: Parts, found: Sequence[CoreThere], path: Sequence[Part]) -> CoreThere | None:
    """Gives the first core that tells applications apart to a component, and notes the others."""
    chosen = None
    for one in found:
        core = CORES[one.core]
        free = [part for part in of_roles(path, _ANYWHERE) if "traffic" not in part.more]
        here = [part for part in free if part.box is not None and key(part.box.name) == key(one.instance)]
        if chosen is None and core.divides and free and _valid(one.instance):
            chosen = one
            part = (here or free)[0]
            part.more["traffic"] = {"core": one.core, "instances": [one.instance]}
            where = "on its host" if here else "the likeliest one"
            part.remarks.append(f"{GUESS} {core.title} of {one.instance} counts here, {where}. {_trap(core)}")
            policy = _policy(core)
            for other in path:
                if policy:
                    other.more["policy"] = policy
        else:
            made.notes.append(_note(one, core))
    return chosen


def entries(made: Parts, entries: dict[str, Entry], one: CoreThere, path: Sequence[str], questions: Questions) -> None:
    """An application for each value of the key that the core has for many UEs."""
    core = CORES[one.core]
    by = next((each for each in SHARED if one.values.get(each)), None)
    if by is None:
        keys = " or ".join(f"`core: {{{each}: ...}}`" for each in core.keys)
        made.notes.append(f"{core.title} tells applications apart by {keys}: write them by hand.")
        return
    texts = [value for value in one.values[by] if _valid(value)]
    values = [value for value in texts if _names(by, value)]
    if left := [*values[MOST_VALUES:], *(value for value in texts if value not in values)]:
        made.notes.append(f"Values of `{by}` of {core.title} that no application has: {listed(left)}.")
    for value in values[:MOST_VALUES]:
        made_up = slug(value if by in {"group", "dnn"} else f"{by}-{value}") or by
        name = slug(questions.text(f"Application of {by} {value} in {core.title}", made_up)) or made_up
        if name in entries and "core" in entries[name].value:
            entries[name].value["core"][by].append(value)
        elif name in entries:
            entries[name].value |= {"core": {by: [value]}, "path": list(path)}
            entries[name].remarks.append(f"{GUESS} {by} {value} is of this application, by its name")
        else:
            remark = f"{DECIDE} its name, and which models it asks"
            entries[name] = Entry(name, {"core": {by: [value]}, "path": list(path)}, [remark])


def _note(one: CoreThere, core: Core) -> str:
    """A core that no component has."""
    return (
        f"{core.title} counts at {one.instance}: write `traffic: {{core: {one.core}, instances: [...]}}` where it does"
        f"{'' if core.divides else ', with `ioam` beside it'} (docs/guides/cores/{one.core}.md)."
    )


def _trap(core: Core) -> str:
    return f"Its trap: {core.trap[:1].lower()}{core.trap[1:]}"


def _first(core: Core) -> Sequence[Series]:
    """The series without which the core is not there: those of the amount that tells applications apart."""
    amounts = [core.amounts[by] for by in ("volume", "count") if by in core.amounts]
    amount = next((each for each in amounts if each.parts), amounts[0])
    return amount.parts or amount.whole


def _of(found: Mapping[str, Sequence[Labels]], one: Series) -> Iterator[Labels]:
    """The series of one entry of a table."""
    for labels in found.get(one.metric, ()):
        if all(labels.get(label) == value for label, value in one.labels.items()) and all(map(labels.get, one.having)):
            yield labels


def _values(core: Core, instance: str, found: Mapping[str, Sequence[Labels]]) -> Mapping[str, Sequence[str]]:
    """By key, the values that this instance has."""
    here = [labels for one in _first(core) for labels in _of(found, one) if labels.get(core.instance) == instance]
    shared = {by: label for by, label in core.keys.items() if by in SHARED}
    values = {by: {labels.get(label, "") for labels in here} - NOT_NAMED for by, label in shared.items()}
    return {by: sorted(some, key=natural) for by, some in values.items() if some}


def _policy(core: Core) -> str:
    """The policy of components that the core counts for, where it does not count packets and bytes of each key."""
    has = {by for by, amount in core.amounts.items() if amount.parts}
    return "" if len(has) == 2 else {"volume": "bytes", "count": "packets"}[has.pop()]


def _valid(value: str) -> bool:
    """Whether a topology can have this value."""
    try:
        _TEXT.validate_python(value)
    except ValidationError:
        return False
    return True


def _names(by: str, value: str) -> bool:
    """Whether an application can have this value of a key: a QFI of 64 or an SD in capitals fits no key."""
    try:
        InCore.model_validate({by: value})
    except ValidationError:
        return False
    return True
