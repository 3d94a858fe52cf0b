# SPDX-License-Identifier: Apache-2.0
"""The laboratory: a small 5G path in network namespaces, with meters whose law is known."""
