# SPDX-License-Identifier: Apache-2.0
"""`joulepath pfcp`: bytes and packets by DNN, slice or group, from the usage reports of a UPF (PFCP, TS 29.244)."""
