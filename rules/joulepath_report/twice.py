# SPDX-License-Identifier: Apache-2.0
"""Notes on exporters that several jobs scrape: sums over their series count the same work several times."""

from collections import defaultdict
from collections.abc import Iterator

from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import NoAnswerError, PrometheusError, one_line
from joulepath_prometheus.state import Target
from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from joulepath_topology import Topology
from joulepath_topology.promql import quote, selectors

EVERYWHERE = frozenset({"up", "process_start_time_seconds"})
"""Series that nearly every target has."""


def twice(prometheus: Prometheus, topology: Topology) -> Iterator[str]:
    """One note for each address; the server tells only how it scrapes now. Raises NoAnswerError."""
    try:
        targets = prometheus.targets()
    except NoAnswerError:
        raise
    except PrometheusError:  # Thanos and Mimir have no targets
        return
    by_url: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        by_url[target.scrape_url].append(target)
    several = {url: same for url, same in by_url.items() if len(same) > 1}
    names = _names(topology) if several else ""
    for url, same in several.items():
        read = [one for one in same if prometheus.query(_any_of(names, one))]
        if len(read) > 1:
            jobs = " and ".join(f"{one.labels.get('job')} {one.labels.get('instance')}" for one in read)
            yield (
                f"{one_line(url, 200)} is scraped {len(read)} times now, as {one_line(jobs)}: its work may be counted "
                f"{len(read)} times, and energy for one request or token is then too low. `joulepath doctor` has "
                "the cure."
            )


def _names(topology: Topology) -> str:
    """A regular expression of the metrics that the rules read from exporters."""
    rules = [rule for group in generate(topology) for rule in group.rules if isinstance(rule, Rule)]
    read = {selector.partition("{")[0] for rule in rules for selector in selectors(rule.expr)}
    return "|".join(sorted(read - {rule.record for rule in rules} - EVERYWHERE - {""}))


def _any_of(names: str, target: Target) -> str:
    own = ",".join(f"{label}={quote(target.labels.get(label, ''))}" for label in ("job", "instance"))
    return f"group({{__name__=~{quote(names)},{own}}})"
