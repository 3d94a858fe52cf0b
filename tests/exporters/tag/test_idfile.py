# SPDX-License-Identifier: Apache-2.0
"""Only a trusted writer sets an id, and a writer without rights cannot lead a privileged reader to another file."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.tag import idfile

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

ID = "000102030405060708090a0b0c0d0e0f"
ELSES = "00112233445566778899aabbccddeeff"
APPLICATION, STRANGER = 64001, 64002


@pytest.fixture
def folder() -> Iterator[Path]:
    """The application's, in a place that only root writes to."""
    with tempfile.TemporaryDirectory(dir="/run", prefix="joulepath-test-") as name:
        Path(name).chmod(0o755)
        (path := Path(name) / "application").mkdir()
        os.chown(path, APPLICATION, APPLICATION)
        yield path


def write(path: Path, text: str = ID, user: int = APPLICATION, mode: int = 0o644) -> Path:
    path.write_text(text + "\n")
    os.chown(path, user, user)
    path.chmod(mode)
    return path


def refusal(path: Path, owner: int | None = APPLICATION) -> str:
    with pytest.raises(JoulepathError) as caught:
        idfile.read(path, owner)
    (line,) = caught.value.messages
    assert line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


def test_an_id_file_must_belong_to_the_stated_user_or_root(folder: Path) -> None:
    assert idfile.read(write(folder / "id"), APPLICATION).hex() == ID
    assert idfile.read(write(folder.parent / "id", user=0)).hex() == ID
    assert "another user can put a file there" in refusal(folder / "id", None)
    assert refusal(write(folder.parent / "id"), None) == (
        f"belongs to user {APPLICATION}: say so by `id_owner` if that user may choose the id"
    )
    assert refusal(write(folder / "id", user=STRANGER)) == f"belongs to user {STRANGER}: `id_owner` says {APPLICATION}"
    assert refusal(write(folder / "id", mode=0o666)) == f"other users can write to it: chmod go-w {folder / 'id'}"
    assert refusal(write(folder / "id", "no id")) == "holds no id of 32 hexadecimal digits"
    (folder / "id").write_bytes(b"\xff" * 32)
    assert refusal(folder / "id") == "holds no id of 32 hexadecimal digits"
    (folder / "id").write_text(ID + "\n" * 5000)
    assert refusal(folder / "id") == "has more than 4096 octets"
    assert refusal(folder / "none") == "cannot be read: No such file or directory"


def test_links_of_any_kind_are_refused(folder: Path) -> None:
    secret = write(folder.parent / "secret", ELSES, user=0, mode=0o600)
    link = folder / "id"
    link.symlink_to(secret)
    assert refusal(link) == "is a link: write the id into a file"
    link.unlink()
    link.hardlink_to(secret)  # a host with fs.protected_hardlinks=0 lets anyone do so
    assert refusal(link) == f"belongs to user 0: `id_owner` says {APPLICATION}"
    link.unlink()
    (folder / "below").symlink_to(folder.parent)
    os.chown(folder / "below", APPLICATION, APPLICATION, follow_symlinks=False)
    assert refusal(folder / "below" / "secret") == f"{folder / 'below'} is a link: name the folder itself"
    # Nor does a link to the right target.
    write(folder / "own")
    link.symlink_to("own")
    assert refusal(link) == "is a link: write the id into a file"


def test_links_of_roots_are_followed_and_their_target_is_checked(folder: Path) -> None:
    write(folder / "id")
    link = folder.parent / "link"
    link.symlink_to("application")
    assert idfile.read(link / "id", APPLICATION).hex() == ID
    folder.chmod(0o777)
    assert f"chown {folder} to the user who writes it" in refusal(link / "id")
    round_and_round = folder.parent / "round"
    round_and_round.symlink_to("round")
    assert "is a link" in refusal(round_and_round / "id")


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFDIR])
def test_only_regular_files_are_read(folder: Path, kind: int) -> None:
    path = folder / "id"
    if kind == stat.S_IFSOCK:
        with socket.socket(socket.AF_UNIX) as unix_socket:
            unix_socket.bind(str(path))
    elif kind == stat.S_IFDIR:
        path.mkdir()
    else:
        os.mknod(path, kind | 0o644, os.makedev(1, 5))
    os.chown(path, APPLICATION, APPLICATION)
    assert refusal(path) == "is not a regular file: write the id into a file"


def test_a_device_is_not_even_opened(folder: Path) -> None:
    """As an open may do something: this one fails, for the device does not exist."""
    path = folder / "id"
    os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(510, 77))
    with pytest.raises(OSError, match="No such device"):
        path.open()
    assert refusal(path) == "is not a regular file: write the id into a file"


def test_a_folder_that_others_can_write_to_is_refused(folder: Path) -> None:
    write(folder / "id")
    for mode in 0o777, 0o775, 0o1777:
        folder.chmod(mode)
        assert "another user can put a file there" in refusal(folder / "id")
    folder.chmod(0o755)
    os.chown(folder, STRANGER, STRANGER)
    assert "another user can put a file there" in refusal(folder / "id")
    os.chown(folder, APPLICATION, APPLICATION)
    # One further up could be renamed, but not in a sticky one.
    folder.parent.chmod(0o777)
    assert f"chmod go-w {folder.parent}" in refusal(folder / "id")
    folder.parent.chmod(0o1777)
    assert idfile.read(folder / "id", APPLICATION).hex() == ID


def descriptors(folder: Path) -> list[str]:
    """The files that this process has open in a folder and on the way to it. Other tests close theirs at any time."""
    targets: list[str] = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            targets.append(str(descriptor.readlink()))
    way = {str(parent) for parent in (folder, *folder.parents)}
    return sorted(target for target in targets if target in way or target.startswith(f"{folder}/"))


def test_no_descriptor_is_left_open(folder: Path) -> None:
    before = descriptors(folder)
    write(folder / "id")
    (folder / "link").symlink_to("id")
    for name in "id", "none", "link", "id/below":
        for owner in APPLICATION, None:
            try:
                idfile.read(folder / name, owner)
            except JoulepathError:
                continue
    assert descriptors(folder) == before


def test_a_private_file_is_not_read_for_its_reader(folder: Path) -> None:
    """A reader with another uid, and no right to read all files, cannot open the application's private file."""
    path = write(folder / "id", mode=0o600)
    script = (
        f"from joulepath.tag import idfile; from pathlib import Path; idfile.read(Path({str(path)!r}), {APPLICATION})"
    )
    command = ["setpriv", "--bounding-set=-all", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert "cannot be read: Permission denied" in done.stderr
