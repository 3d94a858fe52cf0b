# SPDX-License-Identifier: Apache-2.0
"""What counts packets: AF_PACKET, captures and eBPF, and how one is chosen."""
