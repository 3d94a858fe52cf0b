# SPDX-License-Identifier: Apache-2.0
"""Reads files of the configuration: regular ones only, so that nothing waits; warns where others can change one."""

import errno
import logging
import os
import stat
from pathlib import Path
from typing import Literal

from joulepath.errors import UsageError

logger = logging.getLogger(__name__)

MOST_OCTETS = 1 << 24
"""Of one file: thousands of devices need less than 1 MiB, a bundle of all public authorities 0.3 MiB."""
Holds = Literal["configuration", "secret", "data"]
_PACKAGE = Path(__file__).parent
_told: set[tuple[Path, str]] = set()


def read(path: Path, holds: Holds = "configuration", most: int = MOST_OCTETS) -> bytes:
    """The whole file. Raises OSError, also if it is too large or not a regular file: a pipe would hold all up.

    Warns, once, of a configuration or a secret that other users can write to, and of a secret that they can read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    with os.fdopen(descriptor, "rb") as file:
        octets = file.read(most + 1)
    if len(octets) > most:
        raise OSError(errno.EFBIG, f"it has more than {most >> 20} MiB", path)
    if holds != "data" and not path.is_relative_to(_PACKAGE):
        _warn(path, status, secret=holds == "secret")
    return octets


def text_of(path: Path, holds: Holds = "configuration") -> str:
    """The text of the file. Raises UsageError."""
    try:
        return read(path, holds).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: byte {error.start}") from None


def check_folder(path: Path) -> None:
    """Raises UsageError for a folder that is to be made and has the name of a YAML file."""
    if path.suffix in {".yaml", ".yml"} and not path.is_dir():
        raise UsageError(f"{path}: is the name of a file: name a folder, and the files in it get their own names")


def _warn(path: Path, status: os.stat_result, *, secret: bool) -> None:
    if _others(status, stat.S_IWGRP, stat.S_IWOTH):
        _tell(path, "other users can write to it: chmod go-w")
    if secret and _others(status, stat.S_IRGRP, stat.S_IROTH):
        _tell(path, "other users can read the secret in it: chmod go-r")


def _others(status: os.stat_result, group: int, others: int) -> bool:
    """Whether others than the owner may. A group that was chosen for this may read."""
    by_root = status.st_uid == 0 and status.st_gid != 0
    ours = status.st_uid != os.geteuid() and status.st_gid in (os.getegid(), *os.getgroups())
    chosen = group == stat.S_IRGRP and (by_root or ours)
    return bool(status.st_mode & others or (status.st_mode & group and not chosen))


def _tell(path: Path, text: str) -> None:
    if logger.hasHandlers() and (path, text) not in _told:  # not of a trial by --once
        _told.add((path, text))
        logger.warning("%s: %s %s", path, text, path)
