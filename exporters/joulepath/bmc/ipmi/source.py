# SPDX-License-Identifier: Apache-2.0
"""Reads one BMC over IPMI, in pyghmi's thread: DCMI's power reading, power sensors, volts times amperes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Unpack

from joulepath.bmc.choice.best import PATIENCE_SECONDS
from joulepath.bmc.choice.boxes import Boxes
from joulepath.bmc.choice.contradictions import Contradictions
from joulepath.bmc.choice.supplies import contradiction
from joulepath.bmc.ipmi import dcmi
from joulepath.bmc.ipmi.client import THREAD, IpmiBusyError, IpmiClient, IpmiFaultError, PyghmiClient, UnsupportedError
from joulepath.bmc.ipmi.sensors import SOURCES, IpmiSensor, Role, Sums, sensors
from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading, Box, ChassisPart, Row
from joulepath.bmc.source import BmcSource, Common
from joulepath.errors import JoulepathError
from joulepath.reading.bounds import MAX_ROWS
from joulepath.reading.energy import MAX_WATTS
from joulepath.reading.rejected import NotMeasuredError

SYSTEM = Box("chassis", "system")
"""IPMI knows no chassis by name: a BMC is one system."""

SURVEY_SECONDS = 6 * 3600.0
"""The time after which the list of sensors is read again, as it is when the BMC was away."""
RETRY_SECONDS = 600.0
"""The time after which a feature that the BMC denied is asked for again: it may have been starting."""
CHASSIS_STATUS, POWER_IS_ON = (0x00, 0x01, ()), 0x01
"""Get Chassis Status, and the bit of its first byte."""
SLOW_SECONDS = 0.5
"""A list of sensors takes hundreds of requests: if a BMC is this slow, it is read only when DCMI gives no power."""
BACK_OFF_SECONDS = 15.0, 240.0
"""Shortest and longest wait before a silent BMC is tried again: it holds up all others for 5 s."""


class IpmiSource(BmcSource):
    """One BMC over IPMI."""

    collector = "ipmi"

    def __init__(self, name: str, client: IpmiClient, **common: Unpack[Common]) -> None:
        super().__init__(name, **common)
        self._client = client
        self._boxes = Boxes(name)
        self._boxes.take_survey({SYSTEM.name: SYSTEM})
        self._contradictions = Contradictions()
        self._sums = Sums()
        self._foreign: dict[Role, str] = {}
        self._dcmi_due = self._list_due = self._dcmi_read = 0.0
        self._spared = False
        self._worked = False
        self._sensors: Sequence[IpmiSensor] | None = None
        self._faults = 0
        self._fault: tuple[float, str] | None = None

    @classmethod
    def with_pyghmi(
        cls,
        name: str,
        host: str | None,
        port: int,
        login: Login,
        privilege: str,
        *,
        max_rows: int = MAX_ROWS,
    ) -> "IpmiSource":
        """The BMC at `host`, or this machine's own without one."""
        return cls(name, PyghmiClient(host, port, login, privilege), max_rows=max_rows)

    async def close(self) -> None:
        """Ends an abandoned poll that is still running, then the session."""
        self._client.end()
        await asyncio.get_running_loop().run_in_executor(THREAD, self._client.close)

    def _keep(self, rows: Collection[Row]) -> None:
        """Does nothing: all state belongs to sensors that the BMC lists now."""

    async def _poll(self) -> BmcReading:
        return await asyncio.get_running_loop().run_in_executor(THREAD, self._read)

    def _read(self) -> BmcReading:
        if self._fault is not None and self._clock() < self._fault[0]:
            raise IpmiFaultError(self._fault[1])
        try:
            reading = self._measure()
        except UnsupportedError:
            raise
        except IpmiFaultError as error:
            first, most = BACK_OFF_SECONDS
            self._fault = (self._clock() + min(first * 2**self._faults, most), str(error))
            self._dcmi_due = self._list_due = 0.0  # another model may answer at the address
            self._faults += 1
            raise
        self._faults, self._fault = 0, None
        return reading

    def _measure(self) -> BmcReading:
        now = self._clock()
        rejected: Counter[str] = Counter()
        busy: set[str] = set()
        candidates = self._dcmi_watts(now, rejected, busy)
        if candidates:
            self._dcmi_read = now
            if self._sensors is None and self._slow():
                self._sensors, self._list_due, self._spared = (), now + SURVEY_SECONDS, True
        elif self._spared and now - self._dcmi_read >= PATIENCE_SECONDS:
            self._list_due, self._spared = now, False
        values: dict[str, float] = {}
        answered: set[str] = set()
        try:
            self._list(now)
            values, answered = self._sensor_values(now, rejected, busy)
        except IpmiFaultError:
            if not candidates:
                raise
            self._sensors, self._list_due = self._sensors or (), now + RETRY_SECONDS
        candidates |= self._sums.watts(self._sensors or (), values, answered)
        if 0 in candidates.values() and self._is_on():
            rejected["zero_while_on"] += sum(watts == 0 for watts in candidates.values())
            candidates = {source: watts for source, watts in candidates.items() if watts}
        source = self._boxes.choose(SYSTEM.name, candidates, now, busy)
        if not any((candidates, values)):
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no values"
            raise JoulepathError(f"answers but measures no power ({reasons}): neither DCMI nor power sensors")
        total = candidates[source] if source else None
        return BmcReading(
            collector=self.collector,
            power={} if total is None else {SYSTEM: total},
            sources={SYSTEM: source} if source else {},
            up=self._boxes.up,
            psu_input=self._own("psu_input", values, total, rejected),
            psu_output=self._own("psu_output", values, total, rejected),
            rejected=rejected,
        )

    def _dcmi_watts(self, now: float, rejected: Counter[str], busy: set[str]) -> dict[str, float]:
        """The power by DCMI under the name of its source; empty if DCMI gives no power."""
        if now < self._dcmi_due:
            return {}
        try:
            reading = dcmi.PowerReading.parse(self._client.raw(dcmi.NETFN, dcmi.COMMAND, dcmi.REQUEST))
            watts = reading.watts
        except NotMeasuredError as reason:
            rejected[str(reason)] += 1
        except UnsupportedError as error:
            # A BMC that starts says so of a command that it will have in a minute.
            if isinstance(error, IpmiBusyError) or self._worked:
                rejected["unreadable"] += 1
                busy.add("dcmi")
            else:
                self._dcmi_due = now + RETRY_SECONDS
        else:
            self._worked = True
            if not self._contradictions.rejects("dcmi", watts, reading.past, now):
                return {reading.source: watts}
            rejected["contradicted"] += 1
        return {}

    def _is_on(self) -> bool:
        """Whether the system's power is on (IPMI 2.0, section 28.2): 0 W means off, or no meter."""
        try:
            return bool(self._client.raw(*CHASSIS_STATUS)[0] & POWER_IS_ON)
        except (UnsupportedError, IndexError):
            return False

    def _slow(self) -> bool:
        """Whether one request takes long; the login before the first one does not count."""
        began = self._clock()
        with contextlib.suppress(UnsupportedError):
            self._client.raw(dcmi.NETFN, dcmi.COMMAND, dcmi.REQUEST)
        return self._clock() - began > SLOW_SECONDS

    def _list(self, now: float) -> None:
        """Reads the list of sensors where that is due; the former one stays where the BMC cannot tell."""
        if self._sensors is not None and now < self._list_due:
            return
        try:
            self._sensors = sensors(self._client.sensors(), self._vendors)
            self._list_due = now + SURVEY_SECONDS
        except UnsupportedError:
            self._sensors = self._sensors or ()
            self._list_due = now + RETRY_SECONDS

    def _sensor_values(self, now: float, rejected: Counter[str], busy: set[str]) -> tuple[dict[str, float], set[str]]:
        """Values by key, and the keys of all sensors except those that the BMC marks as without a reading."""
        values: dict[str, float] = {}
        answered: set[str] = set()
        for sensor in self._sensors or ():
            source = SOURCES.get(sensor.role)
            if source is not None and not self._boxes.asks(SYSTEM.name, source, now):
                continue
            answered.add(sensor.key)
            try:
                number = self._client.sensor(sensor.key)
            except IpmiBusyError:
                rejected["unreadable"] += 1
                if source is not None or sensor.role == "psu_input":
                    busy.add(source or "psu_input")
                continue
            except NotMeasuredError as reason:
                rejected[str(reason)] += 1
                continue
            if number is None:
                answered.remove(sensor.key)
            elif 0 <= number <= MAX_WATTS:
                values[sensor.key] = number
            else:
                rejected["implausible"] += 1
        return values, answered

    def _own(
        self, role: Role, values: Mapping[str, float], total: float | None, rejected: Counter[str]
    ) -> Mapping[ChassisPart, float]:
        """Inputs or outputs of the system's own supplies; none of those that several nodes share."""
        readings = self._by_part(role, values)
        if total is not None:
            self._foreign[role] = contradiction({part.name: watts for part, watts in readings.items()}, total)
        if self._foreign.get(role):
            rejected[self._foreign[role]] += len(readings)
            return {}
        return readings

    def _by_part(self, role: Role, values: Mapping[str, float]) -> dict[ChassisPart, float]:
        return {
            ChassisPart(SYSTEM.name, sensor.part): values[sensor.key]
            for sensor in self._sensors or ()
            if sensor.role == role and sensor.key in values
        }
