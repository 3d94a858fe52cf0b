# SPDX-License-Identifier: Apache-2.0
"""`joulepath tag`: puts an IOAM trace on the packets of applications that know nothing of it."""

from joulepath import lean

lean.late("pyroute2")  # 24 MiB with each protocol that it knows, 6 for routes
