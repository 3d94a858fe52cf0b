# SPDX-License-Identifier: Apache-2.0
"""The program that counts packets in the kernel, count.bpf.c, and its loader."""
