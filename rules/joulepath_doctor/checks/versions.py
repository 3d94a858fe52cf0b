# SPDX-License-Identifier: Apache-2.0
"""Versions of the exporters, of this program and of Prometheus."""

import re
from collections.abc import Iterator

from joulepath import __version__
from joulepath_doctor import places
from joulepath_doctor.catalogue import found, not_checked
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.places import SERVER
from joulepath_doctor.supply import Supply

OLDEST = (2, 42)
"""The oldest version of Prometheus that the rules are tested with."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about versions."""
    yield from _exporters(context)
    yield from _server(context)


def _exporters(context: Context) -> Iterator[Finding]:
    needed = Supply(context).names()
    others: dict[str, list[tuple[str, str, str]]] = {}
    for row in context.server.query("joulepath_build_info"):
        running = row.labels.get("exporter", ""), row.labels.get("job", ""), row.labels.get("instance", "")
        if running[1:] in needed and row.labels.get("version", __version__) != __version__:
            others.setdefault(row.labels["version"], []).append(running)
    for version, exporters in sorted(others.items()):
        exporter, job, instance = min(exporters)
        more = f" and {len(exporters) - 1} more" if len(exporters) > 1 else ""
        yield found(
            "versions/differ", places.target(job, instance),
            f"{exporter} at {instance}{more} is of version {version}, and this program of {__version__}: install one "
            "version everywhere, then write the rules anew",
        )  # fmt: skip


def _server(context: Context) -> Iterator[Finding]:
    """Programs that answer like a Prometheus have versions of their own, and do not tell their version of Go."""
    built = context.server.build_info()
    version = re.match(r"(\d+)\.(\d+)", built.get("version", ""))
    if version is None or not built.get("goVersion"):
        yield not_checked("versions/old-server", SERVER, "the server does not say which Prometheus it is")
    elif (2, 0) <= (int(version[1]), int(version[2])) < OLDEST:
        yield found(
            "versions/old-server", SERVER,
            f"Prometheus {built['version']} is older than {'.'.join(map(str, OLDEST))}, the oldest that the rules are "
            "tested with: install a newer one",
        )  # fmt: skip
