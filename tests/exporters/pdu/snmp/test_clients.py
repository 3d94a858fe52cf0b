# SPDX-License-Identifier: Apache-2.0
"""Both SNMP libraries behind one client: every version of SNMP, and the same readings of every recorded device."""

import asyncio
import random
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Limits, Missing, NoAnswerError, SnmpEndpoint, SnmpError, format_oid, parse_oid
from joulepath.pdu.snmp.clients import Clients
from joulepath.pdu.snmp.credentials import AuthProtocol, Community, Credentials, PrivacyProtocol, SnmpUser
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.source import PduSource
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent
from tests.exporters.pdu.conftest import SECRET, WALKS, read, run
from tests.exporters.pdu.test_devices import DEVICES

pytestmark = pytest.mark.lab

PATIENT = Limits(timeout=3.0, retries=2)
AUTH_SECRET, PRIVACY_SECRET = "authentication-1", "privacy-password-2"


@pytest.fixture(params=["gufo", "pysnmp"])
def library(request: pytest.FixtureRequest) -> str:
    if request.param == "gufo":
        pytest.importorskip("gufo.snmp", reason="gufo-snmp is not installed (joulepath[fast])")
    return str(request.param)


def source(
    library: str, address: tuple[str, int], credentials: Credentials, profiles: Mapping[str, Profile]
) -> PduSource:
    return PduSource("pdu-1", Clients(library).make(SnmpEndpoint(*address), credentials, PATIENT), profiles)


@pytest.fixture(scope="module")
def walks(simulate: Callable[[list[Path]], tuple[str, int]], recordings: Path) -> tuple[str, int]:
    return simulate([recordings / "snmp" / f"{device}.snmprec" for device in DEVICES])


@pytest.mark.parametrize("device", DEVICES)
def test_a_recorded_device_reads_the_same_over_snmp(
    walks: tuple[str, int], recordings: Path, profiles: Mapping[str, Profile], library: str, device: str
) -> None:
    """The walk read from its file against the same walk through an agent."""
    expected = read(PduSource("pdu-1", WalkClient(recordings / "snmp" / f"{device}.snmprec"), profiles))
    reading = read(source(library, walks, Community(device), profiles))
    # Not the units: lines of two recordings are out of order, and an agent passes over such lines.
    assert (reading.values, reading.names, reading.rejected) == (expected.values, expected.names, expected.rejected)


USERS: Mapping[str, tuple[AuthProtocol | None, PrivacyProtocol | None]] = {
    "open": (None, None),
    "signed": ("sha256", None),
    "sealed": ("sha256", "aes128"),
    "sealed-224": ("sha224", "aes128"),
    "sealed-384": ("sha384", "aes192"),
    "sealed-512": ("sha512", "aes256"),
    "sealed-old": ("sha", "aes128"),
}
SIMULATOR = {"sha": "SHA", "aes128": "AES"}
"""Protocols with another name in snmpsim than ours in capitals."""


def arguments() -> list[str]:
    lines: list[str] = []
    for name, (auth, privacy) in USERS.items():
        lines.append(f"--v3-user={name}")
        if auth:
            lines += [f"--v3-auth-key={AUTH_SECRET}", f"--v3-auth-proto={SIMULATOR.get(auth, auth.upper())}"]
        if privacy:
            lines += [f"--v3-priv-key={PRIVACY_SECRET}", f"--v3-priv-proto={SIMULATOR.get(privacy, privacy.upper())}"]
    return lines


