# SPDX-License-Identifier: Apache-2.0
"""Marginal power of a component: what each further packet, byte, request or token adds to it."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from joulepath_topology.common import Entry, Name, NotNegative

Unit = Literal["packets", "bytes", "requests", "tokens"]

_EXPONENT = re.compile(r"\d+(\.\d*)?e[+-]?\d+", re.IGNORECASE)


def _exponent(value: Any) -> Any:
    """A number such as `2e-6`: YAML 1.1 reads one without a point as text."""
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


Small = Annotated[NotNegative, BeforeValidator(_exponent)]


class Marginal(Entry):
    """Joules for one more packet, byte, request or token, which is watts for one more in each second."""

    per: Unit | None = None
    """Unit of the component's traffic. Left out where power does not follow traffic: `{joules: 0}`."""
    joules: Small
    """Joules for one more of them."""
    low: Small | None = None
    """Lower end of the 95 % interval, in joules."""
    high: Small | None = None
    """Upper end of it."""
    least: Small | None = None
    """Least traffic at which it was measured, in units/s."""
    most: Small | None = None
    """Most traffic at which it was measured: beyond both ends `joulepath whatif` says that it extrapolates."""
    method: Literal["declared", "calibrated"] = "declared"
    """How the number was obtained: by `joulepath calibrate marginal`, or from elsewhere."""
    application: Name | None = None
    """Application that this entry is for, in place of the entries without one."""

    @model_validator(mode="after")
    def _whole(self) -> "Marginal":
        if self.per is None and (self.joules or self.high):
            raise ValueError("needs per: the unit, one of packets, bytes, requests, tokens")
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high belong together: the ends of one interval")
        if (self.least is None) != (self.most is None):
            raise ValueError("least and most belong together: the traffic at which it was measured")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least is {self.least:g}, above most, {self.most:g}")
        if self.low is not None and self.high is not None and not self.low <= self.joules <= self.high:
            raise ValueError(f"joules is {self.joules:g}, outside of low to high, {self.low:g} to {self.high:g}")
        return self

    @property
    def amount(self) -> str | None:
        """The amount of the rules that the unit is: `count` or `volume`."""
        return None if self.per is None else amount_of(self.per)


def amount_of(unit: str) -> str:
    """The amount of the rules that a unit is: `count` or `volume`."""
    return "count" if unit in {"packets", "requests"} else "volume"


def of_application(entries: tuple[Marginal, ...], application: str) -> tuple[Marginal, ...]:
    """The entries that hold for one application: its own, or else those without a name."""
    own = tuple(entry for entry in entries if entry.application == application)
    return own or tuple(entry for entry in entries if entry.application is None)
