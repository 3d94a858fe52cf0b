# SPDX-License-Identifier: Apache-2.0
"""IPMI: the power reading of DCMI, power sensors, and volts times amperes."""
