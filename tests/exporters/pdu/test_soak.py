# SPDX-License-Identifier: Apache-2.0
"""Half a day of polling in minutes, with what devices do wrong mixed in: nothing grows."""

import asyncio
import logging
import os
import resource
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Limits, SnmpEndpoint
from joulepath.pdu.snmp.clients import Clients
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.source import PduSource
from joulepath.reading.poller import Poller, Target
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent

pytestmark = pytest.mark.long

logger = logging.getLogger(__name__)

POLLS = 10_000
FAULT_EVERY = 20
FAULTS = ("silent", "garbage", "circles", "wrong types", "swapped")


class Faulty(Agent):
    """A PDU with three outlets that does what `fault` says; "swapped" is another one of the same model."""

    def __init__(self) -> None:
        outlets = {number: (f"outlet {number}", 40.0 * number) for number in (1, 2, 3)}
        self._models = [
            {
                tuple(map(int, oid.split("."))): value
                for oid, value in rpdu2_objects(lambda: outlets, serial=serial).items()
            }
            for serial in ("FIRST", "SECOND")
        ]
        super().__init__({})
        self.fault = ""
        self.swap()

    def swap(self) -> None:
        """Puts the other PDU in its place."""
        self._models.reverse()
        self._objects = self._models[0]
        self._order = sorted(self._objects)

    def _answer(self, request: bytes) -> bytes | None:
        if self.fault == "silent":
            return None
        return os.urandom(40) if self.fault == "garbage" else super()._answer(request)

    def _get(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
        return super()._get(oid) if self.fault != "wrong types" else super()._get(self._order[0])

    def _after(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
        following, value = super()._after(oid)
        leaves = oid in self._objects and following[:-1] != oid[:-1]
        return super()._after(oid[:-1]) if self.fault == "circles" and leaves else (following, value)


@dataclass(frozen=True)
class Held:
    """The memory, files and threads that the process has."""

    resident_kib: int
    files: int
    threads: int
    tasks: int

    @classmethod
    def now(cls) -> "Held":
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return cls(
            pages * resource.getpagesize() // 1024,
            len(list(Path("/proc/self/fd").iterdir())),
            threading.active_count(),
            len(asyncio.all_tasks()),
        )


@pytest.mark.parametrize("library", ["gufo", "pysnmp"])
def test_polls_do_not_grow_memory_threads_or_sockets(profiles: Mapping[str, Profile], library: str) -> None:
    if library == "gufo":
        pytest.importorskip("gufo.snmp", reason="gufo-snmp is not installed (joulepath[fast])")
    seen: list[Held] = []
    results: Counter[tuple[str, bool]] = Counter()

    async def polls(agent: Faulty) -> None:
        client = Clients(library).make(
            SnmpEndpoint(*agent.address), Community("public"), Limits(timeout=0.2, retries=1)
        )
        source = PduSource("pdu-1", client, profiles)
        poller = Poller([Target("pdu-1", source, 5.0)])
        (state,) = poller._states.values()
        for number in range(POLLS):
            turn, place = divmod(number, FAULT_EVERY)
            agent.fault = FAULTS[turn % len(FAULTS)] if place == FAULT_EVERY - 1 else ""
            if agent.fault == "swapped":
                agent.swap()
            fault = await poller._poll(state)
            results[agent.fault, fault is None] += 1
            if number in {POLLS // 10, POLLS - 1}:
                seen.append(Held.now())
        await source.close()

    with Faulty() as agent:
        asyncio.run(polls(agent))
    before, after = seen
    logger.warning("%s: %s after a tenth, %s at the end, %s", library, before, after, dict(results))
    assert after.resident_kib - before.resident_kib < 2048
    assert (after.files, after.threads, after.tasks) == (before.files, before.threads, before.tasks)
    every = POLLS // FAULT_EVERY // len(FAULTS)
    assert results["", True] == POLLS - len(FAULTS) * every, "a fault lasted longer than it was there"
    assert results["swapped", True] == every
    assert all(results[fault, False] == every for fault in FAULTS if fault != "swapped")