@pytest.fixture(scope="module")
def agent_of_users(
    simulate: Callable[..., tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, int]:
    """snmpsim answers the empty context of SNMP v3 from `self.snmprec`, v1 and v2c by the community."""
    folder = tmp_path_factory.mktemp("walks")
    return simulate(
        [Path(shutil.copy(WALKS / "apc-8641.snmprec", folder / f"{name}.snmprec")) for name in ("self", "public")],
        *arguments(),
    )


def user(name: str, auth_secret: str = AUTH_SECRET) -> SnmpUser:
    auth, privacy = USERS[name]
    return SnmpUser(
        name, auth_secret if auth else "", auth or "sha256", PRIVACY_SECRET if privacy else "", privacy or "aes128"
    )


@pytest.mark.parametrize("credentials", [*map(user, USERS), Community("public", 1), Community("public", 2)], ids=str)
def test_a_device_is_read_in_every_version_of_snmp(
    agent_of_users: tuple[str, int], profiles: Mapping[str, Profile], library: str, credentials: Credentials
) -> None:
    reading = read(source(library, agent_of_users, credentials, profiles))
    assert reading.values["inlet"]["power"] == {"1": 1210}
    assert len(reading.values["outlet"]["power"]) == 24


def test_an_engine_serves_one_loop_after_the_other(agent_of_users: tuple[str, int]) -> None:
    """pysnmp's hangs when it is used over both."""
    one = Clients("pysnmp").make(SnmpEndpoint(*agent_of_users), user("sealed"), PATIENT)

    async def ask() -> None:
        await one.get([parse_oid("1.3.6.1.2.1.1.2.0")])
        await one.close()

    asyncio.run(ask())
    asyncio.run(ask())


def test_a_wrong_password_is_one_line_without_it(
    agent_of_users: tuple[str, int], profiles: Mapping[str, Profile], library: str
) -> None:
    wrong = user("sealed", "not-the-password")
    client = Clients(library).make(SnmpEndpoint(*agent_of_users), wrong, Limits(timeout=0.5, retries=0))
    with pytest.raises(JoulepathError) as fault:
        read(PduSource("pdu-1", client, profiles))
    (line,) = fault.value.messages
    assert line.startswith("pdu-1: ")
    assert "password" not in line.replace("community", "")
    assert not {"not-the-password", PRIVACY_SECRET} & {*line.split()}
    assert "not-the-password" not in repr(wrong)


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        (user("sealed", "not-the-password"), "check auth_file and auth_protocol"),
        (SnmpUser("stranger", AUTH_SECRET, "sha256", "", "aes128"), "check user"),
    ],
    ids=["password", "user"],
)
def test_a_refused_user_is_reported_with_what_to_check(
    agent_of_users: tuple[str, int], profiles: Mapping[str, Profile], wrong: SnmpUser, advice: str
) -> None:
    client = Clients("pysnmp").make(SnmpEndpoint(*agent_of_users), wrong, PATIENT)
    with pytest.raises(JoulepathError, match=f"^pdu-1: SNMP failed: .*: {advice}$"):
        read(PduSource("pdu-1", client, profiles))


def test_missing_objects_are_distinguished_from_those_that_exist(library: str) -> None:
    with Agent(rpdu2_objects(lambda: {1: ("robot", 40.0)}), SECRET) as agent:
        there, missing = parse_oid("1.3.6.1.2.1.1.2.0"), parse_oid("1.3.6.1.2.1.1.99.0")
        one = Clients(library).make(SnmpEndpoint(*agent.address), Community(SECRET), PATIENT)
        values = run(one.get([missing, there]))
        assert run(one.walk(parse_oid("1.3.6.1.4.1.99999"))) == {}
        run(one.close())
    assert values[missing] is Missing.NO_SUCH_INSTANCE
    assert values[there] == parse_oid("1.3.6.1.4.1.318.1.3.4.6")


class Babbling(Agent):
    """An agent that answers with octets at random."""

    def _answer(self, request: bytes) -> bytes | None:
        return random.Random(self.requests).randbytes(len(request) % 40)


def test_octets_that_are_not_a_message_are_reported(library: str) -> None:
    """Not a panic: gufo-snmp's ends the task that it happens in."""
    oid = parse_oid("1.3.6.1.2.1.1.2.0")
    with Babbling(rpdu2_objects(lambda: {1: ("robot", 40.0)}), SECRET) as agent:
        one = Clients(library).make(SnmpEndpoint(*agent.address), Community(SECRET), Limits(timeout=0.05, retries=0))
        for _ in range(40):
            with pytest.raises(SnmpError):
                run(one.get([oid]))
        run(one.close())


