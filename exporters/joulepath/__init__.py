# SPDX-License-Identifier: Apache-2.0
"""The command line, and the modules that all rooms share: configuration, errors, metrics."""

__version__ = "0.1.0"
