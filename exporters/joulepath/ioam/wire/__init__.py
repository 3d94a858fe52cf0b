# SPDX-License-Identifier: Apache-2.0
"""Headers and IOAM options as they are on the wire."""
