# SPDX-License-Identifier: Apache-2.0
"""`joulepath tag`: puts an IOAM trace on the packets of applications that know nothing of it."""
