# SPDX-License-Identifier: Apache-2.0
"""The figures at the end of the page beside the truth of the stand-ins."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulepath_prometheus.client import Prometheus
from scripts.first_hour.stand_ins import (
    ACTIVE_WATTS,
    APPLICATION,
    BMC_WATTS,
    BUDGET_JOULES,
    MODEL,
    OUTLETS,
    PODS,
    REQUESTS,
    TOKENS,
)

TOLERANCE = 0.01
"""Prometheus' rates are over scrapes that come some milliseconds late or early."""
EDGE_WATTS = OUTLETS[2][1] + OUTLETS[3][1]
GRAMS, PRICE = 344.14, 0.21
"""For each kWh: Germany's average of 2024 by Ember, and the EUR that the page writes."""
JOULES_PER_KWH = 3.6e6
UNATTRIBUTED = "unattributed"


@dataclass(frozen=True)
class Figure:
    """A figure and its truth; None stands for an absent figure."""

    name: str
    found: float | None
    truth: float

    @property
    def holds(self) -> bool:
        """Whether it is the truth, within the tolerance."""
        return self.found is not None and abs(self.found - self.truth) <= TOLERANCE * abs(self.truth)

    def __str__(self) -> str:
        found = "absent" if self.found is None else f"{self.found:.4g}"
        return f"{'ok  ' if self.holds else 'FAIL'} {self.name:<60} {found:>10}  truth {self.truth:.4g}"


def truths() -> Mapping[str, float]:
    """The truth of each query. A component of edge-1 has the part of its watts that Kepler gives to its pod."""
    hosts = {"gnb-1": OUTLETS[1][1], "edge-1": EDGE_WATTS, "gpu-1": float(BMC_WATTS)}
    pods = {name.partition("/")[2].partition("-")[0]: EDGE_WATTS * watts / ACTIVE_WATTS for name, watts in PODS.items()}
    components = {"gnb-1": hosts["gnb-1"], MODEL.partition("/")[2]: hosts["gpu-1"], **pods}
    per_application = {APPLICATION: hosts["gpu-1"], UNATTRIBUTED: hosts["gnb-1"] + EDGE_WATTS}
    return {
        **{f'sum(host:power_watts{{host="{name}"}})': watts for name, watts in hosts.items()},
        **{f'sum(component:power_watts{{component="{name}"}})': watts for name, watts in components.items()},
        **{f'sum(application:power_watts{{application="{name}"}})': watts for name, watts in per_application.items()},
        'sum(pdu_outlet_power_watts{instance="pdu-1"})': sum(watts for _, watts in OUTLETS.values()),
        'bmc_chassis_power_watts{instance="gpu-1"}': float(BMC_WATTS),
        f'application:joules_per_token{{application="{APPLICATION}"}}': BMC_WATTS / TOKENS,
        f'application:joules_per_inference{{application="{APPLICATION}"}}': BMC_WATTS / REQUESTS,
        f'sum(application:co2_grams_per_second{{application="{APPLICATION}"}})': BMC_WATTS * GRAMS / JOULES_PER_KWH,
        f'sum(application:cost_per_hour{{application="{APPLICATION}",currency="EUR"}})': BMC_WATTS / 1000 * PRICE,
        f'budget:limit_joules{{application="{APPLICATION}"}}': BUDGET_JOULES,
    }


def measured(prometheus: Prometheus) -> Iterator[Figure]:
    """The figures that Prometheus has now."""
    for query, truth in truths().items():
        answer = prometheus.query(query)
        yield Figure(query, answer[0].value if len(answer) == 1 else None, truth)


def reported(text: str, page: str, seconds: float) -> Iterator[Figure]:
    """The joules of a report of so many seconds: in the table that was printed, and in that of the page."""
    _, _, after = page.partition('id="table-applications"')
    table, _, _ = after.partition("</table>")
    unattributed = OUTLETS[1][1] + EDGE_WATTS
    for name, watts in ((APPLICATION, BMC_WATTS), (UNATTRIBUTED, unattributed), ("total", BMC_WATTS + unattributed)):
        printed = re.search(rf"^{name} +([\d,]+) ", text, re.MULTILINE)
        shown = re.search(rf'data-value="{name}">{name}</th><td class="number" data-value="([\d.]+)">', table)
        yield Figure(f"joules of {name}, printed", _number(printed), watts * seconds)
        yield Figure(f"joules of {name}, in report.html", _number(shown), watts * seconds)


def alerted(alerts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the budget's alert is among them."""
    return any(
        alert["labels"].get("alertname") == "EnergyBudgetExceeded"
        and alert["labels"].get("application") == APPLICATION
        and alert["status"] == "firing"
        for alert in alerts
    )


def _number(found: re.Match[str] | None) -> float | None:
    return float(found[1].replace(",", "")) if found else None
