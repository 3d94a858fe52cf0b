# SPDX-License-Identifier: Apache-2.0
"""Keeps the answers that a survey got, so that a slow survey goes on where it stopped."""

from collections.abc import Callable, Mapping, Sequence

from joulepath.pdu.snmp.client import Oid, SnmpClient, Value


class PausedError(Exception):
    """The survey's time for this poll is over; the answers so far are kept."""


class Notebook:
    """A client that asks its own for each object and each column once. Past its `deadline` it asks nothing more."""

    def __init__(self, client: SnmpClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._objects: dict[Oid, Value] = {}
        self._columns: dict[Oid, Mapping[Oid, Value]] = {}
        self.heard = clock()
        """When the device answered last, monotonic seconds."""
        self.deadline = float("inf")
        """When `PausedError` is raised in place of a request, monotonic seconds. A request under way is not cut."""

    def __len__(self) -> int:
        """Objects and columns that are known."""
        return len(self._objects) + len(self._columns)

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `SnmpClient.get`."""
        new = [oid for oid in oids if oid not in self._objects]
        if new:
            self._in_time()
            self._objects |= await self._client.get(new)
            self.heard = self._clock()
        return {oid: self._objects[oid] for oid in oids}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `SnmpClient.walk`."""
        if column not in self._columns:
            self._in_time()
            self._columns[column] = await self._client.walk(column, repetitions)
            self.heard = self._clock()
        return self._columns[column]

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        await self._client.close()

    def _in_time(self) -> None:
        if self._clock() >= self.deadline:
            raise PausedError
