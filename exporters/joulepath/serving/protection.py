# SPDX-License-Identifier: Apache-2.0
"""The web server's configuration file: TLS, users and headers."""

from pathlib import Path

from joulepath import web
from joulepath.web.security import Security


class Protection:
    """The web server's configuration as it was last read."""

    def __init__(self, path: Path | None) -> None:
        self.security = Security()
        self.server: web.Server | None = None
        self._path = path
        if path is not None:
            # Only a file needs bcrypt.
            from joulepath.web.auth import Passwords  # noqa: PLC0415

            self._passwords = Passwords()
            self.reload()

    def reload(self) -> None:
        """Reads the file. Raises UsageError."""
        if self._path is None:
            return
        from joulepath.web import rules  # noqa: PLC0415

        self.security = rules.read(self._path, self._passwords)
        if self.server is not None:
            self.server.secure(self.security)
