# SPDX-License-Identifier: Apache-2.0
"""Series of the server of constants about itself; the constants are named in `joulepath_rules.constants`."""

from joulepath.metrics import Shown, gauge

CONSTANTS = gauge(
    "joulepath_rules_constants",
    "Constants served, by generation; state is current, or previous for ten minutes after the file changed.",
    "topology",
    "generation",
    "state",
)

METRICS = (CONSTANTS,)

SHOWN = (Shown("topology", "constants", CONSTANTS, adds=False),)
