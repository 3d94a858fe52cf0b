# SPDX-License-Identifier: Apache-2.0
"""The command line, and the modules that all exporters share: polling, energy, configuration, rights, telemetry."""

__version__ = "0.1.0"
