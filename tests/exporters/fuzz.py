# SPDX-License-Identifier: Apache-2.0
"""A small mutation fuzzer: parsers get damaged input and may only do what their contract says, in bounded time."""

import random
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

HANG_SECONDS = 20
"""An input that takes longer is a hang, on a machine that does other things too."""
GROWTH_KIB = 64 * 1024
"""So much more may be resident at the end than after the first fifth: caches fill."""

ODD_BYTES = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"9" * 500,
    b"-",
    b"\r\n",
    b"\x1b[31m",
    b"\xed\xa0\x80",
)
ODD_VALUES: Sequence[Any] = (
    None,
    True,
    -1,
    0,
    10**400,
    -(10**30),
    float("nan"),
    float("inf"),
    1e308,
    "",
    " ",
    "x" * 2000,
    "\ud800",
    "line\nbreak",
    "\0",
    "1e999",
    "9" * 5000,
    [],
    [[]],
    {},
    {"@odata.id": 5},
    {"@odata.id": "/redfish/v1"},
    {"Reading": 10**400},
    {"Reading": "5"},
    [None, {"@odata.id": "/redfish/v1/Chassis"}],
)


@dataclass(frozen=True)
class Target:
    """A parser under fuzzing: `parse(make(random))` returns, or raises one of `expected`."""

    name: str
    make: Callable[[random.Random], Any]
    parse: Callable[[Any], object]
    expected: tuple[type[Exception], ...] = ()


def damaged(chance: random.Random, seeds: Sequence[bytes], most: int = 8) -> bytes:
    """One of the seeds with some octets changed, left out, repeated or put in between."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(0, most)):
        at, length = chance.randint(0, len(data)), chance.randint(0, 8)
        match chance.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.randrange(256)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length] * chance.randint(1, 40)
            case 4:
                data[at:at] = chance.choice(ODD_BYTES)
            case 5:
                del data[at:]
            case _:
                other = chance.choice(seeds)
                start = chance.randint(0, len(other))
                data[at:at] = other[start : start + chance.randint(0, 40)]
    return bytes(data)


def disturbed(chance: random.Random, value: Any, rate: float = 0.05) -> Any:
    """A JSON value, parts of which are something else or gone."""
    if chance.random() < rate:
        return chance.choice(ODD_VALUES)
    if isinstance(value, dict):
        kept = {key: disturbed(chance, inner, rate) for key, inner in value.items() if chance.random() >= rate / 4}
        if kept and chance.random() < rate:
            kept[chance.choice(list(kept))] = value
        return kept
    if isinstance(value, list):
        changed = [disturbed(chance, inner, rate) for inner in value if chance.random() >= rate / 4]
        return changed * chance.choice((1, 1, 1, 2))
    return value


def fuzz(target: Target, seed: int, *, seconds: float = float("inf"), times: float = float("inf")) -> int:
    """Runs a target for so long, or so many times; returns how often. Raises AssertionError with the input.

    It runs in the main thread, and uses its alarm for what hangs.
    """
    before = signal.signal(signal.SIGALRM, _hangs)
    began, done, early, begun_kib = time.monotonic(), 0, True, 0
    try:
        while done < times and (passed := time.monotonic() - began) < seconds:
            data = target.make(random.Random(f"{seed} {done}"))
            signal.alarm(HANG_SECONDS)
            try:
                target.parse(data)
            except target.expected:
                pass
            except BaseException as error:
                raise AssertionError(f"{target.name}, input {seed} {done}: {str(data)[:3000]}") from error
            finally:
                signal.alarm(0)
            done += 1
            if early and max(passed / seconds, done / times) >= 0.2:
                early, begun_kib = False, resident_kib()
    finally:
        signal.signal(signal.SIGALRM, before)
    if not early:
        grown = resident_kib() - begun_kib
        assert grown < GROWTH_KIB, f"{target.name}: {grown} KiB more after {done} inputs"
    return done


def _hangs(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"takes longer than {HANG_SECONDS} s")


def resident_kib() -> int:
    """Memory of this process that is resident."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024
