# SPDX-License-Identifier: Apache-2.0
"""Asks a Prometheus server, or one that answers like it (Thanos, Mimir, VictoriaMetrics), over its HTTP API.

`client.py` has the questions, `settings.py` reads logins and certificates from a file.
"""
