# SPDX-License-Identifier: Apache-2.0
"""A report made by hand: what writers of formats are tested with. Its numbers add up.

Two sites: a factory with a server (host `gpu`) and a mast with a radio. Application `camera` and `robot` use both.
"""

from joulepath_report.model import Column, Edge, Report, Step, Table

BEGIN = 1795824000.0  # 2026-11-28 00:00:00 UTC
HOUR = 3600.0


def energy(joules: float) -> tuple[float, float]:
    """In J and in kWh."""
    return joules, joules / 3.6e6


ENERGY = (Column("energy_joules", "energy", "J"), Column("energy_kwh", "energy", "kWh"))

APPLICATIONS = Table(
    "applications",
    "Applications",
    (
        Column("application", "application"),
        *ENERGY,
        Column("static_joules", "static", "J", short=False),
        Column("dynamic_joules", "dynamic", "J", short=False),
        Column("undivided_joules", "undivided", "J", short=False),
        Column("co2_location_grams", "CO2 (location)", "g"),
        Column("coverage", "coverage", "ratio"),
        Column("measured", "measured", "ratio", short=False),
        Column("joules_per_token", "per token", "J/unit", short=False),
    ),
    (
        ("camera", *energy(1_800_000), 600_000, 1_200_000, 0, 190.0, 1.0, 1.0, 2.5),
        ("robot_2 & 3", *energy(720_000), 400_000, 320_000, 0, 76.0, 0.75, 0.5, None),
        ("unattributed", *energy(1_080_000), 1_000_000, 80_000, 0, 114.0, 1.0, 1.0, None),
    ),
    "Energy of each application, with the meters' total in the last row.",
    ("total", *energy(3_600_000), 2_000_000, 1_600_000, 0, 380.0, None, None, None),
)

COMPONENTS = Table(
    "components",
    "Components",
    (Column("component", "component"), Column("host", "host"), *ENERGY, Column("coverage", "coverage", "ratio")),
    (
        ("qwen", "gpu", *energy(2_000_000), 1.0),
        ("cell", "radio", *energy(1_000_000), 0.75),
        ("unattributed", "gpu", *energy(600_000), 1.0),
    ),
    "A component on several hosts has a row for each.",
    ("total", None, *energy(3_600_000), None),
    names=2,
)

DAYS = Table(
    "days",
    "Days",
    (Column("day", "day (UTC)"), Column("application", "application"), *ENERGY),
    (
        ("2026-11-28", "camera", *energy(1_800_000)),
        ("2026-11-28", "robot_2 & 3", *energy(720_000)),
        ("2026-11-28", "unattributed", *energy(1_080_000)),
    ),
    "",
    ("total", None, *energy(3_600_000)),
    names=2,
)

BUDGETS = Table(
    "budgets",
    "Budgets",
    (
        Column("budget", "budget"),
        Column("application", "application"),
        Column("per", "per"),
        Column("used_joules", "used", "J"),
        Column("limit_joules", "limit", "J"),
        Column("used", "used part", "ratio"),
    ),
    (("camera-day", "camera", "day", 1_800_000, 2_000_000, 0.9), ("robot-day", "robot_2 & 3", "day", None, 1e6, None)),
    "State at the end of the period.",
)

FLOW = (
    Edge("factory", "gpu", 2_600_000, "host"),
    Edge("mast", "radio", 1_000_000, "host"),
    Edge("gpu", "qwen", 2_000_000, "component"),
    Edge("gpu", "unattributed", 600_000, "component"),
    Edge("radio", "cell", 1_000_000, "component"),
    Edge("qwen", "camera", 1_500_000, "application"),
    Edge("qwen", "robot_2 & 3", 20_000, "application"),
    Edge("qwen", "unattributed", 480_000, "application"),
    Edge("cell", "camera", 300_000, "application"),
    Edge("cell", "robot_2 & 3", 700_000, "application"),
    Edge("unattributed", "unattributed", 600_000, "application"),
)

STEPS = tuple(
    Step(BEGIN + number * HOUR, HOUR, application, watts * (1 + number % 3 / 10))
    for number in range(24)
    for application, watts in (("camera", 21.0), ("robot_2 & 3", 8.5), ("unattributed", 12.5))
    if not (application == "robot_2 & 3" and 8 <= number < 14)
)

REPORT = Report(
    topology="factory",
    hash="0123456789ab",
    version="0.5.0",
    begin=BEGIN,
    end=BEGIN + 24 * HOUR,
    method=(
        "Power is measured at the plugs of 2 hosts and divided among 2 components and 2 applications.",
        "The policy is packets-bytes: static power follows packets, dynamic power follows bytes.",
    ),
    notes=("robot_2 & 3 was known for 75 % of the period: the rest is charged with its mean.",),
    tables=(APPLICATIONS, COMPONENTS, DAYS, BUDGETS),
    flow=FLOW,
    steps=STEPS,
)
