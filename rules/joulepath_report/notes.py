# SPDX-License-Identifier: Apache-2.0
"""Notes on one period that a reader must know: gaps, guesses and limits."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from joulepath_report.applications import coverage, joules, names
from joulepath_report.measured import Measured
from joulepath_report.model import UNATTRIBUTED
from joulepath_report.numbers import percent

NEARLY = 0.995
"""Coverage from which a period counts as whole."""

LITTLE = 0.005
"""The part of an energy that is not worth a note."""


def notes(found: Measured) -> Iterator[str]:
    """One or two sentences each."""
    if not found.energy.cells:
        yield "Nothing was known of this period: check that the rules of this topology are loaded in the server."
        return
    yield from _gaps(found)
    yield from _short(found)
    yield from _guesses(found)
    for site in sorted(found.carbon.filled):
        yield f"{site} had no carbon factor in some hours: they have the mean of the others."


def _gaps(found: Measured) -> Iterator[str]:
    known, hosts, parts = joules(found), defaultdict(list), defaultdict(list)
    for host in found.topology.boxes:
        part = found.energy.known_hosts.get(host, 0.0) / found.energy.seconds
        if part == 0:
            yield f"The host {host} was not measured: its energy is missing in every total."
        elif part < NEARLY:
            hosts[percent(part)].append(host)
    for share, members in hosts.items():
        yield f"The power of {_joined(members)} was known for {share} % of the period."
    for name in names(found):
        if known[name] is None:
            yield f"The energy of {name} was not known: all that it used is in `unattributed`."
        elif name != UNATTRIBUTED and (part := coverage(found, name)) < NEARLY:
            parts[percent(part)].append(name)
    for share, members in parts.items():
        yield f"All of {_joined(members)} was known for {share} % of the period."


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _short(found: Measured) -> Iterator[str]:
    known = joules(found)
    for name, short in found.energy.short.items():
        if short > LITTLE * (known.get(name) or 0.0):
            yield (
                f"The rules recorded {short:.4g} J more for {name} than the meters leave for it: hours in which it was "
                "not always known are charged less here."
            )


def _guesses(found: Measured) -> Iterator[str]:
    for host, of in found.methods(lambda cell: cell.row.host).items():
        whole = sum(of.values())
        for method, part in of.items():
            if method != "measured" and part > 0:
                yield f"{percent(part / whole)} % of the energy of {host} is {method}."
    for host, of in found.tiers().items():
        if fallback := sum(of.values()) - of.get("1", 0.0):
            part = fallback / sum(of.values())
            yield f"{percent(part)} % of the energy of {host} was read by a fallback: its `power` was not complete."
