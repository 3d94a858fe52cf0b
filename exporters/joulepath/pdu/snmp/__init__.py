# SPDX-License-Identifier: Apache-2.0
"""SNMP: asks an agent for objects and columns, with one client over two libraries."""
