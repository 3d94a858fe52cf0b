# SPDX-License-Identifier: Apache-2.0
"""Programs on interfaces: tcx, and what kernels before 6.6 have."""

import pytest

from joulepath.bpf.libbpf import BpfError
from tests.exporters.ioam.netns import NetworkNamespace

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

ATTACH = """
import sys
from joulepath.bpf import tc
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Point, Settings
kernel = Kernel(Settings(points=(Point("lo", "received", 1, "uplink", path=True),)))
program = kernel.program(0, 14)
"""
CLSACT = (
    ATTACH
    + """
link = tc.ClsactLink(program, 1, "received")
second = tc.ClsactLink(program, 1, "received")
if sys.argv[1] == "close":
    second.close()
"""
)
TCX = (
    ATTACH
    + """
print(tc.attach(program, 1, "received").kind)
"""
)


def test_a_second_clsact_filter_takes_the_place_of_the_first_and_goes_when_it_is_closed() -> None:
    with NetworkNamespace() as namespace:
        namespace.python(CLSACT, "leave")
        filters = namespace.run("tc filter show dev lo ingress")
        assert filters.count("direct-action") == 1
        namespace.python(CLSACT, "close")
        assert namespace.run("tc filter show dev lo ingress").count("direct-action") == 0


def test_tcx_where_the_kernel_has_it() -> None:
    with NetworkNamespace() as namespace:
        assert namespace.python(TCX) in {"tcx\n", "clsact\n"}


def test_a_fault_of_the_kernel_names_what_was_tried() -> None:
    assert str(BpfError("attaching by tcx", 19)) == "attaching by tcx: No such device"
