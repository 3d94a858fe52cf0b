# SPDX-License-Identifier: Apache-2.0
"""Devices that answer nonsense: a reading or one clear line, never anything else; and nothing implausible."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.catalogue import load_shipped
from joulepath.pdu.profiles.quantity import PLAUSIBLE
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Missing, Oid, SnmpError, Value
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.source import PduReading, PduSource

from .conftest import WALKS
from .test_devices import DEVICES

pytestmark = pytest.mark.unit

PROFILES = load_shipped()
NONSENSE: Sequence[Value] = (-1, 0, 2**31, 2**32 - 1, 2**64, -(2**63), b"", b"\xff\x00", b"nan", (1, 3), (), *Missing)


class Fuzzed(WalkClient):
    """A device of which some answers are replaced, lost or refused."""

    def __init__(self, path: Path, seed: int, share: float) -> None:
        super().__init__(path)
        self._random = random.Random(seed)
        self._share = share

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """Every object that was asked for, as `SnmpClient.get` promises."""
        self._refuse()
        return {oid: self._fuzzed(value) for oid, value in (await super().get(oids)).items()}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """Some rows of the column, some of others' lengths."""
        self._refuse()
        rows = {index: self._fuzzed(value) for index, value in (await super().walk(column, repetitions)).items()}
        if rows and self._random.random() < self._share:
            rows[(*next(iter(rows)), 7)] = self._random.choice(NONSENSE)
        return {index: value for index, value in rows.items() if self._random.random() > self._share / 4}

    def _refuse(self) -> None:
        if self._random.random() < self._share / 20:
            raise SnmpError("the agent refused with genErr")

    def _fuzzed(self, value: Value) -> Value:
        return self._random.choice(NONSENSE) if self._random.random() < self._share else value


def plausible(reading: PduReading) -> bool:
    return all(
        PLAUSIBLE[name][0] - 1e6 <= value <= PLAUSIBLE[name][1]
        for quantities in reading.values.values()
        for name, values in quantities.items()
        for value in values.values()
    )


def poll_repeatedly(
    client: WalkClient, profiles: Mapping[str, Profile], polls: int
) -> list[PduReading | JoulepathError]:
    async def run() -> list[PduReading | JoulepathError]:
        source = PduSource("pdu-1", client, profiles)
        outcomes: list[PduReading | JoulepathError] = []
        for _ in range(polls):
            try:
                outcomes.append(await source.read())
            except JoulepathError as fault:
                outcomes.append(fault)
        return outcomes

    return asyncio.run(run())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.01, 0.1, 0.5, 1.0]))
def test_fuzzed_answers_give_a_reading_or_one_line(seed: int, share: float) -> None:
    for result in poll_repeatedly(Fuzzed(WALKS / "apc-8641.snmprec", seed, share), PROFILES, 4):
        if isinstance(result, PduReading):
            assert plausible(result)
        else:
            assert len(result.messages) == 1
            assert result.messages[0].startswith("pdu-1: ")


@pytest.mark.parametrize("device", DEVICES)
def test_every_family_withstands_fuzzed_answers(recordings: Path, profiles: Mapping[str, Profile], device: str) -> None:
    for result in poll_repeatedly(Fuzzed(recordings / "snmp" / f"{device}.snmprec", 1, 0.1), profiles, 3):
        assert not isinstance(result, PduReading) or plausible(result)


def test_another_model_at_the_same_address_is_found_anew(recordings: Path, profiles: Mapping[str, Profile]) -> None:
    """Its registers, higher than the first's, add nothing."""
    first, second = (WalkClient(recordings / "snmp" / f"{name}.snmprec") for name in ("gude-epc_1202", "dell-rpdu"))

    class Swapped(WalkClient):
        def __init__(self) -> None:
            self._values, self._oids = first._values, first._oids

        def swap(self) -> None:
            self._values, self._oids = second._values, second._oids

    async def run() -> tuple[PduReading, PduReading]:
        client = Swapped()
        source = PduSource("pdu-1", client, profiles)
        before = await source.read()
        client.swap()
        return before, await source.read()

    before, after = asyncio.run(run())
    assert (before.profile, after.profile) == ("gude-epc", "dell-rpdu")
    assert after.values["inlet"]["meter_energy"] == before.values["inlet"]["meter_energy"]
    assert after.values["inlet"]["power"] == {"1": 3790}


@pytest.mark.parametrize("content", ["", "\n", "no bar", "1.3|2|x", "a.b|2|3", "1.3.6|6|a.b", "1.3|4x|zz"])
def test_a_file_that_is_not_a_walk_is_reported_with_its_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "walk.snmprec"
    path.write_text(content)
    with pytest.raises(JoulepathError, match=r"walk\.snmprec:?\d*: (is not OID\|TAG\|VALUE|holds no line)"):
        WalkClient(path)
