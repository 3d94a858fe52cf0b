# SPDX-License-Identifier: Apache-2.0
"""Applications and their budgets."""

from typing import Annotated, Literal

from pydantic import Field

from joulepath.config import Model
from joulepath_rules.topology.common import Joules, Name, Text


class Trace(Model):
    """One IOAM trace id, as the ioam exporter writes it into the label `trace_id`."""

    ioam_namespace: Annotated[int, Field(ge=0, le=0xFFFF)]
    id: Text


class Application(Model):
    """What a trace stands for: the components it passes and the models it asks."""

    traces: tuple[Trace, ...] = ()
    models: tuple[Name, ...] = ()
    path: tuple[Name, ...] = ()


class Budget(Model):
    """The energy that an application may use in each hour, day or month of the calendar (UTC)."""

    application: Name
    energy: Joules
    per: Literal["hour", "day", "month"]
