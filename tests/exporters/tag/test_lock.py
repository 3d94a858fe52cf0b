# SPDX-License-Identifier: Apache-2.0
"""The lock against a second tagger, and those who would hold it to keep the first one out."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.tag.lock import Lock
from joulepath_lab.network.namespace import NetworkNamespace

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

HOLD = """
import sys
from pathlib import Path
from joulepath.tag.lock import Lock
from joulepath.errors import JoulepathError
try:
    lock = Lock(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    print("held", flush=True)
except JoulepathError as fault:
    print(fault, flush=True)
sys.stdin.read()
"""
SQUAT = """
import socket, sys
taken = socket.socket(socket.AF_UNIX)
taken.bind("\\0joulepath-tag")
if sys.argv[1] == "listen":
    taken.listen(0)
print("held", flush=True)
sys.stdin.read()
"""
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
# It may read a checkout that is closed to others; to write or to lock is another right.
READER = (*NOBODY, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In a place that only root writes to, as /run is."""
    with tempfile.TemporaryDirectory(dir="/run", prefix="joulepath-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "tag"


@pytest.fixture
def namespace() -> Iterator[NetworkNamespace]:
    with NetworkNamespace() as network:
        yield network


class Other:
    """A process in the namespace that says one line and stays."""

    def __init__(
        self, stack: ExitStack, namespace: NetworkNamespace, script: str, *words: str, wrapper: tuple[str, ...] = ()
    ) -> None:
        command = namespace.command(*wrapper, sys.executable, "-c", script, *words)
        self._process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        )
        stack.callback(self.end)
        assert self._process.stdout is not None
        self.said = self._process.stdout.readline().strip()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.communicate("", timeout=10)


def test_only_one_process_holds_the_lock(namespace: NetworkNamespace, folder: Path) -> None:
    with ExitStack() as stack:
        first = Other(stack, namespace, HOLD, str(folder))
        assert first.said == "held"
        second = Other(stack, namespace, HOLD, str(folder))
        assert second.said.startswith("another `joulepath tag` runs in this network namespace (it holds ")
        other = stack.enter_context(NetworkNamespace())
        assert Other(stack, other, HOLD, str(folder)).said == "held"
        first.end()
        assert Other(stack, namespace, HOLD, str(folder)).said == "held"
    (file, _) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_one_of_two_containers_holds_the_lock(namespace: NetworkNamespace, folder: Path) -> None:
    """They share the network namespace and no folder."""
    with ExitStack() as stack:
        assert Other(stack, namespace, HOLD, str(folder)).said == "held"
        second = Other(stack, namespace, HOLD, f"{folder}-2")
        assert "(its user holds the address @joulepath-tag)" in second.said


@pytest.mark.parametrize("how", ["bind", "listen"])
def test_another_user_with_the_address_does_not_hold_up_the_lock(
    namespace: NetworkNamespace, folder: Path, how: str
) -> None:
    with ExitStack() as stack:
        assert Other(stack, namespace, SQUAT, how, wrapper=READER).said == "held"
        assert Other(stack, namespace, HOLD, str(folder)).said == "held"
        assert Other(stack, namespace, HOLD, str(folder)).said.startswith("another `joulepath tag` runs")


def test_another_user_cannot_open_the_file(folder: Path) -> None:
    with_lock = Lock(folder)
    (file,) = folder.iterdir()
    done = subprocess.run([*NOBODY, "cat", str(file)], capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stderr
    done = subprocess.run([*NOBODY, "touch", str(folder / "more")], capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stderr
    with_lock.close()


def refusal(folder: Path) -> str:
    with pytest.raises(JoulepathError) as caught:
        Lock(folder)
    assert len(caught.value.messages) == 1
    return caught.value.messages[0]


def test_an_untrusted_folder_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    assert refusal(folder) == f"{folder}: other users can write to it: chmod go-w {folder}"
    folder.rmdir()
    folder.symlink_to(folder.parent)
    assert refusal(folder) == f"{folder}: is not a folder: remove it"
    folder.unlink()
    # Made by a stranger where strangers may.
    open_to_all = folder.parent / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o1777)
    theirs = open_to_all / "tag"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    assert refusal(theirs) == f"{theirs}: belongs to user 65534: remove it, or chown it to root"
    assert "cannot be made: No such file or directory; as root: install -d" in refusal(folder / "not" / "there")


def test_an_untrusted_file_is_refused(folder: Path) -> None:
    Lock(folder).close()
    (file,) = folder.iterdir()
    file.chmod(0o644)  # anyone could lock it
    assert refusal(folder) == f"{file}: is not a file that only its owner can open: remove it"
    file.unlink()
    file.symlink_to(folder / "elsewhere")
    assert f"{file}: cannot be opened: Too many levels of symbolic links; remove it" in refusal(folder)
    file.unlink()
    os.mkfifo(file, 0o600)
    assert refusal(folder) == f"{file}: is not a file that only its owner can open: remove it"


def test_a_file_with_a_second_name_is_not_given_away(folder: Path) -> None:
    """The unit's user owns the folder, and root's tagger gives new files there to that user: not root's own ones."""
    folder.mkdir(mode=0o755)
    os.chown(folder, 64001, 64001)
    secret = folder.parent / "secret"
    secret.touch(mode=0o600)
    Lock(folder).close()
    (file,) = folder.iterdir()
    file.unlink()
    file.hardlink_to(secret)  # as fs.protected_hardlinks=0 lets that user do
    assert refusal(folder) == f"{file}: is not a file that only its owner can open: remove it"
    assert secret.stat().st_uid == 0


def test_the_overflow_user_cannot_hold_up_a_tagger(namespace: NetworkNamespace, folder: Path) -> None:
    """A tagger that runs as this user takes no stranger for another tagger."""
    folder.mkdir(mode=0o755)
    os.chown(folder, 65534, 65534)
    with ExitStack() as stack:
        assert Other(stack, namespace, SQUAT, "listen", wrapper=READER).said == "held"
        assert Other(stack, namespace, HOLD, str(folder), wrapper=READER).said == "held"


def test_the_folder_of_the_units_user_is_accepted(namespace: NetworkNamespace, folder: Path) -> None:
    """As RuntimeDirectory= and User= make it; root's tagger and that user's exclude one another."""
    folder.mkdir(mode=0o755)
    os.chown(folder, 65534, 65534)
    with ExitStack() as stack:
        by_root = Other(stack, namespace, HOLD, str(folder))
        assert by_root.said == "held"
        assert "it holds" in Other(stack, namespace, HOLD, str(folder), wrapper=READER).said
        by_root.end()
        assert Other(stack, namespace, HOLD, str(folder), wrapper=READER).said == "held"
        assert "it holds" in Other(stack, namespace, HOLD, str(folder)).said
