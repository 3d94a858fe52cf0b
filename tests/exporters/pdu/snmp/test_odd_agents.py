# SPDX-License-Identifier: Apache-2.0
"""Agents that refuse, shorten, drop, delay or misplace their answers: all of it is read that can be, by both libraries.

The device is an APC rPDU2 with 24 metered outlets behind `joulepath_lab.devices.odd_agent`.
"""

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.quantity import QuantityName
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import (
    Limits,
    Missing,
    NoAnswerError,
    Oid,
    SnmpClient,
    SnmpEndpoint,
    SnmpError,
    Value,
    format_oid,
    opaque,
    parse_oid,
)
from joulepath.pdu.snmp.clients import Clients
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.snmp.session import FIRST_RETRY_SECONDS, FORGET_SECONDS, Habits
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.source import LAYOUT_SECONDS, PduReading, PduSource
from joulepath_lab.devices.apc import RPDU2, rpdu2_objects
from joulepath_lab.devices.odd_agent import GEN_ERR, NO_SUCH_NAME, TOO_BIG, BulkFault, Odd, OddAgent
from joulepath_lab.devices.snmp_agent import Agent
from tests.exporters.pdu.conftest import WALKS, run

pytestmark = pytest.mark.unit

OUTLETS = {number: (f"outlet {number}", 10.0 * number) for number in range(1, 25)}
POWER, CURRENT, NUMBER = (parse_oid(f"{RPDU2}.9.4.3.1.{column}") for column in (7, 6, 4))
LIMITS = Limits(timeout=0.4, retries=1)
BASE = parse_oid("1.3.6.1.4.1.99999")


@pytest.fixture(params=["gufo", "pysnmp"])
def library(request: pytest.FixtureRequest) -> str:
    if request.param == "gufo":
        pytest.importorskip("gufo.snmp", reason="gufo-snmp is not installed (joulepath[fast])")
    return str(request.param)


def objects() -> dict[str, Callable[[], Any]]:
    return dict(rpdu2_objects(lambda: OUTLETS))


def client(library: str, agent: Agent, limits: Limits = LIMITS, version: Any = 2) -> SnmpClient:
    return Clients(library).make(SnmpEndpoint(*agent.address), Community("public", version), limits)


def polls(one: SnmpClient, profiles: Mapping[str, Profile], *between: Callable[[], None]) -> list[PduReading]:
    """As many polls, each after one of `between`."""

    async def go() -> list[PduReading]:
        source = PduSource("pdu-1", one, profiles)
        readings: list[PduReading] = []
        for step in between:
            step()
            readings.append(await source.read())
        await source.close()
        return readings

    return run(go())


@pytest.fixture(scope="module")
def healthy(profiles: Mapping[str, Profile]) -> PduReading:
    """The reading of an agent without faults."""
    with Agent(objects()) as agent:
        (reading,) = polls(client("pysnmp", agent), profiles, lambda: None)
    assert len(reading.values["outlet"]["power"]) == len(OUTLETS)
    return reading


WHOLE: Mapping[str, Callable[[], Odd]] = {
    "no fault": Odd,
    "tooBig": lambda: Odd(too_big_over=8),
    "shortened": lambda: Odd(shortens_to=10),
    "shortened to one": lambda: Odd(shortens_to=1),
    "large GET dropped": lambda: Odd(drops_over=10),
    "large GETBULK dropped": lambda: Odd(drops_rows_over=5),
    "datagrams cut": lambda: Odd(cuts_at=400),
    "both dropped": lambda: Odd(drops_over=6, drops_rows_over=6),
    **{f"GETBULK {fault}": lambda fault=fault: Odd(bulk=fault) for fault in get_args(BulkFault)},  # type: ignore[misc]
}


@pytest.mark.parametrize("fault", WHOLE)
def test_everything_is_read_and_what_works_is_remembered(
    profiles: Mapping[str, Profile], healthy: PduReading, library: str, fault: str
) -> None:
    odd = WHOLE[fault]()
    with OddAgent(objects(), odd) as agent:
        asked: list[int] = []
        first, second = polls(
            client(library, agent), profiles, lambda: None, lambda: asked.append(len(odd.requests) - agent.requests)
        )
        unanswered = len(odd.requests) - agent.requests - asked[0]
    assert (first.values, first.names, dict(first.rejected)) == (healthy.values, healthy.names, {})
    assert (second.values, dict(second.rejected)) == (healthy.values, {})
    assert unanswered == 0, "a request that the agent drops is sent again at each poll"


