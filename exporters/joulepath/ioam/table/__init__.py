# SPDX-License-Identifier: Apache-2.0
"""What is counted: packets and bytes by node, trace and recorded path."""
