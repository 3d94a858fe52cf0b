# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath carbon settle`: CO2 of closed hours again, with the factors that sources have settled."""
