# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath whatif`: what a change would save, as shares and at the meters."""