@pytest.mark.parametrize(
    ("column", "status"),
    [(column, status) for column in (POWER, CURRENT) for status in (GEN_ERR, TOO_BIG, NO_SUCH_NAME, 3, 6, 16)],
)
@pytest.mark.parametrize("index", ["right", "from zero", "first", "zero", "beyond"])
def test_an_object_that_is_refused_is_left_out_alone(  # noqa: PLR0917  # fixtures and parameters
    profiles: Mapping[str, Profile],
    healthy: PduReading,
    caplog: pytest.LogCaptureFixture,
    library: str,
    index: Any,
    column: Oid,
    status: int,
) -> None:
    """Whatever error-status it is refused with, and wherever error-index points."""
    refused = (*column, 7)
    odd = Odd(index=index)

    def refuse() -> None:
        odd.refuses = {refused: status}

    with OddAgent(objects(), odd) as agent, caplog.at_level(logging.WARNING, logger="joulepath"):
        readings = polls(client(library, agent), profiles, lambda: None, refuse, lambda: None)
    quantity: QuantityName = "power" if column == POWER else "current"
    assert readings[0].values == healthy.values
    for reading in readings[1:]:
        expected = dict(healthy.values["outlet"][quantity])
        del expected["7"]
        assert reading.values["outlet"][quantity] == expected
        assert reading.values["inlet"] == healthy.values["inlet"]
        assert dict(reading.rejected) == {"refused": 1}
    (line,) = [record.getMessage() for record in caplog.records if "missing" in record.getMessage()]
    why = {GEN_ERR: "genErr", TOO_BIG: "tooBig", NO_SUCH_NAME: "noSuchName"}.get(status, "another error-status")
    assert line == f"pdu-1: outlet 7 {quantity} is missing: the agent answers {format_oid(refused)} with {why}"


@pytest.mark.parametrize("index", ["right", "zero", "beyond", "from zero"])
def test_an_object_refused_at_the_first_survey_does_not_hide_others(
    profiles: Mapping[str, Profile], healthy: PduReading, library: str, index: Any
) -> None:
    """GETNEXT and GETBULK fail at it too: the rows behind it are found all the same."""
    odd = Odd(refuses={(*POWER, 7): GEN_ERR}, index=index)
    with OddAgent(objects(), odd) as agent:
        (reading,) = polls(client(library, agent), profiles, lambda: None)
    assert reading.values["outlet"]["power"] == {
        label: watts for label, watts in healthy.values["outlet"]["power"].items() if label != "7"
    }
    assert dict(reading.rejected) == {"refused": 1}


@pytest.mark.parametrize("row", [1, 12, 24])
def test_a_walk_goes_on_behind_a_refused_row(library: str, row: int) -> None:
    column = (*BASE, 1)
    there = {format_oid((*column, number)): (lambda number=number: number) for number in range(1, 25)}
    with OddAgent({**there, format_oid((*BASE, 2, 1)): lambda: 0}, Odd(refuses={(*column, row): GEN_ERR})) as agent:
        rows = run(client(library, agent).walk(column))
    assert {index: value for index, value in rows.items() if not isinstance(value, Missing)} == {
        (number,): number for number in range(1, 25) if number != row
    }
    assert [value for value in rows.values() if isinstance(value, Missing)] == [Missing.GEN_ERR]


@pytest.mark.parametrize("row", [1, 2])
@pytest.mark.parametrize("silent", [False, True])
def test_a_column_ends_before_a_refused_object(library: str, row: int, silent: bool) -> None:
    """GETNEXT from the last row of a column names the first object of the next one, which is refused."""
    column, following = (*BASE, 1), (*BASE, 2)
    there = {format_oid((*column, number)): (lambda number=number: number) for number in range(1, 25)}
    refused = [(*following, number) for number in range(row, 4)]
    odd = Odd(drops=frozenset(refused)) if silent else Odd(refuses=dict.fromkeys(refused, GEN_ERR))
    with OddAgent({**there, **{format_oid(oid): lambda: 0 for oid in [(*following, 1), *refused]}}, odd) as agent:
        rows = run(client(library, agent, Limits(timeout=0.15, retries=0)).walk(column))
    assert rows == {(number,): number for number in range(1, 25)}


