# SPDX-License-Identifier: Apache-2.0
"""Whether EnvironmentMetrics measures the chassis or repeats a sensor, which may be coarser than the older resource."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from joulepath.bmc.redfish.service.items import Item, Resource, resolve, value
from joulepath.bmc.redfish.survey.doubts import step_of
from joulepath.bmc.vendors import Vendors
from joulepath.reading.rejected import NotMeasuredError

Found = tuple[Item, Resource]
"""An item with the resource that it was found in."""

AGREES, DIFFERS = 0.02, 0.05
"""Parts of the supplies' input by which a source is as good as they are, or is not of the same thing."""


def rank(pairs: Sequence[Found], copy_of: Resource, vendors: Vendors) -> list[Found]:
    """The items, that of EnvironmentMetrics under the source's name by which it ranks.

    `copy_of` is the sensor that it names as its source, with its URI; empty where it names none.
    """
    return [
        (replace(item, source=_environment(item, resource, pairs, copy_of, vendors)), resource)
        if item.source == "environment_metrics"
        else (item, resource)
        for item, resource in pairs
    ]


def _environment(item: Item, resource: Resource, pairs: Iterable[Found], copy_of: Resource, vendors: Vendors) -> str:
    watts = _watts(item, resource)
    of_source = {
        other.source: _watts(other, where)
        for other, where in pairs
        if other.quantity == "power" and not _is_disabled(other, where)
    }
    if not copy_of:
        # Some repeat a sensor without saying so.
        return "sdr" if watts is not None and watts == of_source.get("sdr") else item.source
    name = f"{copy_of.get('@odata.id')} {copy_of.get('Name')}".rpartition("/")[2]
    if step_of(copy_of) or vendors.names_coarse(name):
        return "sdr"
    control = of_source.get("power_control")
    if watts is None or control is None or not watts.is_integer():
        return item.source
    inputs = {other.part: _watts(other, where) for other, where in pairs if other.quantity == "psu_input"}
    total = sum(taken for taken in inputs.values() if taken is not None)
    if abs(watts - total) <= AGREES * total and abs(control - total) > DIFFERS * total:
        return item.source
    return "environment_sensor"


def _is_disabled(item: Item, resource: Resource) -> bool:
    """Whether the holder of the item says that it does not work (Gigabyte: a PowerControl of 100 W beside 196 W)."""
    holder, _ = resolve(resource, item.pointer)
    return bool(resolve(holder, ("Status", "State"))[1] == "Disabled")


def _watts(item: Item, resource: Resource) -> float | None:
    try:
        return float(value(item, resource))
    except NotMeasuredError:
        return None
