# SPDX-License-Identifier: Apache-2.0
"""Passwords: bcrypt runs once for each, delays no other client, and does not reveal which users exist."""

import base64
import threading

import bcrypt
import pytest

from joulepath.web.auth import MAX_LOGINS, BasicUsers, BusyError, Passwords
from joulepath_lab.network.namespace import PATIENCE_SECONDS
from joulepath_lab.run.waiting import until

pytestmark = pytest.mark.unit


def header(user: str, password: str | bytes) -> str:
    raw = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + raw).decode()


def hash_password(password: str, rounds: int = 4) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds)).decode()


class Counted:
    """bcrypt, and the cost of each hash that it was asked about."""

    def __init__(self) -> None:
        self.costs: list[int] = []

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.costs.append(int(hashed.split(b"$")[2]))
        return bcrypt.checkpw(password, hashed)


def test_a_password_is_hashed_once() -> None:
    check = Counted()
    users = BasicUsers({"prometheus": hash_password("right")}, Passwords(check))
    assert all(users.allowed(header("prometheus", "right")) for _ in range(20))
    assert len(check.costs) == 1
    assert not any(users.allowed(header("prometheus", "wrong")) for _ in range(20))
    assert len(check.costs) == 2


def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    check = Counted()
    users = BasicUsers({"prometheus": hash_password("right", 6), "other": hash_password("right", 4)}, Passwords(check))
    assert not users.allowed(header("prometheus", "wrong"))
    assert not users.allowed(header("stranger", "right"))
    assert check.costs == [6, 6]


def test_users_of_different_costs_take_the_same_time() -> None:
    check = Counted()
    users = BasicUsers({"cheap": hash_password("right", 4), "dear": hash_password("right", 7)}, Passwords(check))
    assert not users.allowed(header("cheap", "wrong"))
    assert check.costs == [4, 4, 5, 6]  # bcrypt's time is 2 to the power of the cost
    assert not users.allowed(header("dear", "wrong"))
    assert check.costs[4:] == [7]
    assert sum(2**cost for cost in check.costs[:4]) == 2**7
    assert users.allowed(header("cheap", "right"))


def test_more_logins_than_may_wait_are_turned_away_at_once() -> None:
    go_on = threading.Event()
    users = BasicUsers(
        {"prometheus": hash_password("right")}, Passwords(lambda *_: go_on.wait(PATIENCE_SECONDS) and False)
    )
    refused: list[bool] = []
    threads = [
        threading.Thread(target=lambda n=n: refused.append(not users.allowed(header("prometheus", f"wrong{n}"))))
        for n in range(MAX_LOGINS)
    ]
    for thread in threads:
        thread.start()
    until(lambda: users._passwords._places._value == 0)
    with pytest.raises(BusyError):
        users.allowed(header("prometheus", "one more"))
    go_on.set()
    for thread in threads:
        thread.join()
    assert refused == [True] * MAX_LOGINS


def test_wrong_passwords_are_bounded_and_do_not_displace_a_right_one() -> None:
    passwords = Passwords()
    users = BasicUsers({"prometheus": hash_password("right")}, passwords)
    assert users.allowed(header("prometheus", "right"))
    for number in range(300):
        assert not users.allowed(header(f"user{number % 7}", f"wrong{number}"))
    assert len(passwords._wrong) == 100
    assert list(passwords._right) == ["prometheus"]


def test_a_known_user_does_not_wait_for_a_flood_of_wrong_passwords() -> None:
    ended = threading.Event()

    def check(password: bytes, hashed: bytes) -> bool:
        return password == b"right" or (ended.wait(PATIENCE_SECONDS) and False)

    users = BasicUsers({"prometheus": hash_password("right")}, Passwords(check))
    assert users.allowed(header("prometheus", "right"))
    refused: list[bool] = []

    def flood(offset: int) -> None:
        refused.append(not users.allowed(header("prometheus", f"wrong{offset}")))

    threads = [threading.Thread(target=flood, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert all(users.allowed(header("prometheus", "right")) for _ in range(50))
        assert not refused  # the first of them is still being hashed
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert refused == [True] * 8


def test_a_changed_hash_ends_the_old_password_and_an_unchanged_one_stays() -> None:
    check = Counted()
    passwords = Passwords(check)
    old = hash_password("right")
    assert BasicUsers({"prometheus": old}, passwords).allowed(header("prometheus", "right"))
    reread = BasicUsers({"prometheus": old}, passwords)
    assert reread.allowed(header("prometheus", "right"))
    assert len(check.costs) == 1
    assert not BasicUsers({"prometheus": hash_password("new")}, passwords).allowed(header("prometheus", "right"))
    assert not BasicUsers({"other": hash_password("x")}, passwords).allowed(header("prometheus", "right"))
    assert passwords._right == {}


@pytest.mark.parametrize("password", ["", ":", "a:b", "ünïcode", "x" * 100, "p\N{SNOWMAN}"])
def test_passwords_of_all_kinds_are_checked(password: str) -> None:
    users = BasicUsers({"prometheus": hash_password(password)}, Passwords())
    assert users.allowed(header("prometheus", password))
    assert not users.allowed(header("prometheus", "y" + password))


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    users = BasicUsers({"prometheus": hash_password("right")}, Passwords())
    assert not users.allowed(header("prometheus", b"\xff\x00\xfe"))
    assert not users.allowed("Basic " + base64.b64encode(b"\xff:right").decode())
