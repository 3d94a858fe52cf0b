# SPDX-License-Identifier: Apache-2.0
"""Power of a host without a meter: a model of it, the machine that it holds for, and its energy."""
