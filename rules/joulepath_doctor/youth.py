# SPDX-License-Identifier: Apache-2.0
"""Whether a server had the time to see something: in the first minutes nothing is absent or sparse yet."""

from joulepath_doctor.context import Context
from joulepath_doctor.inputs import named, parsed
from joulepath_doctor.questions import length, since, window
from joulepath_doctor.supply import families
from joulepath_prometheus.errors import NoAnswerError, PrometheusError


def recent(context: Context, selector: str) -> bool:
    """Whether each sample of a selector is of the last window."""
    return not context.server.query(f"present_over_time({selector}[{since(context)}] offset {window(context)})")


def pending(context: Context, selector: str) -> str:
    """Why a selector without any series may soon have some, in words; empty where it had its time."""
    wanted = parsed(selector)
    for target in context.server.targets():
        meant = target.labels.get("instance") == (wanted.instance or None) or wanted.family in families(target)
        if target.health == "unknown" and meant:
            return f"{target.scrape_url} was not scraped yet"
    age = _age(context)
    if age is None or age > context.topology.window or context.server.label_values("__name__", named([wanted])):
        return ""
    return f"the server started {length(age)} ago"


def _age(context: Context) -> float | None:
    """How long the server runs [s]; None where it does not say so."""
    try:
        started = context.server.started()
    except NoAnswerError:
        raise
    except PrometheusError:
        return None
    return None if started is None else context.now - started
