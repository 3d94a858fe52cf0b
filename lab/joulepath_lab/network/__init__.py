# SPDX-License-Identifier: Apache-2.0
"""The network of the lab: namespaces that the kernel removes, the path through them, and messages on it."""
