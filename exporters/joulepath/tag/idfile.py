# SPDX-License-Identifier: Apache-2.0
"""Reads the file in which an application says its id: of a regular file that only the right user can write.

The tagger has rights that the writer lacks. So nothing that the writer can make, such as a link, leads it to a file
that the writer cannot read.
"""

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

from joulepath.errors import JoulepathError
from joulepath.tag.settings import TRACE_ID

MOST_OCTETS = 4096
_MOST_LINKS = 8
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def read(path: Path, owner: int | None = None) -> bytes:
    """The 16 octets. The file is `owner`'s; without that, root's or this user's.

    Raises JoulepathError, in one line, for a file that is missing, is not trusted, or does not hold an id.
    """
    trusted = {0, os.geteuid()} if owner is None else {owner}
    try:
        text = _octets(path, trusted).decode("ascii").strip()
    except OSError as error:
        raise JoulepathError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    if not TRACE_ID.fullmatch(text):
        raise JoulepathError(f"{path}: holds no id of 32 hexadecimal digits")
    return bytes.fromhex(text)


def _octets(path: Path, trusted: Collection[int]) -> bytes:
    folder = _folder(path, {0, os.geteuid(), *trusted})
    try:
        # A device may do something when it is opened: this only looks at it.
        found = os.open(path.name, _FOLDER, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        status = os.fstat(found)
        _check(path, status, trusted)
        file = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(found)
    try:
        return os.read(file, MOST_OCTETS)
    finally:
        os.close(file)


def _check(path: Path, status: os.stat_result, trusted: Collection[int]) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "is a link" if stat.S_ISLNK(status.st_mode) else "is not a regular file"
        raise JoulepathError(f"{path}: {kind}: write the id into a file")
    if status.st_uid not in trusted:
        raise JoulepathError(f"{path}: belongs to user {status.st_uid}: {_instead(trusted)}")
    if status.st_mode & _OTHERS_WRITE:
        raise JoulepathError(f"{path}: other users can write to it: chmod go-w {path}")
    if status.st_size > MOST_OCTETS:
        raise JoulepathError(f"{path}: has more than {MOST_OCTETS} octets")


def _instead(trusted: Collection[int]) -> str:
    if 0 in trusted:
        return "say so by `id_owner` if that user may choose the id"
    return f"`id_owner` says {', '.join(map(str, trusted))}"


def _folder(path: Path, trusted: Collection[int]) -> int:
    """The file's folder, opened. Only `trusted` can have put another one there. Raises JoulepathError, OSError."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # `..` goes without a look at links
    names = list(reversed(absolute.parent.parts[1:]))
    so_far, folder, links = Path("/"), os.open("/", _FOLDER), 0
    try:
        _check_folder(path, so_far, folder, trusted, last=not names)
        while names:
            name = names.pop()
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                target = os.readlink(name, dir_fd=folder)
                names += reversed(_target(path, so_far / name, status, target, links).parts[1:])
                so_far, below = Path("/"), os.open("/", _FOLDER)
            else:
                so_far, below = so_far / name, os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
            _check_folder(path, so_far, folder, trusted, last=not names)
    except BaseException:
        os.close(folder)
        raise
    return folder


def _target(path: Path, link: Path, status: os.stat_result, target: str, links: int) -> Path:
    """The target of a link of root's, such as /var/run; the target is checked like the rest."""
    if status.st_uid != 0 or links > _MOST_LINKS:
        raise JoulepathError(f"{path}: {link} is a link: name the folder itself")
    return Path(os.path.normpath(link.parent / target))


def _check_folder(path: Path, name: Path, folder: int, trusted: Collection[int], *, last: bool) -> None:
    status = os.fstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    # In a sticky folder, such as /tmp, only its owner can replace what is there; but anyone can add a file.
    sticky = status.st_mode & stat.S_ISVTX and not last
    if status.st_uid not in trusted or (status.st_mode & _OTHERS_WRITE and not sticky):
        raise JoulepathError(
            f"{path}: another user can put a file there: chown {name} to the user who writes it, and chmod go-w {name}"
        )
