# SPDX-License-Identifier: Apache-2.0
"""Redfish: the tree of one BMC is surveyed seldom; a poll reads the few resources that hold power."""
