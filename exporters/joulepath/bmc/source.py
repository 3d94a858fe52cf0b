# SPDX-License-Identifier: Apache-2.0
"""What the sources of both protocols have in common: a name, the vendors' data, a clock, and named errors."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypedDict

from joulepath.bmc.reading import BmcReading
from joulepath.bmc.vendors import Vendors, shipped
from joulepath.errors import JoulepathError


class Common(TypedDict, total=False):
    """What both may be given."""

    vendors: Vendors
    clock: Callable[[], float]


class BmcSource(ABC):
    """One BMC, under its configured `name`."""

    collector: ClassVar[str]
    """redfish or ipmi."""

    def __init__(
        self, name: str, *, vendors: Vendors | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._vendors = vendors or shipped()
        self._clock = clock

    async def read(self) -> BmcReading:
        """All readings of one poll. Raises JoulepathError that begins with the BMC's name."""
        try:
            return await self._polled()
        except JoulepathError as error:
            raise JoulepathError(f"{self._name}: {error}") from error

    @abstractmethod
    async def close(self) -> None:
        """Ends the session in the BMC."""

    @abstractmethod
    async def _polled(self) -> BmcReading:
        """One poll. Raises JoulepathError without the name."""
