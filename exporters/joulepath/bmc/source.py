# SPDX-License-Identifier: Apache-2.0
"""The common base of the sources of both protocols: a name, the vendors' data, a clock, and named errors."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from typing import ClassVar, TypedDict

from joulepath.bmc.reading import BmcReading, Row
from joulepath.bmc.vendors import Vendors, load_shipped
from joulepath.errors import JoulepathError
from joulepath.reading.bounds import MAX_ROWS, Rows, Teller


class Common(TypedDict, total=False):
    """Arguments that both kinds of source take."""

    vendors: Vendors
    clock: Callable[[], float]
    max_rows: int


class BmcSource(ABC):
    """One BMC, under its configured `name`."""

    collector: ClassVar[str]
    """redfish or ipmi."""

    def __init__(
        self,
        name: str,
        *,
        vendors: Vendors | None = None,
        clock: Callable[[], float] = time.monotonic,
        max_rows: int = MAX_ROWS,
        before: Iterable[Row] = (),
    ) -> None:
        """No more than `max_rows` rows are published; `before` are those that have counters already."""
        self._name = name
        self._vendors = vendors or load_shipped()
        self._clock = clock
        self._rows: Rows[Row] = Rows(max_rows, before)
        self._teller = Teller(name, max_rows)

    async def read(self) -> BmcReading:
        """All readings of one poll. Raises JoulepathError that begins with the BMC's name."""
        try:
            reading = (await self._poll()).with_label_names()
        except JoulepathError as error:
            raise JoulepathError(f"{self._name}: {error}") from error
        read_at = self._clock()
        beyond = self._rows.take(reading.parts, read_at)
        self._teller.tell(beyond, read_at)
        self._keep(self._rows.known)
        return reading.without(beyond)

    @abstractmethod
    def _keep(self, rows: Collection[Row]) -> None:
        """Forgets the state of all rows but these."""

    @abstractmethod
    async def close(self) -> None:
        """Ends the session in the BMC."""

    @abstractmethod
    async def _poll(self) -> BmcReading:
        """One poll. Raises JoulepathError without the name."""
