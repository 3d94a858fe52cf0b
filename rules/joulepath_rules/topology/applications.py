# SPDX-License-Identifier: Apache-2.0
"""Applications and their budgets."""

from typing import Annotated, Literal

from pydantic import Field

from joulepath.config import Model
from joulepath_rules.topology.common import Joules, Name, Text


class Trace(Model):
    """One IOAM trace id, as the ioam exporter writes it into the label `trace_id`, and its own path if it has one."""

    ioam_namespace: Annotated[int, Field(ge=0, le=0xFFFF)]
    id: Text
    path: tuple[Name, ...] = ()


class Application(Model):
    """What its traces stand for: the components that they pass and the models it asks."""

    traces: tuple[Trace, ...] = ()
    models: tuple[Name, ...] = ()
    path: tuple[Name, ...] = ()


class Budget(Model):
    """The energy that an application may use in each hour, day or month of the calendar (UTC)."""

    application: Name
    energy: Joules
    per: Literal["hour", "day", "month"]
