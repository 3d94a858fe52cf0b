# SPDX-License-Identifier: Apache-2.0
"""Exporter of packets and bytes per IOAM trace and flow, as a node sees them on its interfaces (RFC 9197, RFC 9486)."""
