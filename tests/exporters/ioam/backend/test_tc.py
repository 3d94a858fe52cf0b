# SPDX-License-Identifier: Apache-2.0
"""Programs on interfaces: tcx, and what kernels before 6.6 have."""

import pytest

from joulepath.bpf.libbpf import BpfError
from joulepath_lab.network.namespace import NetworkNamespace

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
link = tc.ClsactLink(program, 1, "received", tc.COUNTING)
second = tc.ClsactLink(program, 1, "received", tc.COUNTING)
if sys.argv[1] == "close":
    second.close()
"""
)
# Someone else's filters are there, one of them before the priorities of old; prints the packets that ours sees.
FILTERS = """
import socket, sys, time
from joulepath.bpf import tc
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Point, Settings
from tests.exporters.ioam.foreign import PASS, _CLASSIFIER, loaded
way = sys.argv[1]
kernel = Kernel(Settings(points=(Point("lo", way, 1, "uplink", path=True),)))
foreign = tc.ClsactLink(loaded(_CLASSIFIER, PASS), 1, way, tc.Place(7, 3))
link = tc.ClsactLink(kernel.program(0, 14), 1, way, tc.COUNTING)
def send():
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("::1", 5000))
    time.sleep(0.05)
    (point,) = kernel.read().points
    return point.user[0]
print(link.ahead(), send() > 0)
"""
# Someone removes the whole qdisc.
REMOVED = (
    ATTACH
    + """
import subprocess
link = tc.ClsactLink(program, 1, "received", tc.COUNTING)
print(link.ahead())
subprocess.run(["tc", "qdisc", "del", "dev", "lo", "clsact"], check=True)
print(link.ahead())
link.close()
"""
)
# A program that a process of an earlier version left behind must not count a second time.
FORMER = (
    ATTACH
    + """
import ctypes
options = tc._Filter(sz=32, prog_fd=program, handle=0x6A70, priority=0x6A70)
hook = tc._Hook(sz=24, ifindex=1, attach_point=1)
tc.library().bpf_tc_hook_create(ctypes.byref(hook))
assert tc.library().bpf_tc_attach(ctypes.byref(hook), ctypes.byref(options)) == 0
tc.ClsactLink(program, 1, "received", tc.COUNTING)
"""
)
TCX = (
    ATTACH
    + """
print(tc.attach(program, 1, "received", tc.COUNTING).kind)
"""
)
# The counter comes first, then the tagger, then a packet; prints the octets of IOAM options that the counter sees.
BOTH = """
import socket, sys, time
from ipaddress import IPv6Network
from joulepath.bpf import tc
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Point, Settings
from joulepath.tag.program import Program, State
from joulepath.tag.settings import Flow
kernel = Kernel(Settings(points=(Point("d0", "sent", 1, "uplink", path=True),)))
tagger = Program()
flow = Flow("one", 7, bytes(range(16)), destination=IPv6Network("fd01::/64"))
tagger.apply([flow], {"one": State(bytes(range(16)), None)}, 1, 3)
index = socket.if_nametoindex("d0")
attach = tc.ClsactLink if sys.argv[1] == "clsact" else tc.attach
def send():
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("fd01::2", 5000))
    time.sleep(0.05)
    (point,) = kernel.read().points
    return point.option_octets
links = [attach(kernel.program(0, 14), index, "sent", tc.COUNTING)]
plain = send()
links.append(attach(tagger.fd(ethernet=True), index, "sent", tc.TAGGING))
tagged = send()
links.pop().close()
print(links[0].kind, plain, tagged, tagger.counts()["one"].packets, send())
"""

# The tagger comes first, then perhaps someone who ends the list, then the counter; prints as above.
TAGGER_FIRST = (
    BOTH.partition("def send")[0]
    + """
from joulepath.serving import rights
from joulepath.bpf import tcx
from tests.exporters.ioam.foreign import PASS, _CLASSIFIER, loaded
program = kernel.program(0, 14)
tagging = attach(tagger.fd(ethernet=True), index, "sent", tc.TAGGING)
if "foreign" in sys.argv:
    foreign = tcx.link(loaded(_CLASSIFIER, PASS), index, 47, None, 0)
if "unnamed" in sys.argv:
    rights.keep({rights.CAP_BPF, rights.CAP_NET_ADMIN, rights.CAP_PERFMON})
link = attach(program, index, "sent", tc.COUNTING)
print(link.ahead())
socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("fd01::2", 5000))
time.sleep(0.05)
(point,) = kernel.read().points
print(point.option_octets > 0)
if "foreign" in sys.argv and "unnamed" in sys.argv:
    link.advance()
    print(link.ahead())
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("fd01::2", 5000))
    time.sleep(0.05)
    (point,) = kernel.read().points
    print(point.option_octets > 0)
