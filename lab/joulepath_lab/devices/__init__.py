# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for devices, meters and programs on the path: SNMP agents, BMCs, plant, robot, core and model server."""
