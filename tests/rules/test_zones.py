# SPDX-License-Identifier: Apache-2.0
"""Local time in PromQL, against the time zone database."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from joulepath_rules import zones
from joulepath_topology.clocks import clock

pytestmark = pytest.mark.unit

ZONES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Havana", "America/Santiago", "Asia/Beirut",
    "Asia/Tokyo", "Africa/Cairo", "Australia/Sydney",
)  # fmt: skip
"""Both hemispheres, no change at all, changes at midnight, and those that make a midnight come twice or never."""

YEAR = 2027
FIRST = int(datetime(YEAR, 1, 1, tzinfo=UTC).timestamp())
HOURS = range(FIRST - 86400, FIRST + 366 * 86400, 3600)


def offset(zone: str, moment: int) -> int:
    """The offset by the database."""
    found = datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset()
    return int((found or timedelta()).total_seconds())


def near_changes(zone: str) -> set[int]:
    """Moments around the changes of the year, and the year's first and last ones."""
    changes = [hour for hour in HOURS if offset(zone, hour) != offset(zone, hour - 1)]
    around = {change + step for change in changes for step in (-86400, -3601, -3600, -1, 0, 1, 3599, 3600, 7200, 86400)}
    return around | {FIRST - 1, FIRST, FIRST + 1800, FIRST + 180 * 86400, FIRST + 365 * 86400 - 1}


def first_showing(zone: str, shown: int) -> int:
    """The first moment at which the clocks show this time or, where they leave it out, a later one."""
    return next(
        hour for hour in range(shown - 15 * 3600, shown + 15 * 3600, 1800) if hour + offset(zone, hour) >= shown
    )


def asked(zone: str) -> Iterator[tuple[str, int]]:
    """Expressions with the values that they must have."""
    rule = clock(zone, YEAR)
    for moment in sorted(near_changes(zone)):
        yield zones.local(rule, 0).replace("time()", str(moment)), moment + offset(zone, moment)
        yield zones.local(rule, 1).replace("time()", str(moment + 1)), moment + offset(zone, moment)
    midnights = {shown - shown % 86400 for moment in near_changes(zone) for shown in (moment - 86400, moment + 86400)}
    for shown in sorted(midnights):
        yield zones.utc(rule, f"vector({shown})"), first_showing(zone, shown)


def test_local_clocks_are_those_of_the_database(promtool: Path, tmp_path: Path) -> None:
    """Whatever a midnight is: the usual one, one that comes twice, and one that does not come."""
    tests = [
        {"expr": expr, "eval_time": "0s", "exp_samples": [{"labels": "{}", "value": value}]}
        for zone in ZONES
        for expr, value in asked(zone)
    ]
    assert len(tests) > 300
    path = tmp_path / "zones.test.yaml"
    path.write_text(json.dumps({"tests": [{"interval": "1m", "promql_expr_test": tests}]}))
    result = subprocess.run([str(promtool), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
