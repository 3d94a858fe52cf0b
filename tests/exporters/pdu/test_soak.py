# SPDX-License-Identifier: Apache-2.0
"""Hours of polling in a minute: the engine's caches and the poller's state do not grow."""

import resource
from collections.abc import Mapping

import pytest

from joulepath.pdu.schema import Profile
from joulepath.pdu.source import PduSource
from joulepath_lab.apc import rpdu2_objects
from joulepath_lab.snmp_agent import Agent

from .conftest import client, run

pytestmark = pytest.mark.long

POLLS = 1000


def resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # a file of /proc
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def test_memory_does_not_grow_with_polls(profiles: Mapping[str, Profile]) -> None:
    async def polls(source: PduSource, count: int) -> None:
        for _ in range(count):
            await source.read()

    with Agent(rpdu2_objects(lambda: {1: ("robot", 40.0)})) as agent:
        source = PduSource("pdu-1", client(agent.address), profiles)
        run(polls(source, POLLS))
        before = resident_kib()
        run(polls(source, POLLS))
        assert resident_kib() - before < 1024
        run(source.close())
