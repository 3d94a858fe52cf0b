# SPDX-License-Identifier: Apache-2.0
"""Targets of the server that supply the topology: up, once, steadily, with their present configuration."""

from collections.abc import Iterable, Iterator

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
    "x509": "state the authority as ca_file in tls_config of the job",
    "tls": "correct tls_config of the job",
    "limit exceeded": "raise the limit in the job",
    "expected": "look at its page: it is not in the form of Prometheus",
    "parse": "look at its page: it is not in the form of Prometheus",
}
"""By a part of Prometheus' own words, in small letters; the first that fits holds."""
LOOK = "ask it with curl from Prometheus' machine"
UNSTEADY, FLAPS = 0.95, 4
"""The part of scrapes that must succeed, and the changes between up and down, by which a target is unsteady."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about targets."""
    targets = context.server.targets()
    supply = Supply(context)
    own = supply.needed()
    for one in own:
        if one.health == "down":
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
    yield from _unsteady(context, supply, [one for one in own if one.health == "up"])
    yield from _old_configuration(context, targets)


def _reason(target: Target) -> str:
    own = one_line(target.last_error, 160) or "Prometheus says no reason"
    cure = next((cure for words, cure in CURES.items() if words in own.lower()), LOOK)
    return f"{own}: {cure}"


def _gone(context: Context, supply: Supply, targets: Iterable[Target]) -> Iterator[Finding]:
    """Jobs that supplied the rules until a while ago, and have neither targets nor samples now."""
    missing = supply.jobs - {one.labels.get("job", "") for one in targets} - {""}
    every = f"group by (job) ({named(context.inputs)})"
    written = {row.labels.get("job", "") for row in context.server.query(every)} if missing else set()
    for job in sorted(missing - written):
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


def _unsteady(context: Context, supply: Supply, targets: Iterable[Target]) -> Iterator[Finding]:
    """Targets that went up and down; one that only began or restarted is not one of them."""
    over = f"[{duration(context.since)}]"
    ratios = {
        (row.labels.get("job"), row.labels.get("instance")): row.value
        for row in context.server.query(
            f"avg_over_time(up{over}) < {UNSTEADY} and on (job, instance) changes(up{over}) >= {FLAPS}"
        )
    }
    for one in targets:
        ratio = ratios.get((one.labels.get("job"), one.labels.get("instance")))
        if ratio is not None:
            yield found(
                "target/unsteady", supply.place(one),
                f"{ratio:.0%} of the scrapes of {duration(context.since)} succeeded; the last took "
                f"{one.last_scrape_duration:.2g} s of {one.scrape_timeout or 'its timeout'}: raise scrape_timeout, or "
                "look at the network",
            )  # fmt: skip


def _old_configuration(context: Context, targets: Iterable[Target]) -> Iterator[Finding]:
    by_label = {(one.labels.get("job"), one.labels.get("instance")): one for one in targets}
    own = context.server.url.rpartition(":")[2]
    for row in context.server.query(
        "joulepath_config_last_reload_successful == 0 or prometheus_config_last_reload_successful == 0"
    ):
        job, instance = row.labels.get("job", ""), row.labels.get("instance", "")
        target = by_label.get((job, instance))
        name = row.labels.get("__name__", "")
        if name.startswith("prometheus_") and (target is None or f":{own}/" not in f"{target.scrape_url}/"):
            continue  # another server's
        yield found(
            "target/old-config", places.target(job, instance),
            f"{instance} runs with an older configuration, since it refused its files at the last reload: correct what "
            "its log names",
        )  # fmt: skip
