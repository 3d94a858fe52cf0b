# SPDX-License-Identifier: Apache-2.0
"""What things cost: run by hand, printed as tables; CI runs none of it."""
