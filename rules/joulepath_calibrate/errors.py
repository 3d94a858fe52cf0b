# SPDX-License-Identifier: Apache-2.0
"""Faults of a calibration: each is one line that says what to do."""

from joulepath.errors import JoulepathError


class RefusedError(JoulepathError):
    """The data do not carry a number."""
