# SPDX-License-Identifier: Apache-2.0
"""The libraries of GPU vendors behind one interface: NVML (NVIDIA), AMD SMI (AMD), Level Zero (Intel)."""
