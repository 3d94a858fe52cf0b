# SPDX-License-Identifier: Apache-2.0
"""Exporters of Joulepath: what meters and packets say, for Prometheus."""

__version__ = "0.1.0"
