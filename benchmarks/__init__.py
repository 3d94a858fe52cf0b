# SPDX-License-Identifier: Apache-2.0
"""Measures costs: run by hand, printed as tables; CI does not run them."""
