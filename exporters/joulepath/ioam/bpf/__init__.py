# SPDX-License-Identifier: Apache-2.0
"""The `ebpf` backend: packets are counted in the kernel by count.bpf.c, and read from its maps at the scrape."""
