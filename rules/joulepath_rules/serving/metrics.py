# SPDX-License-Identifier: Apache-2.0
"""What the server of constants says of itself; the constants are named in `joulepath_rules.constants`."""

from joulepath.metrics import gauge

CONSTANTS = gauge(
    "joulepath_rules_constants",
    "Constants served, by generation; state is current, or previous for ten minutes after the file changed.",
    "topology",
    "generation",
    "state",
)

METRICS = (CONSTANTS,)
