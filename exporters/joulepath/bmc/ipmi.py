# SPDX-License-Identifier: Apache-2.0
"""One BMC over IPMI: DCMI's power reading, power sensors, volts times amperes. Done in pyghmi's thread."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Unpack

from joulepath.bmc import dcmi
from joulepath.bmc.choice import Choice
from joulepath.bmc.ipmi_client import THREAD, BusyError, Client, IpmiFaultError, PyghmiClient, UnsupportedError
from joulepath.bmc.ipmi_sensors import NEEDED, PUBLISHED, Role, Sensor, power, sensors
from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading, Box, Part
from joulepath.bmc.redfish_items import MAX_WATTS, RejectedError
from joulepath.bmc.source import BmcSource, Common
from joulepath.errors import JoulepathError

SYSTEM = Box("chassis", "system")
"""IPMI knows no chassis by name: a BMC is one system."""

SURVEY_SECONDS = 6 * 3600.0
"""What the BMC supports and its list of sensors are asked for again after so long, and when it was away."""
SLOW_SECONDS = 0.5
"""A list of sensors is hundreds of requests: of a BMC this slow it is read only where DCMI gives no power."""
BACK_OFF_SECONDS = 15.0, 240.0
"""A silent BMC holds up all others for 5 s: it is tried again after so long, at most."""


class IpmiSource(BmcSource):
    """One BMC over IPMI."""

    collector = "ipmi"

    def __init__(self, name: str, client: Client, **common: Unpack[Common]) -> None:
        super().__init__(name, **common)
        self._client = client
        self._choice = Choice()
        self._surveyed: float | None = None
        self._dcmi = True
        self._sensors: Sequence[Sensor] | None = None
        self._faults = 0
        self._fault: tuple[float, str] | None = None

    @classmethod
    def with_pyghmi(cls, name: str, host: str | None, port: int, login: Login, privilege: str) -> "IpmiSource":
        """The BMC at `host`, or this machine's own without one."""
        return cls(name, PyghmiClient(host, port, login, privilege))

    async def close(self) -> None:
        """Ends the session, and before it what a poll that nobody waits for is still asking."""
        self._client.end()
        await asyncio.get_running_loop().run_in_executor(THREAD, self._client.close)

    async def _polled(self) -> BmcReading:
        return await asyncio.get_running_loop().run_in_executor(THREAD, self._read)

    def _read(self) -> BmcReading:
        if self._fault is not None and self._clock() < self._fault[0]:
            raise IpmiFaultError(self._fault[1])
        try:
            reading = self._measured()
        except UnsupportedError:
            raise
        except IpmiFaultError as error:
            first, most = BACK_OFF_SECONDS
            self._fault = (self._clock() + min(first * 2**self._faults, most), str(error))
            self._surveyed = None  # another model may answer at the address
            self._faults += 1
            raise
        self._faults, self._fault = 0, None
        return reading

    def _measured(self) -> BmcReading:
        if self._surveyed is None or self._clock() - self._surveyed >= SURVEY_SECONDS:
            self._dcmi, self._sensors, self._surveyed = True, None, self._clock()
        rejected: Counter[str] = Counter()
        candidates: dict[str, float] = {}
        watts = self._dcmi_watts(rejected) if self._dcmi else None
        if watts is not None:
            candidates["dcmi"] = watts
            if self._sensors is None and self._slow():
                self._sensors = ()
        values: dict[str, float] = {}
        try:
            values = self._sensor_values(rejected)
        except IpmiFaultError:
            if watts is None:
                raise
            self._sensors = self._sensors or ()  # the list could not be read: the next survey tries again
        candidates.update(power(self._sensors or (), values))
        source = self._choice.choose(candidates)
        if not any((candidates, values)):
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no values"
            raise JoulepathError(f"answers but measures no power ({reasons}): neither DCMI nor power sensors")
        return BmcReading(
            collector=self.collector,
            power={SYSTEM: candidates[source]} if source else {},
            sources={SYSTEM: source} if source else {},
            psu_input=self._by_part("psu_input", values),
            psu_output=self._by_part("psu_output", values),
            rejected=rejected,
        )

    def _dcmi_watts(self, rejected: Counter[str]) -> float | None:
        try:
            return dcmi.PowerReading.parse(self._client.raw(dcmi.NETFN, dcmi.COMMAND, dcmi.REQUEST)).watts
        except BusyError:
            rejected["unreadable"] += 1
        except UnsupportedError:
            self._dcmi = False
        except RejectedError as reason:
            rejected[str(reason)] += 1
        return None

    def _slow(self) -> bool:
        """Whether one request takes long, without the login that the first one waits for."""
        began = self._clock()
        with contextlib.suppress(UnsupportedError):
            self._client.raw(dcmi.NETFN, dcmi.COMMAND, dcmi.REQUEST)
        return self._clock() - began > SLOW_SECONDS

    def _sensor_values(self, rejected: Counter[str]) -> dict[str, float]:
        if self._sensors is None:
            try:
                self._sensors = sensors(self._client.sensors(), self._vendors)
            except UnsupportedError:
                self._sensors = ()
        asked = PUBLISHED | NEEDED.get(self._choice.current or "", frozenset())
        values: dict[str, float] = {}
        for sensor in self._sensors:
            if sensor.role not in asked and not self._choice.failing:
                continue
            try:
                found = self._client.sensor(sensor.key)
            except RejectedError as reason:
                rejected[str(reason)] += 1
                continue
            if found is None:
                continue
            if 0 <= found <= MAX_WATTS:
                values[sensor.key] = found
            else:
                rejected["implausible"] += 1
        return values

    def _by_part(self, role: Role, values: dict[str, float]) -> dict[Part, float]:
        return {
            Part(SYSTEM.name, sensor.part): values[sensor.key]
            for sensor in self._sensors or ()
            if sensor.role == role and sensor.key in values
        }
