# SPDX-License-Identifier: Apache-2.0
"""Faults that a user can act on. The command line prints them as single lines, never as a traceback."""

from collections.abc import Sequence


class JoulepathError(Exception):
    """Something outside the program failed; the message names the file, the device or the key and the mend.

    `messages` holds one line each; `exit_code` is what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str | Sequence[str]) -> None:
        self.messages: tuple[str, ...] = (message,) if isinstance(message, str) else tuple(message)
        super().__init__("\n".join(self.messages))


class UsageError(JoulepathError):
    """Bad arguments or a bad file: exit code 2."""

    exit_code = 2


class AbsentError(JoulepathError):
    """This host has nothing of a kind. It is a fault only if nothing else can be read either."""
