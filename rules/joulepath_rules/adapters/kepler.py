# SPDX-License-Identifier: Apache-2.0
"""Kepler's series in both of its dialects: 0.10 and later, and 0.9 and earlier.

0.10: `kepler_LEVEL_cpu_joules_total{zone, state}`, all of it active; `state` is added. 0.9:
`kepler_LEVEL_ZONE_joules_total{mode}`, of which `dynamic` is active, and the node is the label `instance`. Zones
overlap, so only those of the topology are added, by default package and dram.
"""

from joulepath_rules.adapters.guards import Amount, counted, total
from joulepath_topology import Topology
from joulepath_topology.kepler import Kepler
from joulepath_topology.promql import quote
from joulepath_topology.shares import Share

_LABELS = {
    "0.10": {
        "kepler_pod": ("pod_namespace", "pod_name"),
        "kepler_container": ("container_name",),
        "kepler_process": ("comm",),
        "kepler_vm": ("vm_name",),
    },
    "0.9": {
        "kepler_pod": ("container_namespace", "pod_name"),
        "kepler_container": ("container_name",),
        "kepler_process": ("command",),
        "kepler_vm": ("vm_id",),
    },
}


def part(topology: Topology, host: str, share: Share) -> Amount:
    """Active watts of what a share selects."""
    kepler = topology.named_in_kepler(host)
    labels = f"{_selected(kepler, share)},{_node(kepler)}"
    if kepler.dialect == "0.9":
        first = f"kepler_{_level(kepler, share)}_{kepler.zones[0]}_joules_total{{{labels}}}"
        return total(_zones(kepler, _level(kepler, share), labels), first)
    counter = f"kepler_{_level(kepler, share)}_cpu_joules_total{{{labels},{_zone(kepler)}}}"
    return total(f"rate({counter}[$window])", _running(counter))


def whole(topology: Topology, host: str) -> Amount:
    """Active watts of the node."""
    kepler = topology.named_in_kepler(host)
    if kepler.dialect == "0.10":
        return _counted(f"kepler_node_cpu_active_joules_total{{{_node(kepler)},{_zone(kepler)}}}")
    first = f"kepler_node_{kepler.zones[0]}_joules_total{{{_node(kepler)}}}"
    return counted(f"sum({_zones(kepler, 'node', _node(kepler))})", first)


def gpu_part(topology: Topology, host: str, share: Share) -> Amount:
    """Active watts of what a share selects, on all GPUs of the node: Kepler does not say on which."""
    kepler = topology.named_in_kepler(host)
    labels = f"{_selected(kepler, share)},{_node(kepler)}"
    counter = f"kepler_{_level(kepler, share)}_gpu_joules_total{{{labels}}}"
    return total(f"rate({counter}[$window])", _running(counter))


def gpu_whole(topology: Topology, host: str) -> Amount:
    """Active watts of all GPUs of the node."""
    kepler = topology.named_in_kepler(host)
    active = "active_" if kepler.dialect == "0.10" else ""
    return _counted(f"kepler_node_gpu_{active}joules_total{{{_node(kepler)}}}")


def _running(counter: str) -> str:
    """Kepler shows what has ended for a while, with another state."""
    return f'{counter.removesuffix("}")},state!="terminated"}}'


def _counted(counter: str) -> Amount:
    return counted(f"sum(rate({counter}[$window]))", counter)


def _level(kepler: Kepler, share: Share) -> str:
    """0.9 has no series of pods: those of containers name their pod."""
    level = share.kind.removeprefix("kepler_")
    return "container" if kepler.dialect == "0.9" and level == "pod" else level


def _selected(kepler: Kepler, share: Share) -> str:
    patterns = share.pattern.split("/") if share.kind == "kepler_pod" else [share.pattern]
    labels = _LABELS[kepler.dialect][share.kind]
    return ",".join(f"{label}=~{quote(text)}" for label, text in zip(labels, patterns, strict=True))


def _node(kepler: Kepler) -> str:
    if kepler.dialect == "0.9":
        return f'instance={quote(kepler.node_name or "")},mode="dynamic"'
    return f"node_name={quote(kepler.node_name or '')}"


def _zone(kepler: Kepler) -> str:
    return f"zone=~{quote('|'.join(kepler.zones))}"


def _zones(kepler: Kepler, level: str, labels: str) -> str:
    """The rates of all zones in 0.9: a zone is a metric of its own, and a label must tell their rates apart."""
    return "\n  or ".join(
        f'label_replace(rate(kepler_{level}_{zone}_joules_total{{{labels}}}[$window]), "zone", "{zone}", "", "")'
        for zone in kepler.zones
    )
