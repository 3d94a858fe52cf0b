# SPDX-License-Identifier: Apache-2.0
"""Follows PFCP sessions from their messages, and counts what their usage reports say, once."""
