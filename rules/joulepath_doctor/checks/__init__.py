# SPDX-License-Identifier: Apache-2.0
"""The checks, one module for each subject, with `check(context)`, which yields findings."""
