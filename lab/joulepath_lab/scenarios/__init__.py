# SPDX-License-Identifier: Apache-2.0
"""The lab's scenarios: for each a module with its `SCENARIO`, and its topology beside it."""
