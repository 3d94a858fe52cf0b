# SPDX-License-Identifier: Apache-2.0
"""`joulepath rapl`: energy of the processor (RAPL, powercap) and of a board's sensors (hwmon), from sysfs."""
