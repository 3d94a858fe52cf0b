# SPDX-License-Identifier: Apache-2.0
"""The active work of hosts and components, by the kinds of shares; a new kind is one more entry of WORK."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from joulepath_rules.adapters.guards import counting, guarded, recent
from joulepath_rules.rule import Rule, selector
from joulepath_topology import Topology
from joulepath_topology.components import Share
from joulepath_topology.promql import quote

# Of node_exporter's and /proc/stat's modes: idle does no work, steal is another's, guest is in user already.
BUSY = 'mode!~"idle|iowait|steal|guest|guest_nice"'


@dataclass(frozen=True)
class Work:
    """How one kind of share is read, as PromQL: of a share on this host, and of the whole host."""

    share: Callable[[Topology, str, Share], str]
    whole: Callable[[Topology, str], str]


def work(topology: Topology) -> Iterator[Rule]:
    """Active work of hosts and components, in joules/s (Kepler), CPU seconds/s or the query's unit."""
    wholes: set[tuple[str, str]] = set()
    for name, component in topology.components.items():
        if topology.alone(name) or not component.share:
            continue
        host = topology.host_of(name)
        unit = component.share[0].kind
        shares = " + ".join(WORK[share.kind].share(topology, host, share) for share in component.share)
        yield Rule("adapter:active:rate", shares, {"component": name, "host": host, "unit": unit})
        if (host, unit) not in wholes:
            wholes.add((host, unit))
            yield Rule("adapter:host_active:rate", WORK[unit].whole(topology, host), {"host": host, "unit": unit})


def _pods(topology: Topology, host: str, share: Share) -> str:
    pods, _, names = (share.kepler_pod or "").partition("/")
    matchers = f"pod_namespace=~{quote(pods)},pod_name=~{quote(names)},{_kepler(topology, host)}"
    return f"sum(rate(kepler_pod_cpu_joules_total{{{matchers}}}[$window]))"


def _all_pods(topology: Topology, host: str) -> str:
    return _counted(f"kepler_node_cpu_active_joules_total{{{_kepler(topology, host)}}}")


def _kepler(topology: Topology, host: str) -> str:
    kepler = topology.hosts[host].kepler
    return f"node_name={quote(kepler.node_name or host)},zone=~{quote('|'.join(kepler.zones))}"


def _workload(_: Topology, host: str, share: Share) -> str:
    labels = selector(instance=host, workload=share.workload or "")
    return f"sum(rate(workload_cpu_seconds_total{labels}[$window]))"


def _processor(_: Topology, host: str) -> str:
    return _counted(f"workload_host_cpu_seconds_total{{instance={quote(host)},{BUSY}}}")


def _active(topology: Topology, host: str) -> str:
    active = topology.hosts[host].active
    return guarded(active.query if active is not None else "")


def _counted(counter: str) -> str:
    return f"sum(rate({counter}[$window])){recent(counter)}{counting(counter)}"


WORK: Mapping[str, Work] = {
    "kepler_pod": Work(_pods, _all_pods),
    "workload": Work(_workload, _processor),
    "query": Work(lambda _, __, share: guarded(share.query or ""), _active),
}
