# SPDX-License-Identifier: Apache-2.0
"""`joulepath workload`: CPU time of this host's workloads, from cgroups and /proc, without a remainder."""
