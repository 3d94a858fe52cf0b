# SPDX-License-Identifier: Apache-2.0
"""The backends that count packets: AF_PACKET, captures and eBPF, and how one is chosen."""
