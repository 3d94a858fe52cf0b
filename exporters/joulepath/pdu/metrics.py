# SPDX-License-Identifier: Apache-2.0
"""Metrics of `joulepath pdu`. The metering level is in the name, since a sum over all labels must mean something."""

from collections.abc import Mapping

from joulepath.metrics import Metric, Shown, counter, gauge
from joulepath.pdu.profiles.quantity import LevelName, QuantityName

LEVELS: Mapping[LevelName, str] = {
    "inlet": "inlet",
    "phase": "phase",
    "rectifier": "rectifier (its direct current)",
    "battery": "battery (positive while it is charged)",
    "branch": "branch (bank, breaker)",
    "outlet": "outlet",
}

_QUANTITIES: Mapping[QuantityName, tuple[str, str]] = {
    "power": ("power_watts", "Active power"),
    "apparent_power": ("apparent_power_voltamperes", "Apparent power"),
    "current": ("current_amperes", "Current"),
    "voltage": ("voltage_volts", "Voltage"),
    "power_factor": ("power_factor_ratio", "Active over apparent power"),
}

GAUGES: Mapping[tuple[LevelName, QuantityName], Metric] = {
    (level, quantity): gauge(f"pdu_{level}_{suffix}", f"{what} of each {words}, as the PDU measures it.", level)
    for level, words in LEVELS.items()
    for quantity, (suffix, what) in _QUANTITIES.items()
}

ENERGY: Mapping[LevelName, Metric] = {
    level: counter(
        f"pdu_{level}_energy_joules_total",
        f"Energy of each {words} since the exporter's start: its active power integrated over the polls.",
        level,
    )
    for level, words in LEVELS.items()
}

MEASURED: Mapping[LevelName, Metric] = {
    level: counter(
        f"pdu_{level}_measured_seconds_total",
        f"Time that pdu_{level}_energy_joules_total covers; the mean power is rate(energy) / rate(this).",
        level,
    )
    for level in LEVELS
}

METER_ENERGY: Mapping[LevelName, Metric] = {
    level: counter(
        f"pdu_{level}_meter_energy_joules_total",
        f"The PDU's own energy register of each {words}, often in coarse steps such as 0.1 kWh = 360000 J.",
        level,
    )
    for level, words in LEVELS.items()
}

OUTLET_INFO = gauge("pdu_outlet_info", "The name that an outlet has in the PDU; always 1.", "outlet", "name")
INFO = gauge(
    "pdu_info",
    "Names the PDU, one sample for each linked unit, the profile that reads it, the weakest evidence for what its "
    "objects mean (recording, mib, documentation), whether its watts are measured or derived (volts times amperes of "
    "direct current), and the accuracy that the vendor states; always 1.",
    "vendor",
    "model",
    "serial",
    "firmware",
    "profile",
    "evidence",
    "method",
    "accuracy",
)
UP = gauge("pdu_up", "Whether the last poll of the PDU succeeded.")
LAST_READ = gauge("pdu_last_read_timestamp_seconds", "When the PDU was last read successfully.")
REJECTED = counter(
    "pdu_readings_rejected_total",
    "Rejected values, which gave no sample, by reason; beyond_limit counts the rows over the limit at each poll.",
    "reason",
)

METRICS: tuple[Metric, ...] = (
    *GAUGES.values(),
    *ENERGY.values(),
    *MEASURED.values(),
    *METER_ENERGY.values(),
    OUTLET_INFO,
    INFO,
    UP,
    LAST_READ,
    REJECTED,
)

SHOWN = tuple(
    Shown(level, "W", GAUGES[level, "power"], names=OUTLET_INFO if level == "outlet" else None) for level in LEVELS
)
