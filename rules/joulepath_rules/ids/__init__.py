# SPDX-License-Identifier: Apache-2.0
"""Compares the ids of a topology with those in the configuration of `joulepath ioam` and `joulepath tag`."""