@pytest.mark.parametrize("how", ["dropped", "omitted"])
def test_an_object_without_an_answer_is_left_out_alone(
    profiles: Mapping[str, Profile], healthy: PduReading, library: str, how: str
) -> None:
    refused = (*CURRENT, 7)
    odd = Odd()

    def begin() -> None:
        if how == "dropped":
            odd.drops = frozenset({refused})
        else:
            odd.omits = frozenset({refused})

    with OddAgent(objects(), odd) as agent:
        _, second, third = polls(
            client(library, agent, Limits(timeout=0.15, retries=0)), profiles, lambda: None, begin, lambda: None
        )
    for reading in (second, third):
        assert dict(reading.rejected) == {"refused": 1}
        assert reading.values["outlet"]["current"] == {
            label: amperes for label, amperes in healthy.values["outlet"]["current"].items() if label != "7"
        }
        assert reading.values["outlet"]["power"] == healthy.values["outlet"]["power"]


@pytest.mark.parametrize("fault", ["dropped", "refused"])
def test_a_column_without_an_answer_is_left_out_alone(
    profiles: Mapping[str, Profile],
    healthy: PduReading,
    library: str,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A part of an agent that hangs: GETBULK and GETNEXT into its table get no answer, from the first survey on."""
    column = [(*CURRENT, row) for row in range(1, 25)]
    odd = Odd(drops=frozenset(column)) if fault == "dropped" else Odd(refuses=dict.fromkeys(column, GEN_ERR))
    with OddAgent(objects(), odd) as agent:
        (reading,) = polls(client(library, agent, Limits(timeout=0.15, retries=0)), profiles, lambda: None)
    assert "current" not in reading.values["outlet"]
    assert reading.values["outlet"]["power"] == healthy.values["outlet"]["power"]
    assert dict(reading.rejected) == {"refused": 1}
    how = "no answer" if fault == "dropped" else "genErr"
    line = f"outlet current is left out: the agent answers what follows {format_oid(CURRENT)} with {how}"
    assert f"pdu-1: {line}" in caplog.messages


def test_many_refused_objects_are_identified_in_a_few_polls(library: str) -> None:
    wanted = [(*BASE, number, 0) for number in range(50)]
    odd = Odd(refuses=dict.fromkeys(wanted[::2], GEN_ERR))
    with OddAgent({format_oid(oid): lambda: 1 for oid in wanted}, odd) as agent:
        one = client(library, agent)
        for _ in range(4):
            before = len(odd.requests)
            values = run(one.get(wanted))
            assert len(odd.requests) - before < 60
        run(one.close())
    assert [oid for oid, value in values.items() if value == 1] == wanted[1::2]


def test_a_refused_object_is_asked_for_again_later() -> None:
    """First after 10 s, alone; when it is there again, so are all others."""
    habits, first, second = Habits("a"), (1, 3, 1), (1, 3, 2)
    for oid in (first, second):
        habits.note(oid, Missing.GEN_ERR, 0.0)
    assert set(habits.held([first, second], 1.0)) == {first, second}
    assert set(habits.held([first, second], FIRST_RETRY_SECONDS)) == {second}
    habits.note(first, Missing.GEN_ERR, FIRST_RETRY_SECONDS)
    assert set(habits.held([first], FIRST_RETRY_SECONDS + 19)) == {first}
    assert set(habits.held([first], FIRST_RETRY_SECONDS + 20)) == set()
    habits.note(first, None, 40.0)
    assert not habits.held([first, second], 40.0)
    assert not habits.odd


def test_a_learned_limit_is_tried_again_after_an_hour() -> None:
    habits = Habits("a")
    habits.limit_objects(12, 0.0)
    habits.limit_rows(6, 0.0)
    habits.without_bulk(0.0)
    habits.review(FORGET_SECONDS - 1)
    assert (habits.objects, habits.rows, habits.bulk, habits.odd) == (12, 6, False, True)
    habits.review(FORGET_SECONDS)
    assert (habits.objects, habits.rows, habits.bulk, habits.odd) == (None, None, True, False)


@pytest.mark.parametrize("index", ["right", "from zero", "first", "zero", "beyond"])
def test_an_error_of_snmp_v1_reports_a_missing_object(
    profiles: Mapping[str, Profile], healthy: PduReading, library: str, index: Any
) -> None:
    """noSuchName: of two objects at once, wherever error-index points. No size is learned from it."""
    odd = Odd(index=index)
    with OddAgent(objects(), odd, version=1) as agent:
        one = client(library, agent, version=1)
        (reading,) = polls(one, profiles, lambda: None)
        values = run(one.get([(*BASE, 1, 0), (*POWER, 3), (*BASE, 2, 0)]))
        odd.requests.clear()
        run(one.get([(*POWER, row) for row in range(1, 25)]))
        run(one.close())
    assert odd.requests == [("get", 24)]
    assert reading.values == healthy.values
    assert values == {
        (*BASE, 1, 0): Missing.NO_SUCH_INSTANCE,
        (*POWER, 3): 30,
        (*BASE, 2, 0): Missing.NO_SUCH_INSTANCE,
    }


def test_snmp_v1_leaves_out_a_refused_object(
    profiles: Mapping[str, Profile], healthy: PduReading, library: str
) -> None:
    odd = Odd(refuses={(*CURRENT, 7): GEN_ERR})
    with OddAgent(objects(), odd, version=1) as agent:
        (reading,) = polls(client(library, agent, version=1), profiles, lambda: None)
    assert dict(reading.rejected) == {"refused": 1}
    assert reading.values["outlet"]["power"] == healthy.values["outlet"]["power"]


def test_an_unordered_table_is_read_and_a_repeating_one_is_reported(library: str) -> None:
    order = [1, 3, 2, 5, 4]

    class Disordered(Agent):
        repeats = False

        def _after(self, oid: Oid) -> tuple[Oid, Any]:
            rows = order + order[:1] * self.repeats
            at = rows.index(oid[-1]) + 1 if len(oid) > len(BASE) + 1 else 0
            return super()._get((*BASE, 1, rows[at]) if at < len(rows) else (*BASE, 2, 1))

    there = {format_oid((*BASE, 1, row)): (lambda row=row: row) for row in order}
    with Disordered({**there, format_oid((*BASE, 2, 1)): lambda: 0}) as agent:
        assert run(client(library, agent).walk((*BASE, 1))) == {(row,): row for row in order}
        agent.repeats = True
        with pytest.raises(SnmpError, match="goes in circles"):
            run(client(library, agent).walk((*BASE, 1)))


@pytest.mark.parametrize("sends_from", [("127.0.0.2", 0), ("127.0.0.1", 0)], ids=["address", "port"])
def test_answers_from_another_address_are_read_and_reported(
    profiles: Mapping[str, Profile],
    healthy: PduReading,
    caplog: pytest.LogCaptureFixture,
    library: str,
    sends_from: tuple[str, int],
) -> None:
    with OddAgent(objects(), Odd(), sends_from=sends_from) as agent, caplog.at_level(logging.WARNING):
        readings = polls(client(library, agent), profiles, lambda: None, lambda: None)
        asked, _ = agent.address[1], agent
    assert all(reading.values == healthy.values for reading in readings)
    (line,) = [record.getMessage() for record in caplog.records if "answers from" in record.getMessage()]
    assert line.startswith(f"udp://127.0.0.1:{asked}: answers from udp://{sends_from[0]}:")


class Forger(Agent):
    """Beside its own, sends the answers that `forged` makes of them, first, from another socket."""

    def __init__(self, there: Mapping[str, Callable[[], Any]], forged: Callable[[Any], None]) -> None:
        super().__init__(there)
        self._forged = forged
        self._forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _send(self, answer: bytes, client: tuple[str, int]) -> None:
        message, _ = decoder.decode(answer, asn1Spec=v2c.Message())
        pdu = v2c.apiMessage.get_pdu(message)
        v2c.apiPDU.set_varbinds(pdu, [(name, v2c.Integer(666)) for name, _ in v2c.apiPDU.get_varbinds(pdu)])
        self._forged(message)
        self._forger.sendto(encoder.encode(message), client)
        self._forger.sendto(b"\x30\x05noise", client)
        time.sleep(0.02)
        super()._send(answer, client)

    def stop(self) -> None:
        """Closes both sockets."""
        super().stop()
        self._forger.close()


def _other_identifier(message: Any) -> None:
    pdu = v2c.apiMessage.get_pdu(message)
    v2c.apiPDU.set_request_id(pdu, (int(v2c.apiPDU.get_request_id(pdu)) ^ 1))


def _other_community(message: Any) -> None:
    v2c.apiMessage.set_community(message, "guessed")


@pytest.mark.parametrize("forged", [_other_identifier, _other_community])
def test_a_foreign_answer_counts_only_with_identifier_and_community(
    library: str, forged: Callable[[Any], None]
) -> None:
    oid = (*BASE, 1, 0)
    with Forger({format_oid(oid): lambda: 7}, forged) as agent:
        one = client(library, agent)
        assert run(one.get([oid])) == {oid: 7}
        run(one.close())


@pytest.mark.parametrize("strangers", [200])
def test_a_flood_of_foreign_answers_does_not_hide_the_right_one(strangers: int) -> None:
    oid = (*BASE, 1, 0)

    class Flooded(Forger):
        def _send(self, answer: bytes, client: tuple[str, int]) -> None:
            for _ in range(strangers):
                self._forger.sendto(b"noise", client)
            Agent._send(self, answer, client)

    with Flooded({format_oid(oid): lambda: 7}, lambda _: None) as agent:
        one = client("pysnmp", agent)
        assert run(one.get([oid])) == {oid: 7}
        run(one.close())


def test_an_agent_slower_than_the_timeout_is_read(library: str) -> None:
    """The answer to the first sending counts also after the second; later requests are waited for longer."""
    wanted = [(*BASE, number, 0) for number in range(3)]
    odd = Odd(delay=0.5)
    with OddAgent({format_oid(oid): lambda: 1 for oid in wanted}, odd) as agent:
        one = client(library, agent, Limits(timeout=0.3, retries=2))
        for number in range(8):
            if number == 4:
                odd.requests.clear()
            assert run(one.get(wanted)) == dict.fromkeys(wanted, 1)
        run(one.close())
    assert len(odd.requests) == 4


def test_a_dead_agent_costs_one_more_probe(library: str) -> None:
    wanted = [(*BASE, number, 0) for number in range(20)]
    with Agent({}, "other") as agent:
        one = client(library, agent, Limits(timeout=0.2, retries=1))
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.4 s"):
            run(one.get(wanted))
        run(one.close())
    assert time.monotonic() - began < 1.5


def test_a_slow_survey_goes_on_at_the_next_poll(
    profiles: Mapping[str, Profile], healthy: PduReading, library: str
) -> None:
    """Nothing is asked twice, and the poll that ends it publishes."""
    with Agent(objects()) as agent:
        (_,) = polls(client(library, agent), profiles, lambda: None)
        whole = agent.requests
    odd = Odd(delay=0.02)
    with OddAgent(objects(), odd) as agent:

        async def go() -> tuple[PduReading, list[str]]:
            source = PduSource("pdu-1", client(library, agent), profiles, survey_seconds=0.1)
            faults: list[str] = []
            while True:
                try:
                    return await source.read(), faults
                except JoulepathError as fault:
                    faults.append(str(fault))
                    assert len(faults) < 40
                    await source.close()

        reading, faults = run(go())
    assert reading.values == healthy.values
    assert len(faults) > 2
    assert all(fault.startswith("pdu-1: answers slowly: its survey goes on at the next poll (") for fault in faults)
    assert len(odd.requests) <= whole


def test_polls_go_on_while_a_slow_device_is_surveyed_again(profiles: Mapping[str, Profile]) -> None:
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            self.now += 1.0  # each look at the clock is a second: of a survey one for each request
            return self.now

    clock = Clock()
    with Agent(objects()) as agent:

        async def go() -> list[PduReading]:
            source = PduSource("pdu-1", client("pysnmp", agent), profiles, clock=clock)
            readings = [await source.read()]
            clock.now += 600
            before = agent.requests
            readings.append(await source.read())
            assert agent.requests - before < 20
            readings.extend([await source.read() for _ in range(5)])
            await source.close()
            return readings

        assert all(len(reading.values["outlet"]["power"]) == len(OUTLETS) for reading in run(go()))


FLOATS = {
    b"\x9f\x78\x04" + struct.pack(">f", 230.5): 230.5,
    b"\x9f\x79\x08" + struct.pack(">d", -1.25e-3): -1.25e-3,
    b"\x9f\x76\x02\x01\x00": 256,
    b"\x9f\x7a\x01\xff": -1,
    b"\x9f\x7b\x01\xff": 255,
    b"\x9f\x78\x03abc": b"\x9f\x78\x03abc",
    b"\x9f\x78\x04abc": b"\x9f\x78\x04abc",
    b"text": b"text",
    b"": b"",
}


def test_a_number_in_an_opaque_is_read(library: str) -> None:
    """Float and Double as net-snmp writes them, and its 64-bit integers; other octets are kept."""
    there = {(*BASE, number, 0): octets for number, octets in enumerate(FLOATS)}
    with Agent({format_oid(oid): partial(v2c.Opaque, octets) for oid, octets in there.items()}) as agent:
        one = client(library, agent)
        assert run(one.get(list(there))) == {oid: FLOATS[octets] for oid, octets in there.items()}
        assert run(one.walk(BASE)) == {oid[len(BASE) :]: FLOATS[octets] for oid, octets in there.items()}
        run(one.close())


@given(st.floats(width=32, allow_nan=False))
def test_every_float_is_read_as_it_was_written(number: float) -> None:
    assert opaque(b"\x9f\x78\x04" + struct.pack(">f", number)) == number
    assert opaque(b"\x9f\x79\x08" + struct.pack(">d", number)) == number


@given(st.binary(max_size=16))
def test_any_octets_in_an_opaque_are_a_number_or_kept(octets: bytes) -> None:
    read = opaque(octets)
    assert isinstance(read, (int, float)) or read == octets


def test_a_power_in_an_opaque_is_published(library: str) -> None:
    acme = "1.3.6.1.4.1.99999"
    profile = Profile.model_validate(
        {
            "vendor": "ACME",
            "sys_object_ids": [acme],
            "levels": {"inlet": {"label": "1", "quantities": {"power": {"column": f"{acme}.7"}}}},
        }
    )
    there: dict[str, Callable[[], Any]] = {
        "1.3.6.1.2.1.1.2.0": lambda: v2c.ObjectIdentifier(f"{acme}.1"),
        f"{acme}.7.1": lambda: v2c.Opaque(b"\x9f\x78\x04" + struct.pack(">f", 512.25)),
    }
    with Agent(there) as agent:
        (reading,) = polls(client(library, agent), {"acme": profile}, lambda: None)
    assert reading.values["inlet"]["power"] == {"1": 512.25}


@pytest.mark.parametrize(("later", "asked_again"), [(1.0, False), (LAYOUT_SECONDS, True)])
def test_the_answers_of_a_survey_are_kept_for_a_while(
    profiles: Mapping[str, Profile], later: float, *, asked_again: bool
) -> None:
    """The device is silent in the middle of its first survey. Long after it may be another one."""
    now = 1000.0
    walks: list[Oid] = []

    class Interrupted(WalkClient):
        silent = True

        async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
            walks.append(column)
            if self.silent and len(walks) > 5:
                raise NoAnswerError(LIMITS)
            return await super().walk(column, repetitions)

    async def go() -> None:
        nonlocal now
        device = Interrupted(WALKS / "apc-8641.snmprec")
        source = PduSource("pdu-1", device, profiles, clock=lambda: now)
        with pytest.raises(JoulepathError, match="no answer"):
            await source.read()
        first = walks[:5]
        walks.clear()
        device.silent = False
        now += later
        await source.read()
        assert (first[0] in walks[:-1]) == asked_again

    run(go())


def test_a_slow_survey_keeps_no_other_device_waiting(profiles: Mapping[str, Profile]) -> None:
    """Beyond its first seconds it needs no place among the surveys that run at once."""
    now = 1000.0
    other_done = asyncio.Event()

    class Slow(WalkClient):
        walks = 0

        async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
            nonlocal now
            self.walks += 1
            now += 2.0
            if self.walks == 5:
                async with asyncio.timeout(20):
                    await other_done.wait()
            return await super().walk(column, repetitions)

    async def go() -> None:
        one_at_a_time = asyncio.Semaphore(1)
        slow = PduSource("slow", Slow(WALKS / "apc-8641.snmprec"), profiles, clock=lambda: now, surveys=one_at_a_time)
        other = PduSource("other", WalkClient(WALKS / "apc-8641.snmprec"), profiles, surveys=one_at_a_time)
        reading = asyncio.create_task(slow.read())
        await asyncio.sleep(0)
        await other.read()
        other_done.set()
        await reading

    run(go())
