# SPDX-License-Identifier: Apache-2.0
"""Which sockets a cgroup's processes hold, and where those were made."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from joulepath.tag import sockets
from joulepath.tag.program import SocketKey

SO_COOKIE = 57  # include/uapi/asm-generic/socket.h


def cookie(of: socket.socket) -> int:
    return int.from_bytes(of.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)


@pytest.mark.kernel
def test_the_kernels_list_of_sockets_is_read() -> None:
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as connection,
    ):
        datagrams.bind(("::1", 0))
        known = sockets.known()
        entries = {each: known[os.fstat(each.fileno()).st_ino] for each in (datagrams, listener, connection)}
        assert [entries[each].cookie for each in entries] == [cookie(each) for each in entries]
        port = listener.getsockname()[1]
        assert [each.listening for each in entries.values()] == [0, port, 0]
        assert len({each.cgroup for each in entries.values()}) == 1
        cgroup = entries[listener].cgroup
        assert list(entries[listener].keys) == [SocketKey(cookie(listener)), SocketKey(cgroup, port)]
        assert list(entries[connection].keys) == [SocketKey(cookie(connection))]


def tree(root: Path, group: str, process: int, *files: str) -> Path:
    """A cgroup with one process that holds these files."""
    folder = root / "cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text(f"{process}\n")
    held = root / "proc" / str(process) / "fd"
    held.mkdir(parents=True)
    for number, file in enumerate(files):
        (held / str(number)).symlink_to(file)
    return folder


@pytest.mark.unit
def test_the_sockets_that_processes_hold_are_found(tmp_path: Path) -> None:
    above = tree(tmp_path, "pod", 7, "/dev/null", "socket:[100]", "pipe:[5]")
    below = tree(tmp_path, "pod/container", 8, "socket:[100]", "socket:[101]")
    (below / "cgroup.procs").write_text("8\n9999\n")  # one has ended
    assert sockets.used([above, below, tmp_path / "gone"], tmp_path / "proc") == {100, 101}


@pytest.mark.kernel
def test_sockets_of_this_cgroup_are_not_made_elsewhere(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as held:
        held.bind(("::1", 0))
        folder = tree(tmp_path, "service", 7, f"socket:[{os.fstat(held.fileno()).st_ino}]")
        # The folder is another one than that of the socket, whichever that is.
        foreign = sockets.made_elsewhere({"video": folder, "audio": folder}, tmp_path / "proc")
        assert foreign == {SocketKey(cookie(held)): frozenset({"video", "audio"})}
        assert sockets.made_elsewhere({}, tmp_path / "proc") == {}


@pytest.mark.kernel
@pytest.mark.usefixtures("as_root")
def test_other_users_processes_need_a_right(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    script = (
        "import sys; from pathlib import Path; from joulepath.tag import sockets\n"
        "from joulepath.errors import JoulepathError\n"
        "try:\n    print(sockets.used([Path(sys.argv[1])], Path('/proc')))\n"
        "except JoulepathError as fault:\n    print(fault)"
    )
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as held:
        inode = str(os.fstat(held.fileno()).st_ino)
        for rights, message in (
            ("-all,+dac_read_search", "CAP_SYS_PTRACE"),
            ("-all,+dac_read_search,+sys_ptrace", inode),
        ):
            command = ["setpriv", f"--bounding-set={rights}", sys.executable, "-c", script, str(tmp_path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
            assert message in done.stdout


@pytest.mark.kernel
@pytest.mark.usefixtures("as_root")
def test_processes_are_read_without_the_right_to_read_all_files(tmp_path: Path) -> None:
    """/proc/PID/fd is the user's alone; with CAP_SYS_PTRACE and nothing else, fdinfo says the same."""
    holder = subprocess.Popen(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-Sc", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    with holder:
        assert holder.stdout is not None
        inodes = {int(each) for each in holder.stdout.readline().split()}
        (tmp_path / "cgroup.procs").write_text(f"{holder.pid}\n")
        script = (
            "import sys; from pathlib import Path; from joulepath.tag import sockets\n"
            "print(*sockets.used([Path(sys.argv[1])]))"
        )
        command = ["setpriv", "--bounding-set=-all,+sys_ptrace", sys.executable, "-c", script, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        holder.communicate("", timeout=10)
    assert done.returncode == 0, done.stderr
    assert {int(each) for each in done.stdout.split()} == inodes


HOLD = """
import os, socket, sys
held = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2)]
pipe, file = os.pipe(), open("/dev/null")
print(*(os.fstat(each.fileno()).st_ino for each in held), flush=True)
sys.stdin.read()
"""
