# SPDX-License-Identifier: Apache-2.0
"""The lab's namespaces and links: every node reaches every link, and a link is silent but for a test's own packets."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulepath_lab.network import chain, ioam, isolation
from joulepath_lab.network.chain import Link
from joulepath_lab.network.namespace import NetworkNamespace

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]


def here() -> str:
    """The network namespace of the calling thread."""
    return str(Path("/proc/thread-self/ns/net").readlink())


def test_every_node_of_a_chain_reaches_every_address() -> None:
    links = [Link(f"e{number}", f"fd0{number}::1", f"w{number}", f"fd0{number}::2") for number in range(1, 4)]
    with ExitStack() as stack:
        nodes = [stack.enter_context(NetworkNamespace()) for _ in range(4)]
        chain.join(nodes, links)
        for node in nodes:
            for link in links:
                node.reach(link.near_address)
                node.reach(link.far_address)


def test_a_link_is_silent() -> None:
    with chain.two_hosts() as (a, b):
        a.reach("fd01::2")
        time.sleep(0.5)  # for the reports at the start, on a busy machine
        before = b.run("cat /proc/net/dev")
        time.sleep(3)  # the kernel would report multicast groups within two seconds
        assert b.run("cat /proc/net/dev") == before


def test_the_thread_returns_to_its_namespace() -> None:
    began = here()
    with NetworkNamespace() as namespace:
        with pytest.raises(LookupError), namespace.entered():
            raise LookupError
        assert here() == began
        with namespace.entered():
            inside = here()
            with namespace.ip():
                assert here() == inside
            assert here() == inside
        assert here() == began != inside
        assert namespace.run("readlink /proc/self/ns/net").strip() == inside


def test_a_closed_namespace_is_gone() -> None:
    """With one end the kernel removes the other end of a link."""
    with NetworkNamespace() as stays:
        gone = NetworkNamespace()
        stays.join("va", gone, "vb")
        assert "va" in stays.run("cat /proc/net/dev")
        gone.close()
        end = time.monotonic() + 30
        while "va" in stays.run("cat /proc/net/dev"):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_the_kernel_stamps_for_root_alone() -> None:
    with NetworkNamespace() as namespace:
        assert ioam.stamp(namespace, 7, ["lo"])
        assert namespace.run("cat /proc/sys/net/ipv6/ioam6_id").strip() == "7"
    if reason := isolation.refusal(rootless=True):
        pytest.skip(reason)
    script = (
        "from joulepath_lab.network import ioam; from joulepath_lab.network.namespace import NetworkNamespace\n"
        "print(ioam.stamp(NetworkNamespace(), 7, ['lo']))"
    )
    command = isolation.command([sys.executable, "-c", script], rootless=True)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout == "False\n"
