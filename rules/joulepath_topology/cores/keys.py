# SPDX-License-Identifier: Apache-2.0
"""The keys by which a topology names the traffic of an application in a core."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from joulepath_topology.common import Entry, Text


def listed(value: Any) -> Any:
    """A list; one value is short for a list of it."""
    return value if isinstance(value, list | tuple) else [value]


def _texts(value: Any) -> Any:
    """A list of texts; numbers may stand without quotes."""
    return [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in listed(value)]


Values = Annotated[tuple[Text, ...], BeforeValidator(_texts)]
"""A value of a label, or several, of which any fits."""


_FORMS = {
    "qfi": (re.compile(r"[0-9]|[1-5][0-9]|6[0-3]"), "is not a number from 0 to 63"),
    "slice": (
        re.compile(r"(0|[1-9][0-9]{0,2})(-[0-9a-f]{6})?"),
        "is not an SST, or an SST and an SD in lower case, as in 1-00000a",
    ),
}


def _unlike(key: str, value: str) -> str | None:
    """Why no label of a core has this value."""
    if "*" in value or (key == "ue" and "/" in value):
        return "is compared as it is: list the values, as neither * nor a prefix stands for others here"
    form = _FORMS.get(key)
    return None if form is None or form[0].fullmatch(value) else form[1]


class InCore(Entry):
    """An application's traffic as a core knows it. All keys must fit; a core that lacks one counts none of it."""

    qfi: Values = ()
    """QoS flow identifiers."""
    ue: Values = ()
    """UEs, as the core names them: by address, IMSI, RNTI or number."""
    dnn: Values = ()
    """Data network names."""
    slice: Values = ()
    """S-NSSAIs."""
    group: Values = ()
    """Groups of UEs, as `joulepath pfcp` names them."""
    session: Values = ()
    """Sessions, as the core names them."""

    @model_validator(mode="after")
    def _any(self) -> "InCore":
        if empty := [key for key, values in self if key in self.model_fields_set and not values]:
            raise ValueError(f"{empty[0]} has no entry: give a value, or leave the key out")
        for key, values in self.given.items():
            for value in values:
                if message := _unlike(key, value):
                    raise ValueError(f"{key}: {value[:40]!r} {message}")
        if not self.given:
            raise ValueError(f"needs one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def given(self) -> dict[str, tuple[str, ...]]:
        """The keys that stand in it, with their values."""
        return {key: values for key, values in self if values}
