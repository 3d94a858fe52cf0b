# SPDX-License-Identifier: Apache-2.0
"""One tagger in a network namespace: two would fight over routes.

A locked file excludes a second tagger of this host; no other user can open it. An abstract address excludes one of
another container in the same network namespace. Any user can take that address, so only a tagger's user is believed.
"""

import contextlib
import errno
import fcntl
import logging
import os
import socket
import stat
import struct
from pathlib import Path

from joulepath.errors import JoulepathError

logger = logging.getLogger(__name__)

RUNTIME = Path("/run/joulepath-tag")
"""RuntimeDirectory of the systemd unit; root makes it where it is missing."""
ADDRESS = "\0joulepath-tag"
"""In the abstract namespace: one for each network namespace, gone with its process."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OVERFLOW = Path("/proc/sys/kernel/overflowuid")
_NETWORK_NAMESPACE = Path("/proc/thread-self/ns/net")


class Lock:
    """Held from its making to `close`, or to the end of the process."""

    def __init__(self, folder: Path | None = None) -> None:
        """Without `folder` it is RUNTIME; where that cannot be used, the address alone has to do.

        Raises JoulepathError where another tagger runs, or where another user could hold the file.
        """
        with contextlib.ExitStack() as stack:
            trusted = {0, os.geteuid()}
            try:
                trusted.add(_locked(folder or RUNTIME, stack))
            except _UnusableError:
                if folder is not None:
                    raise
            trusted.discard(_overflow())
            _bound(trusted, stack)
            self._held = stack.pop_all()

    def close(self) -> None:
        """Lets another one start. The file stays: to remove it could remove the next one's."""
        self._held.close()


class _UnusableError(JoulepathError):
    """This user cannot make or open the file."""


def _locked(folder: Path, stack: contextlib.ExitStack) -> int:
    """Locks the file in `folder`; the folder's owner."""
    owner = _checked(folder)
    file = folder / f"net-{_NETWORK_NAMESPACE.stat().st_ino}.lock"
    descriptor = _opened(file, owner)
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise _another(f"it holds {file}") from None
    return owner


def _checked(folder: Path) -> int:
    """The folder's owner. Raises JoulepathError where another user may have made it or may write to it."""
    try:
        folder.mkdir(mode=0o755)
    except FileExistsError:
        pass
    except OSError as error:
        raise _UnusableError(
            f"{folder}: cannot be made: {error.strerror}; as root: install -d -o USER -m 0755 {folder}, "
            "or name another folder by --path.runtime"
        ) from None
    found, parent = folder.lstat(), folder.parent.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise JoulepathError(f"{folder}: is not a folder: remove it")
    if found.st_mode & _OTHERS_WRITE:
        raise JoulepathError(f"{folder}: other users can write to it: chmod go-w {folder}")
    # In a folder of root's that only root writes to, as /run is, root has chosen the owner.
    chosen = parent.st_uid == 0 and not parent.st_mode & _OTHERS_WRITE
    if found.st_uid not in (0, os.geteuid()) and not chosen:
        raise JoulepathError(f"{folder}: belongs to user {found.st_uid}: remove it, or chown it to root")
    return found.st_uid


def _opened(file: Path, owner: int) -> int:
    """The file's descriptor. Only its owner and root can open, and so lock, the file."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        kind = _UnusableError if error.errno in (errno.EACCES, errno.EROFS) else JoulepathError
        raise kind(
            f"{file}: cannot be opened: {error.strerror}; remove it, give {file.parent} to this user (chown), "
            "or name another folder by --path.runtime"
        ) from None
    found = os.fstat(descriptor)
    trusted = found.st_uid in (0, owner, os.geteuid())
    # With a second name it may be another file of root's, which the folder's owner put here to be given it.
    alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    if not alone or not trusted or found.st_mode & 0o077:
        os.close(descriptor)
        raise JoulepathError(f"{file}: is not a file that only its owner can open: remove it")
    if os.geteuid() == 0 and found.st_uid != owner:
        os.fchown(descriptor, owner, -1)  # for a later start as that user
    return descriptor


def _bound(trusted: set[int], stack: contextlib.ExitStack) -> None:
    """Takes the address. Raises JoulepathError where a trusted user has it; a stranger who has it holds nothing up."""
    held = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        held.bind(ADDRESS)
        held.listen()  # so that the next one can ask for this user
    except OSError:
        user = _holder()
        if user in trusted:
            raise _another("its user holds the address @joulepath-tag") from None
        who = "somebody" if user is None else f"user {user}"
        logger.warning("%s who is not a tagger holds the address @joulepath-tag; it is not needed", who)


def _overflow() -> int:
    """The user as which all those of other user namespaces appear here (user_namespaces(7)): that is anyone."""
    return int(_OVERFLOW.read_text(encoding="ascii")) if _OVERFLOW.exists() else 65534


def _holder() -> int | None:
    """The user who has the address, as far as it can be asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(ADDRESS)
            octets = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return None
    _, user, _ = struct.unpack("=iII", octets)
    return int(user)


def _another(how: str) -> JoulepathError:
    return JoulepathError(
        f"another `joulepath tag` runs in this network namespace ({how}): run one, with all interfaces and flows"
    )
