# SPDX-License-Identifier: Apache-2.0
"""The active work of virtual machines on their hosts."""

from collections.abc import Iterator

from joulepath_rules.adapters.work import WORK, quotient
from joulepath_rules.rule import Rule
from joulepath_topology import Topology


def vms(topology: Topology) -> Iterator[Rule]:
    """A rule for each machine with components, in the unit of its share. Their rules read the whole of the host."""
    for name in topology.guests:
        vm = topology.vms[name]
        expr = " + ".join(WORK[share.kind].share(topology, vm.host, share).believed for share in vm.share)
        whole = WORK[vm.share[0].kind].whole(topology, vm.host)
        yield Rule(
            "adapter:vm_active:ratio", quotient(expr, whole), {"vm": name, "host": vm.host, "unit": vm.share[0].unit}
        )
