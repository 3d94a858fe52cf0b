# SPDX-License-Identifier: Apache-2.0
"""`joulepath rules serve`: the constants of large topologies as an exporter's series, in place of rules."""
