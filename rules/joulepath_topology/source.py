# SPDX-License-Identifier: Apache-2.0
"""One reading of a host's power: by a meter of Joulepath's exporters, or by PromQL."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, create_model, model_validator

from joulepath_topology import promql
from joulepath_topology.common import Choice, NotNegative, Positive, without_unit
from joulepath_topology.meters import METERS, keys
from joulepath_topology.query import Counter, Query

Method = Literal["measured", "modelled", "declared"]

METHODS: tuple[Method, ...] = ("measured", "modelled", "declared")
"""How watts are known, the best first: by a meter, by a guess from a reading, by a number that nothing measures."""

if TYPE_CHECKING:
    _Metered = Choice
else:
    _Metered = create_model("Metered", __base__=Choice, **keys())


class PowerSource(_Metered):
    """One reading of a host's power: outlets of a PDU, a BMC's chassis, RAPL, or any PromQL in joules or watts."""

    kinds = (*METERS, "joules", "watts")

    joules: Counter | None = None
    """Energy counter of any exporter, in joules: its name and labels; the rules add the range."""
    watts: Annotated[Query, BeforeValidator(without_unit)] | None = None
    """Query in watts, or a number of watts."""
    scale: Positive = 1.0
    """Factor by which the reading is multiplied."""
    offset_watts: NotNegative = 0.0
    """Watts that are added to the reading, after `scale`."""
    modelled: bool = False
    """Whether a query is a guess, not a meter."""
    static_watts: NotNegative | None = None
    """Power when idle, in watts, as this fallback reads it."""

    @model_validator(mode="after")
    def _own_part(self) -> "PowerSource":
        for kind, meter in METERS.items():
            if (part := meter.part) is None:
                continue
            named, read = getattr(self, part.key) is not None, self.kind == kind
            if part.many and named != read:
                raise ValueError(f"{kind} and {part.key} belong together: which {part.key} of which {kind.upper()}")
            if named and not read:
                raise ValueError(f"{part.key} belongs to {kind}")
        return self

    @property
    def readings(self) -> list[dict[str, str]]:
        """The labels of a meter's readings: `instance`, and a part where one is named. Nothing of PromQL."""
        if self.kind not in METERS:
            return []
        instance, part = {"instance": getattr(self, self.kind)}, METERS[self.kind].part
        named = None if part is None else getattr(self, part.key)
        if part is None or named is None:
            return [instance]
        return [{**instance, part.label: each} for each in (named if part.many else [named])]

    @property
    def query(self) -> str | None:
        """The PromQL in watts, of a source without a meter; a counter stands as its rate."""
        return self.watts if self.joules is None else f"rate({self.joules}[$window])"

    @property
    def method(self) -> Method:
        """How its watts are known: as METHODS says."""
        if self.watts is not None and promql.is_constant(self.watts):
            return "declared"
        guess = self.modelled or (self.kind in METERS and METERS[self.kind].modelled)
        return "modelled" if guess or self.scale != 1 or self.offset_watts != 0 else "measured"
