# SPDX-License-Identifier: Apache-2.0
"""The profiles of device families, and the model of a profile."""
