# SPDX-License-Identifier: Apache-2.0
"""Sockets that a sender's processes use although they were made in another cgroup.

systemd makes those of .socket units, and a process may have made some before it moved. A packet has the cgroup in which
its socket was made (sk_alloc of net/core/sock.c), and a connection that of the listening socket. Who uses a socket,
/proc says; in which cgroup it was made, the kernel's socket diagnostics (sock_diag(7)).
"""

import errno
import functools
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from joulepath.errors import JoulepathError
from joulepath.tag.program import SocketKey

_PROC = Path("/proc")
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY, _ERROR, _DONE = 20, 2, 3
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ASK = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2 of include/uapi/linux/inet_diag.h
_ALL_STATES = 0xFFFFFFFF
_SOCKET = struct.Struct("=BBxx2s38xQ16xI")  # struct inet_diag_msg: family, state, port; cookie; inode
_ATTRIBUTE = struct.Struct("=HH")
_CGROUP_ID = 21  # INET_DIAG_CGROUP_ID
_LISTEN = 10  # TCP_LISTEN


@dataclass(frozen=True)
class Socket:
    """A TCP or UDP socket of this network namespace."""

    cookie: int
    cgroup: int
    """The id of the one that it was made in: its folder's inode."""
    listening: int
    """The port of a socket that accepts connections; 0 for others."""

    @property
    def keys(self) -> Iterator[SocketKey]:
        """As the program knows it and its connections."""
        yield SocketKey(self.cookie)
        if self.listening:
            yield SocketKey(self.cgroup, self.listening)


def made_elsewhere(cgroups: Mapping[str, Path], proc: Path = _PROC) -> dict[SocketKey, frozenset[str]]:
    """For each socket the flows that use it and that its own cgroup says nothing of; `cgroups` are the flows' folders.

    Raises JoulepathError where the kernel does not let this process look.
    """
    sockets = known()
    found: dict[SocketKey, set[str]] = {}
    for name, folder in cgroups.items():
        below = [Path(each) for each, _, _ in os.walk(folder)]
        own = set(_inodes(below))
        for inode in used(below, proc):
            if inode in sockets and sockets[inode].cgroup not in own:
                for key in sockets[inode].keys:
                    found.setdefault(key, set()).add(name)
    return {key: frozenset(names) for key, names in found.items()}


def _inodes(folders: list[Path]) -> Iterator[int]:
    for folder in folders:
        try:
            yield folder.stat().st_ino
        except FileNotFoundError:
            continue


def used(folders: list[Path], proc: Path = _PROC) -> set[int]:
    """Inodes of the sockets that processes of these cgroups hold. Raises JoulepathError for want of a right."""
    found: set[int] = set()
    for folder in folders:
        try:
            processes = (folder / "cgroup.procs").read_text(encoding="ascii").split()
        except OSError:  # gone, or of threads alone
            continue
        for process in processes:
            try:
                found.update(_held(proc / process))
            except PermissionError:
                raise JoulepathError("to look at other users' processes needs the capability CAP_SYS_PTRACE") from None
            except OSError:
                continue  # ended, or closed a file
    return found


def _held(process: Path) -> list[int]:
    """Inodes of the sockets of one process. Raises OSError."""
    try:
        names = [str(each.readlink()) for each in (process / "fd").iterdir()]
    except PermissionError:
        # That folder is its user's alone. This one asks for CAP_SYS_PTRACE only, and has inodes since Linux 5.15.
        files = [each.read_text(encoding="ascii", errors="replace") for each in (process / "fdinfo").iterdir()]
        kernels = _mount_of_sockets()
        found = [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in files]
        if found and not any("ino" in each for each in found):
            raise
        return [int(each["ino"]) for each in found if "ino" in each and each.get("mnt_id") == kernels]
    return [int(name[8:-1]) for name in names if name.startswith("socket:[")]


@functools.cache
def _mount_of_sockets() -> str:
    """The id of the kernel's own mount on which all sockets are."""
    with socket.socket(socket.AF_UNIX) as one:
        text = Path(f"/proc/self/fdinfo/{one.fileno()}").read_text(encoding="ascii")
    return next(line.partition(":\t")[2] for line in text.splitlines() if line.startswith("mnt_id:"))


def known() -> dict[int, Socket]:
    """The sockets of this network namespace by inode. Raises JoulepathError where the kernel does not tell."""
    found: dict[int, Socket] = {}
    try:
        for family in socket.AF_INET6, socket.AF_INET:
            for protocol in socket.IPPROTO_TCP, socket.IPPROTO_UDP:
                found.update(_dumped(family, protocol))
    except OSError as error:
        raise JoulepathError(f"the kernel does not list sockets (tcp_diag, udp_diag): {error.strerror}") from None
    return found


def _dumped(family: int, protocol: int) -> Iterator[tuple[int, Socket]]:
    ask = _ASK.pack(family, protocol, 0, _ALL_STATES)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(ask), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 0, 0) + ask)
        while True:
            answer = memoryview(kernel.recv(1 << 16))
            while len(answer) >= _HEADER.size:
                length, kind, *_ = _HEADER.unpack_from(answer)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", answer, _HEADER.size)[0]
                    raise OSError(number or errno.EIO, os.strerror(number or errno.EIO))
                if (one := _socket(answer[_HEADER.size : length])) is not None:
                    yield one
                answer = answer[-(-length // 4) * 4 :]


def _socket(message: memoryview) -> tuple[int, Socket] | None:
    """Inode and socket of a message; None where it does not say the cgroup (before Linux 5.9)."""
    _, state, port, cookie, inode = _SOCKET.unpack_from(message)
    attributes = message[_SOCKET.size :]
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _CGROUP_ID:
            (cgroup,) = struct.unpack_from("=Q", attributes, _ATTRIBUTE.size)
            return inode, Socket(cookie, cgroup, int.from_bytes(port, "big") if state == _LISTEN else 0)
        if length < _ATTRIBUTE.size:
            break
        attributes = attributes[-(-length // 4) * 4 :]
    return None
