# SPDX-License-Identifier: Apache-2.0
"""Metrics of `joulepath carbon`. The kind of a factor is in the name, so that averages and marginal ones never mix."""

from collections.abc import Mapping

from joulepath.carbon.settings import Kind
from joulepath.metrics import Metric, Shown, gauge

ZONE = ("grid_zone", "source", "boundary")

INTENSITY: Mapping[Kind, Metric] = {
    "average": gauge(
        "grid_carbon_intensity_average_grams_per_kilowatt_hour",
        "Grams of CO2 equivalent for each kWh, as the mean over all generation: boundary is lifecycle or direct, state "
        "is estimated, settled (no longer corrected by the source) or forecast (of the present interval, made before).",
        *ZONE,
        "state",
    ),
    "marginal": gauge(
        "grid_carbon_intensity_marginal_grams_per_kilowatt_hour",
        "Grams of CO2 equivalent for one kWh more or less, by the power stations that follow the load.",
        *ZONE,
        "state",
    ),
}
UPDATED = gauge(
    "grid_carbon_intensity_updated_timestamp_seconds",
    "End of the interval that a live factor is of, or when it was read if that was before; an average of a year has "
    "none.",
    *ZONE,
    "state",
    "kind",
)
INFO = gauge(
    "grid_carbon_intensity_info",
    "Describes a factor by its kind (average, marginal), licence and attribution, and by the year of an average of a "
    "year; always 1.",
    *ZONE,
    "kind",
    "year",
    "licence",
    "attribution",
)
UP = gauge("carbon_up", "Whether the last request for a zone succeeded.", *ZONE)
LAST_READ = gauge("carbon_last_read_timestamp_seconds", "When a zone was last read successfully.", *ZONE)

METRICS: tuple[Metric, ...] = (*INTENSITY.values(), UPDATED, INFO, UP, LAST_READ)

SHOWN = tuple(Shown(f"{kind} intensity", "g/kWh", metric, adds=False) for kind, metric in INTENSITY.items())
