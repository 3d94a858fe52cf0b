# SPDX-License-Identifier: Apache-2.0
"""One reading of power equipment over Redfish: an excerpt of a sensor, or the sensor that the excerpt names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from joulepath.bmc.quantity import JOULES_PER_KWH
from joulepath.bmc.redfish.service.items import Resource, number
from joulepath.bmc.redfish.service.tree import look_up, source_of
from joulepath.bmc.redfish.survey.sensors import READINGS, measures_energy, measures_other, scale_of
from joulepath.pdu.profiles.quantity import PLAUSIBLE, LevelName, QuantityName
from joulepath.reading.rejected import NotMeasuredError

EXCERPTS: Mapping[QuantityName, tuple[str, ...]] = {
    "power": ("PowerWatts", "InputPowerWatts"),
    "apparent_power": ("PowerWatts", "InputPowerWatts"),
    "power_factor": ("PowerWatts",),
    "current": ("CurrentAmps", "InputCurrentAmps"),
    "voltage": ("Voltage", "InputVoltage"),
    "meter_energy": ("EnergykWh",),
}
"""The properties of each quantity in the schemas Circuit, Outlet, PowerDistributionMetrics and PowerSupplyMetrics."""

_VALUES: Mapping[QuantityName, tuple[str, ...]] = {
    "apparent_power": ("ApparentVA",),
    "power_factor": ("PowerFactor",),
    "meter_energy": READINGS,
}


@dataclass(frozen=True)
class EquipmentRow:
    """One quantity of an inlet, phase, branch or outlet."""

    unit: str
    """URI of the PDU that it belongs to."""
    level: LevelName
    quantity: QuantityName
    label: str
    uri: str
    excerpt: tuple[str, ...]
    """Path of the excerpt in the resource."""
    sensor: str = ""
    """URI of the sensor to read instead, where the excerpt has no reading itself; else empty."""
    stated: bool = False
    """Whether there was a reading when the device was surveyed."""

    def found_in(self, resource: Resource) -> "EquipmentRow":
        """Takes the resource's present reading: its own, or that of the sensor that it names as its source."""
        own = [key for key in ("Reading", *_keys(self.quantity)) if look_up(resource, *self.excerpt, key) is not None]
        sensor = "" if own else source_of(look_up(resource, *self.excerpt))
        return replace(self, sensor=sensor, stated=bool(sensor) or any(key in own for key in _keys(self.quantity)))


def _keys(quantity: QuantityName) -> tuple[str, ...]:
    return _VALUES.get(quantity, ("Reading",))


def value(row: EquipmentRow, resources: Mapping[str, Resource]) -> float | None:
    """The reading in the metric's unit, None where the resource lacks it. Raises NotMeasuredError."""
    holder: object = look_up(resources.get(row.uri, {}), *row.excerpt)
    scale = JOULES_PER_KWH if row.quantity == "meter_energy" else 1.0
    if row.sensor:
        sensor = resources.get(row.sensor, {})
        holder = sensor
        if row.quantity in ("power", "meter_energy") and measures_other(sensor):
            raise NotMeasuredError("implausible")
        if (row.quantity == "meter_energy" and measures_energy(sensor)) or row.quantity == "power":
            scale = scale_of(sensor)
    if not isinstance(holder, dict):
        return None
    stated = next((holder[key] for key in _keys(row.quantity) if holder.get(key) is not None), None)
    if stated is None or look_up(holder, "Status", "State") == "Absent":
        return None
    reading = number(stated)
    if reading is None:
        raise NotMeasuredError("not_a_number")
    low, high = (limit / scale for limit in PLAUSIBLE[row.quantity])
    if not low <= reading <= high:  # NaN, infinities, and whole numbers that no float holds fail this too
        raise NotMeasuredError("implausible")
    return reading * scale
