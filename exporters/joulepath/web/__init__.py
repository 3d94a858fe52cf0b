# SPDX-License-Identifier: Apache-2.0
"""Serves an exporter over HTTP and HTTPS: routes, connections, and the `web-config.yml` of Prometheus' exporters."""

from joulepath.web.listen import Address
from joulepath.web.server import Server

__all__ = ["Address", "Server"]
