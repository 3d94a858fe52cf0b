# SPDX-License-Identifier: Apache-2.0
"""Budgets: how much energy, CO2 or money something may use in a period."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from joulepath_topology import promql
from joulepath_topology.common import Choice, Entry, Joules, Name, Seconds
from joulepath_topology.durations import duration
from joulepath_topology.hours import TimeZone
from joulepath_topology.labels import RESERVED, Labels

HOUR = 3600.0

SEVERITY = "severity"

Quantity = Literal["energy", "co2", "cost"]

_MASS = re.compile(r"(\d+(?:\.\d+)?)\s*(mg|g|kg|t)")
_GRAMS = {"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6}
_MONEY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Z]{3})")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _schema(pattern: re.Pattern[str], example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$", "examples": [example]})


def _grams(value: object) -> float:
    found = _MASS.fullmatch(value) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("must be a mass of CO2 with its unit, such as 2kg, 500g or 1t")
    return float(found[1]) * _GRAMS[found[2]]


def _money(value: object) -> tuple[float, str]:
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("must be an amount with its currency, such as 3 EUR")
    return float(found[1]), found[2]


def _part(value: object) -> float:
    found = _PART.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < float(found[1]) <= 100:
        raise ValueError("must be a part of the budget, such as 5%, at most 100%")
    return float(found[1]) / 100


def _hours(value: float) -> float:
    if value % HOUR or not 2 * HOUR <= value <= 31 * 24 * HOUR:
        raise ValueError("must be whole hours, 2h to 31d")
    return value


def _own_label(name: str) -> str:
    if name in RESERVED - {SEVERITY} or name.startswith(("__", "joulepath_")) or not promql.is_label(name):
        raise ValueError(f"{name!r} is a word of the rules or of Prometheus: choose another name")
    return name


OwnLabels = dict[Annotated[str, AfterValidator(_own_label)], Name]
"""Labels of a budget's own, with their values."""


class Burn(Entry):
    """One alert about a budget that is used too fast."""

    part: Annotated[float, BeforeValidator(_part), _schema(_PART, "5%")]
    """Part of the budget: `5%`."""
    within: Seconds
    """Time in which this part is used when the alert fires: `6h`."""
    severity: Name = "warning"
    """Severity of the alert."""


class Budget(Choice):
    """The amount that an application, a site or all applications with a label may use in each period."""

    kinds = ("application", "site", "label")
    QUANTITIES: ClassVar[tuple[Quantity, ...]] = ("energy", "co2", "cost")

    application: Name | None = None
    """Application that has this budget; or `site`, or a label such as `team: vision`."""
    site: Name | None = None
    """Site that has this budget: all of its hosts."""
    label: Labels | None = None
    """Label of applications, with its value: `{team: vision}`. The short form is `team: vision`."""
    energy: Joules | None = None
    """Energy for one period, with its unit: `2kWh`, `500kJ`, `900J`, `1MJ`; or `co2`, or `cost`."""
    co2: Annotated[float, BeforeValidator(_grams), _schema(_MASS, "2kg")] | None = None
    """CO2 for one period, with its unit: `2kg`, `500g`, `1t`."""
    cost: Annotated[tuple[float, str], BeforeValidator(_money), _schema(_MONEY, "3 EUR")] | None = None
    """Cost for one period, with its currency: `3 EUR`."""
    basis: Literal["location", "market"] = "location"
    """Emissions that a budget of `co2` counts: of the grid at that place, or of the contract."""
    per: Literal["hour", "day", "week", "month"] | None = None
    """Period of the calendar; a week begins on Monday. Or `window`."""
    window: Annotated[Seconds, AfterValidator(_hours)] | None = None
    """Rolling window of whole hours, `2h` to `31d`: the running hour and those before it."""
    time_zone: TimeZone | None = None
    """Time zone of the calendar, such as `Europe/Berlin`, with daylight saving time; without it UTC."""
    labels: OwnLabels = Field(default_factory=dict)
    """Labels of the budget's series and alerts, for routing; `severity` takes the place of the alerts' own."""
    burn: tuple[Burn, ...] | None = None
    """Alerts about too fast a use, `{part: 5%, within: 6h, severity: page}`, in place of those of the period."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """`team: vision` as `label: {team: vision}`. Two other keys, or one without a text, are refused as unknown."""
        if not isinstance(value, dict):
            return value
        other = [key for key in value if key not in cls.model_fields]
        if SEVERITY in other:
            raise ValueError("severity is one of the labels: write `labels: {severity: page}`")
        if len(other) != 1 or not isinstance(value[other[0]], str) or set(cls.kinds) & value.keys():
            return value
        if other[0] in RESERVED:
            raise ValueError(
                f"a {other[0]} cannot have a budget: an application, a site or a label of applications can"
            )
        rest = {key: item for key, item in value.items() if key not in other}
        return {**rest, "label": {other[0]: value[other[0]]}}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the short form of `label`."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["additionalProperties"] = {"type": "string"}
        return schema

    @model_validator(mode="after")
    def _complete(self) -> "Budget":
        if self.label is not None and len(self.label) != 1:
            raise ValueError("label needs one name with its value, such as {team: vision}")
        amounts = [key for key in self.QUANTITIES if getattr(self, key) is not None]
        if len(amounts) != 1:
            raise ValueError(
                f"has {' and '.join(amounts)}: write a budget for each"
                if amounts
                else f"needs one of {', '.join(self.QUANTITIES)}"
            )
        if (self.per is None) == (self.window is None):
            raise ValueError("needs one of per, window" if self.per is None else "has per and window: keep one of them")
        if self.window is not None and self.time_zone is not None:
            raise ValueError("has a window and a time_zone: a window is as long everywhere, so leave the time_zone out")
        if self.basis != "location" and self.co2 is None:
            raise ValueError("basis belongs to co2")
        alerts = [(each.within, self.labels.get(SEVERITY, each.severity)) for each in self.burn or ()]
        for number, alert in enumerate(alerts):
            if alert in alerts[:number]:
                raise ValueError(
                    f"burn[{number}] has the time and the severity of burn[{alerts.index(alert)}], so that nothing "
                    "tells their alerts apart: give it another `within`"
                )
        if self.of[0] in self.labels:
            raise ValueError(f"{self.of[0]!r} stands under labels, and the budget has it already")
        return self

    @property
    def of(self) -> tuple[str, str]:
        """The label of that which has the budget, and its value."""
        if self.label is not None:
            return next(iter(self.label.items()))
        return (self.kind, str(getattr(self, self.kind)))

    @property
    def quantity(self) -> Quantity:
        """The key that stands in it."""
        return next(key for key in self.QUANTITIES if getattr(self, key) is not None)

    @property
    def limit(self) -> float:
        """The amount that may be used: in J, g, or its currency."""
        return self.cost[0] if self.cost is not None else float(getattr(self, self.quantity))

    @property
    def unit(self) -> str:
        """The unit of the limit: `J`, `g` or a currency."""
        return self.cost[1] if self.cost is not None else {"energy": "J", "co2": "g"}[self.quantity]

    @property
    def period(self) -> str:
        """The period's name, the label `per`: `day`, or the length of a rolling window such as `7d`."""
        if self.per is not None:
            return self.per
        hours = self.window or HOUR
        return duration(hours) if hours % (24 * HOUR) else f"{hours / (24 * HOUR):g}d"

    @property
    def seconds(self) -> float:
        """The longest that the period can be, without the hour that a change of the clocks adds."""
        days = {"hour": 1 / 24, "day": 1, "week": 7, "month": 31}
        return days[self.per] * 24 * HOUR if self.per is not None else (self.window or HOUR)
