# SPDX-License-Identifier: Apache-2.0
"""Users with bcrypt hashes. A password is hashed once, not at every scrape, and one at a time."""

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Mapping

import bcrypt

_REMEMBERED = 100
"""Wrong passwords that are refused without hashing them again."""
_BCRYPT_OCTETS = 72
"""bcrypt reads no more of a password."""


class Passwords:
    """Which passwords fitted which hashes. Keeps keyed digests, no passwords, and outlives a change of the users."""

    def __init__(self, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        """`check(password, hash)` is slow on purpose."""
        self._check = check
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._right: dict[str, bytes] = {}
        self._wrong: dict[bytes, None] = {}

    def fits(self, user: str, password: bytes, hashed: str) -> bool:
        """Whether bcrypt agrees. Slow for what was not asked before, and the same for every user of one cost."""
        digest = hmac.digest(self._key, b"\0".join((user.encode(), hashed.encode(), password)), hashlib.sha256)
        if self._known(user, digest):
            return True
        if digest in self._wrong:
            return False
        # One at a time: a flood of wrong passwords takes one core, never all of them.
        with self._lock:
            try:
                fits = self._check(password[:_BCRYPT_OCTETS], hashed.encode())
            except ValueError:  # a salt that the pattern of the configuration let pass
                fits = False
            if fits:
                self._right[user] = digest
            else:
                self._wrong[digest] = None
                while len(self._wrong) > _REMEMBERED:
                    del self._wrong[next(iter(self._wrong))]
        return fits

    def forget(self, users: Mapping[str, str]) -> None:
        """Drops what is known of others than `users`."""
        with self._lock:
            self._right = {user: digest for user, digest in self._right.items() if user in users}

    def _known(self, user: str, digest: bytes) -> bool:
        return hmac.compare_digest(self._right.get(user, b""), digest)


class BasicUsers:
    """`basic_auth_users`: bcrypt hashes by name (RFC 7617)."""

    def __init__(self, hashes: Mapping[str, str], passwords: Passwords) -> None:
        self._hashes = dict(hashes)
        self._passwords = passwords
        # For names that nobody has: as dear as the dearest user's, and nothing fits it.
        rounds = max(int(hashed.split("$")[2]) for hashed in hashes.values())
        self._nobody = bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(rounds)).decode()
        passwords.forget(hashes)

    def allowed(self, authorization: str) -> bool:
        """Whether the header names a user with his password."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            name, colon, password = base64.b64decode(credentials, validate=True).partition(b":")
            user = name.decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        if not colon:
            return False
        hashed = self._hashes.get(user)
        fits = self._passwords.fits(user, password, hashed or self._nobody)
        return fits and hashed is not None
