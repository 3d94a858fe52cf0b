# SPDX-License-Identifier: Apache-2.0
"""A report as one HTML file, which needs neither network nor script."""
