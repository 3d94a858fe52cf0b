# SPDX-License-Identifier: Apache-2.0
"""Whether a server had the time to see something: in the first minutes nothing is absent or sparse yet."""

from collections.abc import Iterator, Sequence

from joulepath_doctor import places
from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.inputs import named, parsed
from joulepath_doctor.questions import length, since, window
from joulepath_doctor.supply import families
from joulepath_prometheus.errors import NoAnswerError, PrometheusError
from joulepath_topology.problem import Place


def recent(context: Context, selector: str, place: Place, targets: Sequence[Place]) -> Iterator[Finding]:
    """Notes about a selector if each of its samples is of the last window: one for its target, and for its place."""
    reach = window(context)
    if not context.server.query(f"present_over_time({selector}[{since(context)}] offset {reach})"):
        yield from _notes(
            f"began less than {reach} ago, and half of that time must be measured: ask again after it",
            targets[0] if targets else place,
            place,
        )


def pending(context: Context, selector: str, place: Place) -> Iterator[Finding]:
    """Notes about a selector without any series that may soon have some; none where it had its time."""
    wanted = parsed(selector)
    for target in context.server.targets():
        job, instance = target.labels.get("job", ""), target.labels.get("instance", "")
        meant = (wanted.instance and instance == wanted.instance) or wanted.family in families(target)
        if target.health == "unknown" and meant:
            text = f"{target.scrape_url} was not scraped yet: ask again in a minute"
            yield from _notes(text, places.target(job, instance), place)
            return
    age = _age(context)
    if age is None or age > context.topology.window or context.server.label_values("__name__", named([wanted])):
        return
    yield from _notes(f"it started {length(age)} ago: ask again in a minute", places.SERVER, place)


def _notes(text: str, cause: Place, place: Place) -> Iterator[Finding]:
    """The cause, told once, and the place that it explains."""
    yield found("source/young", cause, text)
    yield found("source/young", place, text, (cause,))


def _age(context: Context) -> float | None:
    """How long the server runs [s]; None where it does not say so."""
    try:
        started = context.server.started()
    except NoAnswerError:
        raise
    except PrometheusError:
        return None
    return None if started is None else context.now - started
