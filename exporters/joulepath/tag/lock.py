# SPDX-License-Identifier: Apache-2.0
"""One tagger in a network namespace: a locked file in a folder that no other user can write to."""

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from joulepath.errors import JoulepathError

RUNTIME = Path("/run/joulepath-tag")
"""RuntimeDirectory of the systemd unit; root makes it where it is missing."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NETWORK_NAMESPACE = Path("/proc/thread-self/ns/net")


class Lock:
    """Held from its making to `close`, or to the end of the process."""

    def __init__(self, folder: Path = RUNTIME) -> None:
        """Raises JoulepathError where another tagger holds it, or where another user could."""
        namespace = _NETWORK_NAMESPACE.stat().st_ino
        file = folder / f"net-{namespace}.lock"
        owner = _checked(folder)
        self._file = _opened(file, owner)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise JoulepathError(
                f"another `joulepath tag` runs in this network namespace (it holds {file}): "
                "run one, with all interfaces and flows"
            ) from None

    def close(self) -> None:
        """Lets another one start. The file stays: to remove it could remove the next one's."""
        os.close(self._file)


def _checked(folder: Path) -> int:
    """The folder's owner. Raises JoulepathError where another user may have made it or may write to it."""
    with contextlib.suppress(FileExistsError):
        try:
            folder.mkdir(mode=0o755)
        except OSError as error:
            if isinstance(error, FileExistsError):
                raise
            raise JoulepathError(
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
        raise JoulepathError(
            f"{file}: cannot be opened: {error.strerror}; give {file.parent} to this user (chown), "
            "or name another folder by --path.runtime"
        ) from None
    found = os.fstat(descriptor)
    trusted = found.st_uid in (0, owner, os.geteuid())
    if not stat.S_ISREG(found.st_mode) or not trusted or found.st_mode & 0o077:
        os.close(descriptor)
        raise JoulepathError(f"{file}: is not a file that only its owner can open: remove it")
    if os.geteuid() == 0 and found.st_uid != owner:
        os.fchown(descriptor, owner, -1)  # for a later start as that user
    return descriptor