def test_silence_is_reported_by_each_library_alike(library: str) -> None:
    with Agent({}, SECRET) as agent:
        one = Clients(library).make(SnmpEndpoint(*agent.address), Community("wrong"), Limits(timeout=0.2, retries=1))
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.4 s"):
            run(one.get([parse_oid("1.3.6.1.2.1.1.2.0")]))
        run(one.close())


def test_an_agent_that_starts_within_the_timeouts_is_read(library: str) -> None:
    """Its host refuses the first requests by ICMP, at once, and not only after the timeout."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    started: list[Agent] = []

    def start() -> None:
        started.append(Agent(rpdu2_objects(lambda: {1: ("robot", 40.0)}), SECRET, port))
        started[0].start()

    timer = threading.Timer(0.3, start)
    timer.start()
    one = Clients(library).make(SnmpEndpoint("127.0.0.1", port), Community(SECRET), Limits(timeout=0.5, retries=3))
    try:
        assert run(one.get([parse_oid("1.3.6.1.2.1.1.2.0")]))
    finally:
        run(one.close())
        timer.join()
        started[0].stop()


class Cramped(Agent):
    """An agent with room for three objects in an answer; without any it says so (RFC 3416 section 4.2.1)."""

    def _answer(self, request: bytes) -> bytes | None:
        answer = super()._answer(request)
        if answer is None:
            return None
        message, _ = decoder.decode(answer, asn1Spec=v2c.Message())
        pdu = v2c.apiMessage.get_pdu(message)
        if len(v2c.apiPDU.get_varbinds(pdu)) <= 3:
            return answer
        v2c.apiPDU.set_error_status(pdu, 1)
        v2c.apiPDU.set_varbinds(pdu, [])
        return bytes(encoder.encode(message))


def test_a_request_that_is_too_big_is_halved(library: str) -> None:
    wanted = {parse_oid(f"1.3.6.1.4.1.99999.{n}.0"): n for n in range(10)}
    with Cramped({format_oid(oid): partial(int, n) for oid, n in wanted.items()}, SECRET) as agent:
        one = Clients(library).make(SnmpEndpoint(*agent.address), Community(SECRET), PATIENT)
        assert run(one.get(list(wanted))) == wanted
        run(one.close())


def test_a_walk_without_an_end_is_bounded(library: str) -> None:
    objects = {f"1.3.6.1.4.1.99999.1.{row}": (lambda row=row: row) for row in range(300)}
    with Agent(objects, SECRET) as agent:
        one = Clients(library).make(SnmpEndpoint(*agent.address), Community(SECRET), Limits(rows=100))
        with pytest.raises(SnmpError, match="has no end: stopped after"):
            run(one.walk(parse_oid("1.3.6.1.4.1.99999.1")))
        run(one.close())


class Relay:
    """Passes requests on to an agent and sends its answers from another address."""

    def __init__(self, agent: tuple[str, int]) -> None:
        self._asked, self._answers = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._asked.bind(("127.0.0.1", 0))
        self._answers.bind(("127.0.0.2", 0))
        self._asked.settimeout(0.2)
        self._answers.settimeout(3)
        self._agent = agent
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.address = self._asked.getsockname()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._asked.close()
        self._answers.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                request, client = self._asked.recvfrom(65535)
            except TimeoutError:
                continue
            self._answers.sendto(request, self._agent)
            self._answers.sendto(self._answers.recv(65535), client)


def test_answers_of_snmp_v3_from_another_address_are_reported(agent_of_users: tuple[str, int], library: str) -> None:
    """Neither library takes them."""
    with Relay(agent_of_users) as relay:
        limits = Limits(timeout=1.0, retries=0)
        one = Clients(library).make(SnmpEndpoint(*relay.address), user("sealed"), limits)
        with pytest.raises(SnmpError, match="does the agent answer from another address than it is asked at"):
            run(one.get([parse_oid("1.3.6.1.2.1.1.2.0")]))
        run(one.close())
