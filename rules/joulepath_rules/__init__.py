# SPDX-License-Identifier: Apache-2.0
"""Recording rules of Joulepath: from plugs and packets to applications, inside Prometheus."""
