# SPDX-License-Identifier: Apache-2.0
"""The rules of a `web-config.yml`, and the security that they make. Imported only when a file is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joulepath import apart
from joulepath.errors import UsageError
from joulepath.web.auth import BasicUsers, Passwords
from joulepath.web.security import RateLimit, Security
from joulepath.web.tls import Tls, TlsError, context


@dataclass(frozen=True)
class Rules:
    """The file, checked."""

    tls: Tls | None
    allowed_sans: frozenset[str]
    users: Mapping[str, str]
    """bcrypt hashes by name."""
    interval: float
    """Seconds for which one request is allowed; 0 without a limit."""
    burst: int
    headers: Mapping[str, str]

    def security(self, path: Path, passwords: Passwords) -> Security:
        """Reads certificates and keys. Raises UsageError, which names `path`."""
        pems = self.tls.pems if self.tls else ()
        try:
            ssl_context = context(self.tls) if self.tls else None
            said = tuple(pem.digest() for pem in pems)
        except TlsError as error:
            raise UsageError(f"{path}: tls_server_config.{error}") from None
        return Security(
            context=ssl_context,
            allowed_sans=self.allowed_sans,
            users=BasicUsers(self.users, passwords) if self.users else None,
            rate_limit=RateLimit(self.interval, self.burst) if self.interval else None,
            headers=self.headers,
            files=(path, *(pem.path for pem in pems if pem.path is not None)),
            source=(self, said),
        )


def read(path: Path, passwords: Passwords) -> Security:
    """The security of a file. Raises UsageError with one line per mistake."""
    rules: Rules = apart.read("joulepath.web.config", path)
    return rules.security(path, passwords)
