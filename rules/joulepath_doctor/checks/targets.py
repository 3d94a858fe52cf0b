# SPDX-License-Identifier: Apache-2.0
"""Targets of the server that supply the topology: up, once, steadily, with their present configuration."""

import re
from collections.abc import Iterable, Iterator, Mapping

from joulepath_doctor import places
from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.inputs import named
from joulepath_doctor.supply import Supply
from joulepath_prometheus.errors import one_line
from joulepath_prometheus.state import Target
from joulepath_topology.durations import duration

CURES = {
    "connection refused": "start the exporter there, or correct the address",
    "no such host": "correct the name, or the DNS of Prometheus' machine",
    "server misbehaving": "correct the name, or the DNS of Prometheus' machine",
    "no route to host": "correct the address, or the route to it",
    "deadline exceeded": "open the firewall, or raise scrape_timeout",
    "timeout": "open the firewall, or raise scrape_timeout",
    "status 401": "state a login in the job (basic_auth or authorization)",
    "status 403": "state another login in the job (basic_auth or authorization)",
    "status 404": "correct metrics_path of the job",
    "http response to https client": "state `scheme: http` in the job",
    "malformed http": "state `scheme: https` in the job",
    "client sent an http request to an https server": "state `scheme: https` in the job",
    "status 400": "state `scheme: https` in the job where the exporter has TLS",
    "first record does not look like a tls": "state `scheme: http` in the job",
    "x509": "state the authority as ca_file in tls_config of the job",
    "tls": "correct tls_config of the job",
    "status 5": "see the log of the exporter, or of the proxy before it",
    "limit exceeded": "raise the limit in the job",
    "expected": "look at its page: it is not in the form of Prometheus",
    "parse": "look at its page: it is not in the form of Prometheus",
}
"""By a part of Prometheus' own words, in small letters; the first that fits holds."""
LOOK = "ask it with curl from Prometheus' machine"
MOST, FLAPS, LOST = 0.9, 6, 10
"""An unsteady target: the part of scrapes that succeeds is less, between others so many times, and so many fail."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about targets."""
    targets = context.server.targets()
    supply = Supply(context)
    own = supply.needed()
    unsteady = _success(context)
    for one in own:
        if _key(one) in unsteady:
            yield _unsteady(context, supply, one, unsteady[_key(one)])
        elif one.health == "down":
            yield found("target/down", supply.place(one), f"{one.scrape_url} is down: {_reason(one)}")
    others = [one for one in targets if one.health == "down" and one not in own]
    if others:
        jobs = ", ".join(sorted({one.scrape_pool for one in others}))
        yield found(
            "target/unread", ("targets",),
            f"{len(others)} targets of jobs {jobs} are down: start those that the topology needs",
        )  # fmt: skip
    if targets:
        yield from _gone(context, supply, targets)
    yield from _twice(supply, own)
    yield from _old_configuration(context, supply, own)


def _reason(target: Target) -> str:
    # Go's words begin with the request, `Get "http://...": `, which stands before them already.
    words = re.sub(r'^Get "[^"]*": ', "", target.last_error)
    own = one_line(words, 160) or "Prometheus gives no reason"
    cure = next((cure for words, cure in CURES.items() if words in own.lower()), LOOK)
    return f"{own}: {cure}"


def _gone(context: Context, supply: Supply, targets: Iterable[Target]) -> Iterator[Finding]:
    """Jobs that supplied the rules until a while ago, and have neither targets nor samples nor a successor now."""
    missing = supply.jobs - {one.labels.get("job", "") for one in targets} - {""}
    every = f"group by (job) ({named(context.inputs)})"
    gone = missing - {row.labels.get("job", "") for row in context.server.query(every)} if missing else frozenset()
    kept = supply.supplied(supply.jobs - gone)
    for job in sorted(gone):
        if supply.supplied({job}) <= kept:
            continue
        yield found(
            "target/gone", places.target(job),
            f"job {job} had series within {duration(context.since)} and has no target now: put it back into "
            "scrape_configs, or look at its service discovery",
        )  # fmt: skip


def _twice(supply: Supply, targets: Iterable[Target]) -> Iterator[Finding]:
    by_url: dict[str, list[Target]] = {}
    for one in targets:
        by_url.setdefault(one.scrape_url, []).append(one)
    for url, several in by_url.items():
        if len(several) > 1:
            names = " and ".join(f"{one.labels.get('job')} {one.labels.get('instance')}" for one in several)
            yield found(
                "target/twice", supply.place(several[1]),
                f"{url} is scraped {len(several)} times, as {names}: each sum over its series counts it {len(several)} "
                "times; leave out one",
            )  # fmt: skip


def _success(context: Context) -> Mapping[tuple[str, str], float]:
    """The part of scrapes that succeeded, of unsteady targets. One that only began or restarted is not one of them."""
    up = f"up[{duration(context.since)}]"
    rows = context.server.query(
        f"avg_over_time({up}) < {MOST} and changes({up}) >= {FLAPS}\n"
        f"and count_over_time({up}) - sum_over_time({up}) >= {LOST}"
    )
    return {(row.labels.get("job", ""), row.labels.get("instance", "")): row.value for row in rows}


def _unsteady(context: Context, supply: Supply, target: Target, part: float) -> Finding:
    return found(
        "target/unsteady", supply.place(target),
        f"{part:.0%} of the scrapes of {duration(context.since)} succeeded; the last took "
        f"{target.last_scrape_duration:.2g} s of {target.scrape_timeout or 'its timeout'}: raise scrape_timeout, or "
        "look at the network",
    )  # fmt: skip


def _key(target: Target) -> tuple[str, str]:
    return target.labels.get("job", ""), target.labels.get("instance", "")


def _old_configuration(context: Context, supply: Supply, targets: Iterable[Target]) -> Iterator[Finding]:
    """Programs that refused their files: exporters of the topology, and the server itself where it scrapes itself."""
    own = f":{context.server.url.rpartition(':')[2]}/"
    for metric in ("joulepath_config_last_reload_successful", "prometheus_config_last_reload_successful"):
        refused = {
            (row.labels.get("job"), row.labels.get("instance")) for row in context.server.query(f"{metric} == 0")
        }
        for one in targets:
            here = metric.startswith("joulepath_") or own in f"{one.scrape_url}/"
            if here and _key(one) in refused:
                yield found(
                    "target/old-config", supply.place(one),
                    f"{one.scrape_url} runs with an older configuration, since it refused its files at the last "
                    "reload: correct what its log names",
                )  # fmt: skip
