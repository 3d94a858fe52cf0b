# SPDX-License-Identifier: Apache-2.0
"""`joulepath gpu`: energy of GPUs, and the activity of workloads and MIG instances on them."""
