# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath doctor`: says why figures of a topology are absent or wrong, from a live Prometheus."""
