# SPDX-License-Identifier: Apache-2.0
"""The fault of a single value: the device states it, and it is not a measurement."""


class NotMeasuredError(Exception):
    """The value is not a measurement; the message is the reason, a label of `*_readings_rejected_total`."""

    def __init__(self, reason: str, number: float | None = None) -> None:
        super().__init__(reason)
        self.number = number
        """The value in the metric's unit, if it is a number."""
