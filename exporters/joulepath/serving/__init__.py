# SPDX-License-Identifier: Apache-2.0
"""Runs an exporter: its arguments, signals, reload, rights, and its series about itself."""
