# SPDX-License-Identifier: Apache-2.0
"""Why a datagram, or a message in it, is not read."""

VERSION = "version"
HEADER = "header"
ELEMENT_LENGTH = "element_length"
ELEMENT_VALUE = "element_value"
MISSING_ELEMENT = "missing_element"
VOLUME = "volume"
CUT_OFF = "cut_off"
FRAGMENT = "fragment"

REASONS = {
    VERSION: "another version than 1",
    HEADER: "the header, or the length in it, goes beyond the datagram",
    ELEMENT_LENGTH: "an information element goes beyond its message or group",
    ELEMENT_VALUE: "an information element is shorter than its flags say",
    MISSING_ELEMENT: "a mandatory information element is not there",
    VOLUME: "a usage report of more than 1 PiB or 2^50 packets",
    CUT_OFF: "the capture kept less than the datagram",
    FRAGMENT: "the datagram came in IP fragments, which are not put together",
}
"""Every value of the label `reason`, with its meaning."""


class Malformed(Exception):  # noqa: N818  # it is the sender's fault
    """The message contradicts TS 29.244; `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason
