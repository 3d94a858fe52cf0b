# SPDX-License-Identifier: Apache-2.0
"""`joulepath tag`: adds IOAM headers to the traffic of unmodified applications."""

from joulepath import lean

lean.late("pyroute2")  # 24 MiB with each protocol that it knows, 6 for routes
