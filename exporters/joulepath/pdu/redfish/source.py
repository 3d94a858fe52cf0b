# SPDX-License-Identifier: Apache-2.0
"""One PDU, power shelf or transfer switch over Redfish, as a source of the same readings as over SNMP."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

from joulepath.bmc.redfish.service.items import Resource
from joulepath.bmc.redfish.service.tree import RedfishConnection, Tree
from joulepath.errors import JoulepathError
from joulepath.pdu.redfish.layout import EquipmentLayout, survey
from joulepath.pdu.redfish.value import value
from joulepath.pdu.source import PduReading, names_within, rows_of
from joulepath.pdu.survey.belief import Belief
from joulepath.pdu.survey.layout import Cell
from joulepath.pdu.survey.reading import ReadingKey
from joulepath.reading.bounds import BEYOND, MAX_ROWS
from joulepath.reading.register import Registers
from joulepath.reading.rejected import NotMeasuredError

SURVEY_SECONDS = 3600.0
"""The time after which names and members are read again; at once if another unit answers."""
INCOMPLETE_SECONDS = 600.0
"""The same where a part of the tree could not be read."""
POLL_SECONDS = 300.0
"""A poll, with a survey before it, that takes longer is given up."""


class RedfishPduSource:
    """One service, under its configured `name`; `registers` are shared by sources of one name."""

    def __init__(
        self,
        name: str,
        client: RedfishConnection,
        *,
        registers: Registers | None = None,
        clock: Callable[[], float] = time.monotonic,
        max_rows: int = MAX_ROWS,
    ) -> None:
        self._name = name
        self._client = client
        self._clock = clock
        self._layout: EquipmentLayout | None = None
        self._surveyed = 0.0
        self._belief = Belief(name, {} if registers is None else registers, max_rows)

    async def read(self) -> PduReading:
        """All readings of one poll. Raises JoulepathError that begins with the device's name."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                return await self._read()
        except TimeoutError:
            raise JoulepathError(f"{self._name}: the poll took longer than {POLL_SECONDS:g} s") from None
        except JoulepathError as error:
            raise JoulepathError(f"{self._name}: {error}") from error

    async def close(self) -> None:
        """Ends the session."""
        await self._client.close()

    async def _read(self) -> PduReading:
        layout = await self._current_layout()
        resources = await self._resources(layout)
        if any(_serial(resources.get(uri, {})) not in {"", unit.serial} for uri, unit in layout.units.items()):
            self._layout = None  # another unit answers there
            layout = await self._current_layout()
            resources = await self._resources(layout)
        read_at = self._clock()
        numbers: dict[ReadingKey, tuple[Cell, float]] = {}
        rejected: Counter[str] = Counter()
        for row in layout.rows:
            if not {row.uri, row.sensor} - {""} <= resources.keys():
                rejected["unreadable"] += row.stated
                continue
            try:
                number = value(row, resources)
            except NotMeasuredError as reason:
                rejected[str(reason)] += 1
                continue
            if number is not None:
                numbers.setdefault(ReadingKey(row.level, row.label, row.quantity), (layout.cells[row], number))
        device = tuple(sorted((uri, unit.serial) for uri, unit in layout.units.items()))
        beyond = self._belief.find_excess(rows_of(numbers, layout.names), read_at)
        if beyond:
            numbers = {key: cell for key, cell in numbers.items() if key[:2] not in beyond}
            rejected[BEYOND] = len(beyond)
        values, contradicted = self._belief.accept(device, numbers, read_at)
        if contradicted:
            rejected["contradicted"] = contradicted
        if not values and not contradicted:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no values"
            raise JoulepathError(f"answers but measures nothing ({reasons}): does this model have a meter?")
        return PduReading(
            values=values,
            names=names_within(layout.names, beyond),
            vendor=layout.vendor,
            profile="redfish",
            units=tuple(layout.units.values()),
            rejected=rejected,
        )

    async def _current_layout(self) -> EquipmentLayout:
        now = self._clock()
        lasts = SURVEY_SECONDS if self._layout is None or self._layout.complete else INCOMPLETE_SECONDS
        if self._layout is None or now - self._surveyed >= lasts:
            layout = await survey(self._client.get)
            if self._layout is None or layout.complete or len(layout.rows) >= len(self._layout.rows):
                self._layout = layout  # the resources found before still exist
            self._surveyed = now
        return self._layout

    async def _resources(self, layout: EquipmentLayout) -> Mapping[str, Resource]:
        """Reads the resources of this poll, by URI: collections as a whole where the service expands them."""
        tree = Tree(self._client.get)
        resources: dict[str, Resource] = {}
        for page in await asyncio.gather(*(tree.uris(uri) for uri in layout.expanded)):
            resources |= {uri: resource for uri, resource in page.items() if len(resource) > 1}
        wanted = (
            {row.uri for row in layout.rows} | {row.sensor for row in layout.rows if row.sensor} | set(layout.units)
        )
        missing = sorted(wanted - resources.keys())
        read = await asyncio.gather(*(tree.read(uri) for uri in missing))
        return resources | {uri: resource for uri, resource in zip(missing, read, strict=True) if resource}


def _serial(unit: Resource) -> str:
    serial = unit.get("SerialNumber")
    return serial.strip() if isinstance(serial, str) else ""
