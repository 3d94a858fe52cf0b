# SPDX-License-Identifier: Apache-2.0
"""Get Power Reading of DCMI 1.5, section 6.6.1: the platform's power as its BMC measures it."""

import struct
from dataclasses import dataclass

from joulepath.bmc.choice.contradictions import PowerStatistics
from joulepath.bmc.quantity import ALL_BITS
from joulepath.reading.rejected import NotMeasuredError

NETFN, COMMAND = 0x2C, 0x02
GROUP = 0xDC
REQUEST = (GROUP, 0x01, 0x00, 0x00)
"""Group extension, mode (system power statistics), attributes, reserved."""

_ACTIVE = 0x40


@dataclass(frozen=True)
class PowerReading:
    """Watts now and over the reporting period [s], which ends at `timestamp` (seconds since the epoch)."""

    current: int
    minimum: int
    maximum: int
    average: int
    timestamp: int
    period: float
    active: bool
    """Whether the BMC says that it measures. OpenBMC did not say so until 2023, beside a valid reading."""

    @classmethod
    def parse(cls, data: bytes) -> "PowerReading":
        """The response after its completion code. Raises NotMeasuredError."""
        if len(data) < 18 or data[0] != GROUP:
            raise NotMeasuredError("malformed")
        current, minimum, maximum, average, timestamp, period, state = struct.unpack_from("<HHHHIIB", data, 1)
        return cls(current, minimum, maximum, average, timestamp, period / 1000, bool(state & _ACTIVE))

    @property
    def watts(self) -> int:
        """The power now. Raises NotMeasuredError where it is not measured."""
        if not self.active and not 0 < self.minimum <= self.current <= self.maximum:
            raise NotMeasuredError("inactive")
        if self.maximum == 0:
            raise NotMeasuredError("never_read")
        if self.current in ALL_BITS:
            raise NotMeasuredError("implausible")
        return self.current

    @property
    def source(self) -> str:
        """The name of the source: its numbers count for less where the BMC says that it does not measure."""
        return "dcmi" if self.active else "dcmi_inactive"

    @property
    def past(self) -> PowerStatistics | None:
        """The reading's own minimum, maximum and period; None if they are unusable."""
        if not self.minimum <= self.maximum or not self.maximum or self.maximum in ALL_BITS or not self.period:
            return None
        return PowerStatistics(self.minimum, self.maximum, self.period)