"""
)

# Programs that are attached without a link (BPF_PROG_ATTACH), one before the counter and one that comes later.
WITHOUT_LINK = (
    ATTACH
    + """
import socket, struct, time
from joulepath.bpf import tcx
from tests.exporters.ioam.foreign import PASS, _CLASSIFIER, loaded
def foreign(flags):
    attributes = bytearray(struct.pack("=5IIQ", 1, loaded(_CLASSIFIER, PASS), 46, flags, 0, 0, 0))
    tcx._bpf(8, attributes, "attaching a foreign program")
def seen():
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("::1", 5000))
    time.sleep(0.05)
    return kernel.read().points[0].user[0] > 0
foreign(0)
link = tc.attach(program, 1, "received", tc.COUNTING)
print(link.ahead(), seen())
foreign(8)  # BPF_F_BEFORE
print(link.ahead(), seen())
link.advance()
print(link.ahead(), seen())
"""
)


def test_a_second_clsact_filter_replaces_the_first_and_ends_when_closed() -> None:
    with NetworkNamespace() as namespace:
        namespace.python(CLSACT, "leave")
        filters = namespace.run("tc filter show dev lo ingress")
        assert filters.count("direct-action") == 1
        namespace.python(CLSACT, "close")
        assert namespace.run("tc filter show dev lo ingress").count("direct-action") == 0


def test_a_clsact_filter_sees_packets_before_one_that_ends_the_list() -> None:
    with NetworkNamespace() as namespace:
        assert namespace.python(FILTERS, "sent").split() == ["0", "True"]


def test_a_filter_that_is_removed_by_someone_is_missed() -> None:
    with NetworkNamespace() as namespace:
        assert namespace.python(REMOVED).split() == ["0", "-1"]


def test_a_filter_of_an_earlier_version_is_replaced() -> None:
    with NetworkNamespace() as namespace:
        namespace.python(FORMER)
        assert namespace.run("tc filter show dev lo ingress").count("direct-action") == 1


def test_tcx_is_used_where_the_kernel_has_it() -> None:
    with NetworkNamespace() as namespace:
        assert namespace.python(TCX) in {"tcx\n", "clsact\n"}


@pytest.mark.parametrize("kind", ["clsact", "tcx"])
def test_the_counter_sees_what_the_tagger_writes_whichever_came_first(kind: str) -> None:
    with NetworkNamespace() as namespace:
        namespace.run("ip link add d0 type veth peer name d1")
        namespace.run("ip link set d1 up")
        namespace.run("ip link set d0 up")
        namespace.run("ip -6 address add fd01::1/64 dev d0 nodad")
        namespace.run("ip -6 neighbour add fd01::2 lladdr 02:00:00:00:00:02 dev d0")
        used, plain, tagged, packets, after = namespace.python(BOTH, kind).split()
        assert used in {kind, "clsact"}  # the kernel may be older than tcx
        assert (plain, packets, after) == ("0", "1", "0")
        assert int(tagged) > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "0 True"),
        (["foreign"], "0 True"),  # between the two
        (["unnamed"], "1 True"),  # behind: the one ahead may be the tagger
        (["unnamed", "foreign"], "2 False 1 True"),  # and one step forward, not two
    ],
)
def test_the_counter_that_comes_second_sees_what_the_tagger_writes(words: list[str], expected: str) -> None:
    with NetworkNamespace() as namespace:
        if namespace.python(TCX) != "tcx\n":
            pytest.skip("the kernel is older than tcx")
        namespace.run("ip link add d0 type veth peer name d1")
        namespace.run("ip link set d1 up")
        namespace.run("ip link set d0 up")
        namespace.run("ip -6 address add fd01::1/64 dev d0 nodad")
        namespace.run("ip -6 neighbour add fd01::2 lladdr 02:00:00:00:00:02 dev d0")
        assert namespace.python(TAGGER_FIRST, "tcx", *words).split() == expected.split()


def test_programs_attached_without_a_link_are_read() -> None:
    with NetworkNamespace() as namespace:
        if namespace.python(TCX) != "tcx\n":
            pytest.skip("the kernel is older than tcx")
        assert namespace.python(WITHOUT_LINK).split() == ["0", "True", "1", "False", "0", "True"]


def test_a_fault_of_the_kernel_names_what_was_tried() -> None:
    assert str(BpfError("attaching by tcx", 19)) == "attaching by tcx: No such device"
