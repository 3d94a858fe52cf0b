# SPDX-License-Identifier: Apache-2.0
"""Finds the resources of a BMC's Redfish tree that measure power, and what each of them measures."""
