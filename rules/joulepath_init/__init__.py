# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath init`: looks at meters and at a Prometheus, and writes the first configuration files."""
