# SPDX-License-Identifier: Apache-2.0
"""`joulepath carbon`: grams of CO2 for each kWh of a grid, from public and commercial sources, told apart by kind."""
