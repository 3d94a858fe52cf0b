# SPDX-License-Identifier: Apache-2.0
"""A day of polling in minutes: sessions, connections and the choice of source do not grow."""

import asyncio
import resource
from collections.abc import Callable

import pytest

from joulepath.bmc.redfish.source import RedfishSource
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from tests.exporters.bmc.conftest import client, legacy

pytestmark = pytest.mark.long

POLLS = 10_000


def resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # a file of /proc
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


async def _polls(source: RedfishSource, between: Callable[[int], None]) -> None:
    try:
        for number in range(POLLS):
            between(number)
            assert (await source.read()).power
    finally:
        await source.close()


def test_memory_does_not_grow_with_polls() -> None:
    seen: list[int] = []

    def between(number: int) -> None:
        if number in {POLLS // 10, POLLS - 1}:
            seen.append(resident_kib())

    power = {"PowerControl": [{"PowerConsumedWatts": 344}]}
    with RedfishServer(dict_tree(legacy(power))) as server:
        asyncio.run(_polls(RedfishSource("bmc", client(server)), between))
    assert seen[1] - seen[0] < 2048
