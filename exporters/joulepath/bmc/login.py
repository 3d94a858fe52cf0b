# SPDX-License-Identifier: Apache-2.0
"""User and password of a BMC."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Login:
    """The password never appears in the representation."""

    user: str
    password: str = field(repr=False)
