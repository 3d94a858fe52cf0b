# SPDX-License-Identifier: Apache-2.0
"""Makes all checks, causes first, and keeps the findings that no other one explains."""

from collections.abc import Callable, Iterator, Sequence

from joulepath_doctor.catalogue import found
from joulepath_doctor.checks import (
    applications,
    clocks,
    cores,
    following,
    hosts,
    meters,
    models,
    periods,
    reservations,
    rules,
    scrapes,
    sites,
    sources,
    sums,
    targets,
    traffic,
    usage_reports,
    versions,
    work,
)
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding, causes, joined
from joulepath_prometheus.errors import NoAnswerError, PrometheusError

Check = Callable[[Context], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "targets": targets.check,
    "scrapes": scrapes.check,
    "rules": rules.check,
    "meters": meters.check,
    "sources": sources.check,
    "sites": sites.check,
    "reservations": reservations.check,
    "traffic": traffic.check,
    "models": models.check,
    "usage reports": usage_reports.check,
    "cores": cores.check,
    "following": following.check,
    "hosts": hosts.check,
    "sums": sums.check,
    "work": work.check,
    "applications": applications.check,
    "periods": periods.check,
    "versions": versions.check,
    "clocks": clocks.check,
}
"""In the order of cause and effect: a finding explains those of later checks."""


def examine(context: Context, checks: dict[str, Check] = CHECKS) -> Sequence[Finding]:
    """The findings, each with a cause of its own. Raises NoAnswerError for a server that stops to answer."""
    return joined(causes(finding for name, check in checks.items() for finding in _made(name, check, context)))


def _made(name: str, check: Check, context: Context) -> Iterator[Finding]:
    """The findings of a check; a server that refuses one of its questions ends this check alone."""
    try:
        yield from check(context)
    except NoAnswerError:
        raise
    except PrometheusError as error:
        yield found("doctor/not-checked", ("server",), f"not checked: {name}: {error}")
