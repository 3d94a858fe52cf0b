# SPDX-License-Identifier: Apache-2.0
"""BPF programs of ours in the kernel: the little of libbpf that they need, through ctypes."""
