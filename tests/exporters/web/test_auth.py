# SPDX-License-Identifier: Apache-2.0
"""Passwords: bcrypt is asked once for each, keeps others waiting for nobody, and tells nothing about who exists."""

import base64
import contextlib
import statistics
import threading
import time

import bcrypt
import pytest

from joulepath.web.auth import MAX_LOGINS, BasicUsers, BusyError, Passwords

pytestmark = pytest.mark.unit


def header(user: str, password: str | bytes) -> str:
    raw = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + raw).decode()


def hashed(password: str, rounds: int = 4) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds)).decode()


def seconds(users: BasicUsers, authorization: str) -> float:
    began = time.perf_counter()
    users.allowed(authorization)
    return time.perf_counter() - began


def test_a_password_is_hashed_once() -> None:
    users = BasicUsers({"prometheus": hashed("right", 10)}, Passwords())
    first = seconds(users, header("prometheus", "right"))
    again = statistics.median(seconds(users, header("prometheus", "right")) for _ in range(20))
    assert users.allowed(header("prometheus", "right"))
    assert again < first / 50
    refused = seconds(users, header("prometheus", "wrong"))
    assert seconds(users, header("prometheus", "wrong")) < refused / 50
    assert not users.allowed(header("prometheus", "wrong"))


def test_a_name_that_nobody_has_takes_as_long_as_a_wrong_password() -> None:
    users = BasicUsers({"prometheus": hashed("right", 8)}, Passwords())
    known = statistics.median(seconds(users, header("prometheus", f"wrong{n}")) for n in range(9))
    unknown = statistics.median(seconds(users, header(f"user{n}", "right")) for n in range(9))
    assert 0.5 < known / unknown < 2


def test_users_of_different_costs_take_the_same_time() -> None:
    users = BasicUsers({"cheap": hashed("right", 4), "dear": hashed("right", 9)}, Passwords())
    cheap = statistics.median(seconds(users, header("cheap", f"wrong{n}")) for n in range(9))
    dear = statistics.median(seconds(users, header("dear", f"wrong{n}")) for n in range(9))
    assert 0.5 < cheap / dear < 2


def test_more_logins_than_may_wait_are_turned_away_at_once() -> None:
    users = BasicUsers({"prometheus": hashed("right", 11)}, Passwords())
    results: list[bool | None] = []

    def login(number: int) -> None:
        try:
            results.append(users.allowed(header("prometheus", f"wrong{number}")))
        except BusyError:
            results.append(None)

    threads = [threading.Thread(target=login, args=(number,)) for number in range(3 * MAX_LOGINS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(None) >= MAX_LOGINS
    assert results.count(False) >= MAX_LOGINS
    assert users.allowed(header("prometheus", "right"))


def test_wrong_passwords_are_remembered_within_bounds_and_displace_no_right_one() -> None:
    passwords = Passwords()
    users = BasicUsers({"prometheus": hashed("right")}, passwords)
    assert users.allowed(header("prometheus", "right"))
    for number in range(300):
        assert not users.allowed(header(f"user{number % 7}", f"wrong{number}"))
    assert len(passwords._wrong) == 100
    assert list(passwords._right) == ["prometheus"]


def test_a_known_user_does_not_wait_for_a_flood_of_wrong_passwords() -> None:
    users = BasicUsers({"prometheus": hashed("right", 10)}, Passwords())
    assert users.allowed(header("prometheus", "right"))
    ended = threading.Event()

    def flood(offset: int) -> None:
        number = 0
        while not ended.is_set():
            number += 1
            with contextlib.suppress(BusyError):
                users.allowed(header("prometheus", f"wrong{offset}-{number}"))

    threads = [threading.Thread(target=flood, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert max(seconds(users, header("prometheus", "right")) for _ in range(50)) < 0.2
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_changed_hash_ends_the_old_password_at_once_and_an_unchanged_one_is_not_hashed_again() -> None:
    passwords = Passwords()
    old = hashed("right", 10)
    assert BasicUsers({"prometheus": old}, passwords).allowed(header("prometheus", "right"))
    reread = BasicUsers({"prometheus": old}, passwords)
    assert seconds(reread, header("prometheus", "right")) < 0.01
    assert not BasicUsers({"prometheus": hashed("new")}, passwords).allowed(header("prometheus", "right"))
    assert not BasicUsers({"other": hashed("x")}, passwords).allowed(header("prometheus", "right"))
    assert passwords._right == {}


@pytest.mark.parametrize("password", ["", ":", "a:b", "ünïcode", "x" * 100, "p\N{SNOWMAN}"])
def test_passwords_of_all_kinds(password: str) -> None:
    users = BasicUsers({"prometheus": hashed(password)}, Passwords())
    assert users.allowed(header("prometheus", password))
    assert not users.allowed(header("prometheus", "y" + password))


def test_octets_that_are_no_text() -> None:
    users = BasicUsers({"prometheus": hashed("right")}, Passwords())
    assert not users.allowed(header("prometheus", b"\xff\x00\xfe"))
    assert not users.allowed("Basic " + base64.b64encode(b"\xff:right").decode())
