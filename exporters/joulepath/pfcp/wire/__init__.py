# SPDX-License-Identifier: Apache-2.0
"""PFCP messages and their information elements as they are on the wire (3GPP TS 29.244, V17)."""
