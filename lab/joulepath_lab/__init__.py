# SPDX-License-Identifier: Apache-2.0
"""The laboratory: a small 5G path in network namespaces, with meters that follow a known law."""
