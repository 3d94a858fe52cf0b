# SPDX-License-Identifier: Apache-2.0
"""Captures the datagrams of N4: on interfaces of this host, or from a file."""
