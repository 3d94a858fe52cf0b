# SPDX-License-Identifier: Apache-2.0
import logging
from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.serving.reload import RETRY_SECONDS, Part, Reloader

pytestmark = pytest.mark.unit


class Kept:
    """A configuration of one word, which must not be `wrong`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.word = ""
        self.reads = 0
        self.reload()

    def reload(self) -> None:
        self.reads += 1
        word = self.path.read_text()
        if word == "wrong":
            raise UsageError([f"{self.path}: is wrong", f"{self.path}: in two ways"])
        if word == "defect":
            raise ZeroDivisionError
        self.word = word

    def part(self) -> Part:
        return Part(self.path.name, lambda: [self.path], self.reload)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    path = tmp_path / "own"
    path.write_text("first")
    return Kept(path)


def replace(path: Path, text: str) -> None:
    """As deployments do: renamed over, so that no half of it is ever seen."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def test_only_a_changed_file_is_read_again(kept: Kept) -> None:
    reloader = Reloader([kept.part()])
    reloader.look()
    assert kept.reads == 1
    replace(kept.path, "second")
    reloader.look()
    reloader.look()
    assert (kept.word, kept.reads, reloader.successful) == ("second", 2, True)


def test_a_wrong_file_keeps_the_old_one_and_is_one_line(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    reloader = Reloader([kept.part()])
    replace(kept.path, "wrong")
    with caplog.at_level(logging.INFO, "joulepath"):
        reloader.look()
        reloader.look()
    assert (kept.word, reloader.successful) == ("first", False)
    (record,) = caplog.records
    assert record.message == f"{kept.path}: is wrong; {kept.path}: in two ways"
    replace(kept.path, "third")
    reloader.look()
    assert (kept.word, reloader.successful) == ("third", True)


def test_a_defect_in_reading_ends_nothing(kept: Kept) -> None:
    reloader = Reloader([kept.part()])
    replace(kept.path, "defect")
    reloader.look()
    assert (kept.word, reloader.successful) == ("first", False)


def test_a_failed_part_is_retried_and_logged_once(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    missing = kept.path.with_name("secret")

    def reload() -> None:
        kept.reload()
        if not missing.exists():
            raise UsageError(f"{missing}: cannot be read")

    reloader = Reloader([Part("own", lambda: [kept.path], reload)], clock=lambda: now[0])
    replace(kept.path, "names a file that comes later")
    for _ in range(100):
        now[0] += 1
        reloader.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    missing.write_text("x")
    now[0] += RETRY_SECONDS
    reloader.look()
    assert reloader.successful


def test_a_part_that_began_without_a_file_is_tried_again(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """Also where nothing changes that can be seen: a right to read, for instance."""
    now = [0.0]
    reloader = Reloader([kept.part()], clock=lambda: now[0])
    reloader.began("web", "no part of this")
    reloader.began("own", "")
    assert reloader.successful
    reloader.began("own", f"{kept.path}: is wrong; {kept.path}: in two ways")
    assert not reloader.successful
    kept.path.write_text("wrong")
    reloader.look()
    assert (reloader.successful, caplog.records) == (False, [])  # it was said at the start
    kept.path.write_text("right")
    reloader.look()
    assert (reloader.successful, kept.word) == (True, "right")


def test_one_part_that_is_wrong_harms_no_other(tmp_path: Path, kept: Kept) -> None:
    other_path = tmp_path / "web"
    other_path.write_text("a")
    other = Kept(other_path)
    reloader = Reloader([kept.part(), other.part()])
    replace(kept.path, "wrong")
    replace(other_path, "b")
    reloader.look()
    assert (kept.word, other.word, reloader.successful) == ("first", "b", False)


def test_on_request_everything_is_read_again(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    nothing = Part("rapl", list, lambda: pytest.fail("there is nothing to read"))
    reloader = Reloader([kept.part(), nothing])
    reloader.reload()
    assert kept.reads == 2
    kept.path.unlink()
    reloader.look()
    assert not reloader.successful
