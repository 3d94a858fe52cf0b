# SPDX-License-Identifier: Apache-2.0
"""Users with bcrypt hashes. A password is hashed once, not at every scrape, one at a time, and few may wait."""

import base64
import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Mapping

import bcrypt

MAX_COST = 14
"""bcrypt's cost doubles the time with each step; 14 is about a second, in which no other login goes on."""
MAX_LOGINS = 8
"""Logins that are hashed or wait for it."""
_REMEMBERED = 100
"""Wrong passwords that are refused without hashing them again."""
_BCRYPT_OCTETS = 72
"""The part of a password that bcrypt reads [octets]."""


class BusyError(Exception):
    """MAX_LOGINS wait already, or the password is wrong and was refused before: the answer may wait, too."""


def cost(hashed: str) -> int:
    """The cost of a bcrypt hash."""
    return int(hashed.split("$")[2])


def present() -> bool:
    """The client of a login that waits for nothing."""
    return True


class Passwords:
    """Remembers fitting passwords. Keeps keyed digests, not passwords, and outlives a change of the users."""

    def __init__(self, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        """`check(password, hash)` is slow on purpose."""
        self._check = check
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_LOGINS)
        self._right: dict[str, bytes] = {}
        self._wrong: dict[bytes, None] = {}

    def fits(
        self, user: str, password: bytes, hashed: str, dearest: int, is_present: Callable[[], bool] = present
    ) -> bool:
        """Whether bcrypt agrees. Takes the time of the cost `dearest` for a password that it sees for the first time.

        A client that `is_present` denies when its turn comes costs nothing. Raises BusyError.
        """
        digest = hmac.digest(self._key, b"\0".join((user.encode(), hashed.encode(), password)), hashlib.sha256)
        if hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        if digest in self._wrong:
            return False
        if not self._places.acquire(blocking=False):
            raise BusyError
        try:
            # One at a time: a flood of wrong passwords takes one core, never all of them.
            with self._lock:
                return (
                    digest not in self._wrong and is_present() and self._hash(user, password, hashed, dearest, digest)
                )
        finally:
            self._places.release()

    def forget(self, users: Mapping[str, str]) -> None:
        """Drops what is known of others than `users`."""
        with self._lock:
            self._right = {user: digest for user, digest in self._right.items() if user in users}

    def _hash(self, user: str, password: bytes, hashed: str, dearest: int, digest: bytes) -> bool:
        short = password[:_BCRYPT_OCTETS]
        try:
            fits = self._check(short, hashed.encode())
        except ValueError:  # a salt that the pattern of the configuration let pass
            fits = False
        # 2^c and then 2^c + 2^(c+1) + ... + 2^(dearest-1) are 2^dearest: cheap users take as long as dear ones.
        for rounds in range(cost(hashed), dearest):
            self._check(short, f"$2b${rounds:02}${'.' * 53}".encode())
        if fits:
            self._right[user] = digest
        else:
            self._wrong[digest] = None
            while len(self._wrong) > _REMEMBERED:
                del self._wrong[next(iter(self._wrong))]
        return fits


class BasicUsers:
    """`basic_auth_users`: bcrypt hashes by name (RFC 7617)."""

    def __init__(self, hashes: Mapping[str, str], passwords: Passwords) -> None:
        self._hashes = dict(hashes)
        self._passwords = passwords
        self._dearest = max(map(cost, hashes.values()))
        # For names without a user: no password fits it.
        self._unknown = bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(self._dearest)).decode()
        passwords.forget(hashes)

    def allowed(self, authorization: str, is_present: Callable[[], bool] = present) -> bool:
        """Whether the header names a user with his password. Raises BusyError."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            name, colon, password = base64.b64decode(credentials.strip(" "), validate=True).partition(b":")
            user = name.decode()
        except ValueError:  # not base64, not ASCII, not UTF-8
            return False
        if not colon:
            return False
        hashed = self._hashes.get(user)
        fits = self._passwords.fits(user, password, hashed or self._unknown, self._dearest, is_present)
        return fits and hashed is not None
