# SPDX-License-Identifier: Apache-2.0
"""The SNMP client against an agent on loopback, and against agents that never come to an end."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysnmp.proto import rfc1902

from joulepath.pdu.snmp.client import (
    Limits,
    Missing,
    NoAnswerError,
    SnmpError,
    Value,
    format_oid,
    parse_oid,
)
from joulepath.pdu.snmp.credentials import Community
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.devices.snmp_agent import Value as AgentValue
from tests.exporters.pdu.conftest import client, run

pytestmark = pytest.mark.unit

BASE = "1.3.6.1.4.1.99999"


def constant(value: AgentValue) -> Callable[[], AgentValue]:
    return lambda: value


def test_every_type_becomes_a_plain_value() -> None:
    answers: dict[str, tuple[AgentValue, Value]] = {
        "1": (-1, -1),
        "2": (rfc1902.Gauge32(2**32 - 1), 2**32 - 1),
        "3": (rfc1902.Counter64(2**63), 2**63),
        "4": (rfc1902.TimeTicks(7), 7),
        "5": (rfc1902.Counter32(9), 9),
        "6": (b"\xffname", b"\xffname"),
        "7": (rfc1902.ObjectIdentifier("1.3.6"), (1, 3, 6)),
        "8": (rfc1902.IpAddress("10.0.0.1"), b"\x0a\x00\x00\x01"),
    }
    with Agent({f"{BASE}.{n}.0": constant(sent) for n, (sent, _) in answers.items()}) as agent:
        values = run(client(agent.address).get([parse_oid(f"{BASE}.{n}.0") for n in [*answers, "9"]]))
    assert values == {
        **{parse_oid(f"{BASE}.{n}.0"): value for n, (_, value) in answers.items()},
        parse_oid(f"{BASE}.9.0"): Missing.NO_SUCH_INSTANCE,
    }


@pytest.mark.parametrize("repetitions", [1, 4, 25, 100])
@pytest.mark.parametrize("last", [True, False])
def test_a_walk_has_all_rows_of_its_column_and_no_other(repetitions: int, last: bool) -> None:
    objects = {f"{BASE}.1.{n}": constant(n) for n in range(1, 61)}
    if not last:
        objects |= {f"{BASE}.2.{n}": constant(-n) for n in range(1, 61)}
        objects |= {f"{BASE}.11.1": constant(0)}  # its text begins like that of column 1
    with Agent(objects) as agent:
        rows = run(client(agent.address).walk(parse_oid(f"{BASE}.1"), repetitions))
        assert run(client(agent.address).walk(parse_oid(f"{BASE}.3"), repetitions)) == {}
    assert rows == {(n,): n for n in range(1, 61)}


def test_a_walk_is_bounded_in_rows_and_requests() -> None:
    objects = {f"{BASE}.1.{n}": constant(n) for n in range(200)}
    with Agent(objects) as agent:
        with pytest.raises(SnmpError, match="has no end: stopped after"):
            run(client(agent.address, limits=Limits(rows=100)).walk(parse_oid(f"{BASE}.1")))
        with pytest.raises(SnmpError, match="has no end: stopped after 5 rows"):
            run(client(agent.address, limits=Limits(requests=5)).walk(parse_oid(f"{BASE}.1"), 1))


class Circling(Agent):
    """An agent with a GETNEXT that goes back to the first row after the third."""

    def _after(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], object]:
        row = oid[-1] % 3 + 1 if len(oid) > len(parse_oid(BASE)) + 1 else 1
        return (*parse_oid(BASE), 1, row), rfc1902.Integer32(row)


@pytest.mark.parametrize("repetitions", [1, 25])
def test_an_agent_that_goes_in_circles_is_reported(repetitions: int) -> None:
    with (
        Circling({}) as agent,
        pytest.raises(SnmpError, match=r"the agent goes in circles at 1\.3\.6\.1\.4\.1\.99999\.1\.1$"),
    ):
        run(client(agent.address).walk(parse_oid(f"{BASE}.1"), repetitions))


class Elsewhere(Agent):
    """An agent that answers with another object than was asked for."""

    def _get(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], object]:
        return (*oid, 7), rfc1902.Integer32(1)


def test_an_unanswered_object_is_missing() -> None:
    with Elsewhere({}) as agent:
        assert run(client(agent.address).get([parse_oid(BASE)])) == {parse_oid(BASE): Missing.NO_SUCH_INSTANCE}


def test_a_silent_agent_takes_no_longer_than_the_timeouts() -> None:
    with Agent({}) as agent:
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.4 s"):
            run(client(agent.address, "wrong", Limits(timeout=0.2, retries=1)).get([parse_oid(BASE)]))
        assert time.monotonic() - began < 2


def test_an_unknown_host_name_is_reported() -> None:
    with pytest.raises(SnmpError, match=r"the name 'pdu\.invalid' is not known"):
        run(client(("pdu.invalid", 161)).get([parse_oid(BASE)]))


def test_an_agent_is_read_over_ipv6() -> None:
    with Agent({f"{BASE}.0": constant(6)}, host="::1") as agent:
        assert run(client(agent.address).get([parse_oid(f"{BASE}.0")])) == {parse_oid(f"{BASE}.0"): 6}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_name_with_several_addresses_is_tried_at_each(host: str, absent: Callable[[str, str], NoReturn]) -> None:
    """`localhost` is 127.0.0.1 and, on most machines, ::1; the agent has one of them."""
    if host not in {str(information[4][0]) for information in socket.getaddrinfo("localhost", 0)}:
        absent("ipv6", f"localhost is not {host} here")
    with Agent({f"{BASE}.0": constant(1)}, host=host) as agent:
        one = client(("localhost", agent.address[1]), limits=Limits(timeout=0.3, retries=0))
        if host == "::1":
            with pytest.raises(NoAnswerError):
                run(one.get([parse_oid(f"{BASE}.0")]))
        assert run(one.get([parse_oid(f"{BASE}.0")])) == {parse_oid(f"{BASE}.0"): 1}


def test_a_client_serves_one_loop_after_the_other() -> None:
    """`--once` runs a loop of its own, serving another."""
    with Agent({f"{BASE}.0": constant(1)}) as agent:
        one = client(agent.address)

        async def ask() -> None:
            await one.get([parse_oid(f"{BASE}.0")])
            await one.close()

        asyncio.run(ask())
        asyncio.run(ask())


def test_two_agents_are_asked_at_once() -> None:
    with Agent({f"{BASE}.0": constant(1)}, "first") as one, Agent({f"{BASE}.0": constant(2)}, "second") as two:

        async def both() -> list[Value]:
            oid = parse_oid(f"{BASE}.0")
            clients = [client(one.address, "first"), client(two.address, "second")]
            return [answer[oid] for answer in await asyncio.gather(*(each.get([oid]) for each in clients))]

        assert run(both()) == [1, 2]


def test_a_representation_does_not_contain_the_community() -> None:
    assert "s3cret" not in repr(Community("s3cret"))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_object_identifiers_parse_back(parts: list[int]) -> None:
    assert parse_oid(format_oid(tuple(parts))) == tuple(parts)
    assert parse_oid("." + format_oid(tuple(parts))) == tuple(parts)


@pytest.mark.parametrize("text", ["", ".", "1..3", "1.3.x", "1.-3", "sysUpTime.0", "1.3.", "1 .3"])
def test_a_bad_object_identifier_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an object identifier"):
        parse_oid(text)
