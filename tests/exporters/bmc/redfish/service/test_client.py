# SPDX-License-Identifier: Apache-2.0
"""Logins, and everything that a BMC can do wrong: over real TLS, one clear error each, and no password in any."""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from joulepath.bmc.login import Login
from joulepath.bmc.redfish.service.client import RedfishClient
from joulepath.bmc.redfish.service.transport import MAX_BODY_BYTES
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import SESSIONS, Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import PASSWORD, USER, client, legacy, poll, polls
from tests.exporters.pki import Pki

pytestmark = pytest.mark.unit

LOGIN = Login(USER, PASSWORD)
POWER = "/redfish/v1/Chassis/1/Power"
TREE = legacy({"PowerControl": [{"PowerConsumedWatts": 344}]})


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def bmc(pki: Pki) -> Iterator[RedfishServer]:
    """A BMC with one user, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("bmc", "127.0.0.1"))
    with RedfishServer(dict_tree(TREE), Behaviour(users={USER: PASSWORD}), context) as server:
        yield server


def test_one_session_is_kept_and_ended_at_exit(bmc: RedfishServer, pki: Pki) -> None:
    readings = polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=pki.ca)), 5)
    assert [list(reading.power.values()) for reading in readings] == [[344]] * 5
    assert bmc.requests["POST", SESSIONS] == 1
    assert sum(count for (method, _), count in bmc.requests.items() if method == "DELETE") == 1
    assert bmc.tokens == {}


def test_a_session_that_ends_is_made_anew(bmc: RedfishServer, pki: Pki) -> None:
    def between(number: int) -> None:
        if number == 2:
            bmc.tokens.clear()

    assert len(polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=pki.ca)), 4, between)) == 4
    assert bmc.requests["POST", SESSIONS] == 2


@pytest.mark.parametrize("behaviour", [{"sessions": False}, {"max_sessions": 0}])
def test_basic_authentication_is_used_where_sessions_are_unavailable(
    bmc: RedfishServer, pki: Pki, behaviour: dict[str, int]
) -> None:
    bmc.behaviour = Behaviour(users={USER: PASSWORD}, **behaviour)  # type: ignore[arg-type]
    assert len(polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=pki.ca)), 3)) == 3
    assert bmc.requests["POST", SESSIONS] == 1


def test_a_wrong_password_is_not_tried_at_every_poll(bmc: RedfishServer, pki: Pki) -> None:
    now = [0.0]
    bmc_client = RedfishClient(
        f"https://127.0.0.1:{bmc.port}", Login(USER, "wrong-secret"), ca_file=pki.ca, clock=lambda: now[0]
    )
    messages = _faults(RedfishSource("bmc", bmc_client), 20, lambda _: None)
    assert messages[0] == "bmc: refuses the login: check user and password"
    assert bmc.requests["POST", SESSIONS] <= 2
    assert "wrong-secret" not in "".join(messages)


def test_the_right_password_is_taken_when_the_time_has_come(bmc: RedfishServer, pki: Pki) -> None:
    now = [0.0]
    bmc_client = RedfishClient(f"https://127.0.0.1:{bmc.port}", LOGIN, ca_file=pki.ca, clock=lambda: now[0])
    bmc.behaviour = Behaviour(users={USER: "another"})

    def between(number: int) -> None:
        now[0] += 100.0
        if number == 1:
            bmc.behaviour = Behaviour(users={USER: PASSWORD})

    assert len(_faults(RedfishSource("bmc", bmc_client), 4, between)) == 1


def test_a_full_table_of_sessions_is_not_taken_for_a_wrong_password(bmc: RedfishServer, pki: Pki) -> None:
    bmc.behaviour = Behaviour(users={USER: PASSWORD}, max_sessions=0, answer=_no_basic)
    with pytest.raises(
        JoulepathError, match=r"^bmc: gives no session \(HTTP 503: are all in use\?\) and refuses Basic"
    ):
        polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=pki.ca)))


def _no_basic(request: web.Request) -> web.Response | None:
    basic = request.headers.get("Authorization", "").startswith("Basic")
    return web.json_response({}, status=401) if basic else None


def test_a_storm_of_401_does_not_fill_the_table_of_sessions(bmc: RedfishServer, pki: Pki) -> None:
    """Every login succeeds and nothing may be read."""

    def storm(request: web.Request) -> web.Response | None:
        root = request.path.rstrip("/") == "/redfish/v1"
        return None if root or request.method != "GET" else web.json_response({}, status=401)

    now = [0.0]
    bmc_client = RedfishClient(f"https://127.0.0.1:{bmc.port}", LOGIN, ca_file=pki.ca, clock=lambda: now[0])
    bmc.behaviour = Behaviour(users={USER: PASSWORD}, answer=storm, max_sessions=1000)
    open_sessions: list[int] = []

    def between(_: int) -> None:
        now[0] += 10.0
        open_sessions.append(len(bmc.tokens))

    messages = _faults(RedfishSource("bmc", bmc_client), 120, between)
    assert len(messages) == 120
    assert max(open_sessions) <= 1
    assert bmc.requests["POST", SESSIONS] <= 2 * 7  # 60, 120, 240, 480 and 900 s apart in 20 minutes
    assert all(message.startswith("bmc: ") and PASSWORD not in message for message in messages)


def _faults(source: RedfishSource, count: int, between: Callable[[int], None]) -> list[str]:
    async def all_polls() -> list[str]:
        messages = []
        for number in range(count):
            between(number)
            try:
                await source.read()
            except JoulepathError as fault:
                messages.append(str(fault))
        await source.close()
        return messages

    return asyncio.run(all_polls())


def test_certificates_are_checked_unless_the_user_turns_it_off(bmc: RedfishServer, pki: Pki, tmp_path: Path) -> None:
    with pytest.raises(JoulepathError, match=r"^bmc: its certificate cannot be trusted .*ca_file, or verify: false"):
        polls(RedfishSource("bmc", client(bmc, LOGIN)))
    other = Pki(tmp_path)
    with pytest.raises(JoulepathError, match="cannot be trusted"):
        polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=other.ca)))
    assert bmc.requests == {}  # nothing was sent to a BMC that is not known
    polls(RedfishSource("bmc", client(bmc, LOGIN, verify=False)))


def test_a_certificate_for_another_name_is_refused(pki: Pki) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("other", "bmc.example"))
    server = RedfishServer(dict_tree(TREE), Behaviour(users={USER: PASSWORD}), context)
    with server, pytest.raises(JoulepathError, match="certificate cannot be trusted"):
        polls(RedfishSource("bmc", client(server, LOGIN, ca_file=pki.ca)))


def redirect_to(where: str) -> web.Response:
    return web.Response(status=301, headers={"Location": where})


def answering(make: Callable[[web.Request], web.StreamResponse | None]) -> RedfishServer:
    return RedfishServer(dict_tree(TREE), Behaviour(answer=make))


def test_a_missing_login_is_one_clear_error() -> None:
    server = RedfishServer(dict_tree(TREE), Behaviour(users={USER: PASSWORD}))
    with server, pytest.raises(JoulepathError, match=r"^bmc: wants a login: state user and password_file"):
        poll(server)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: web.Response(text="<html>login</html>", content_type="text/html"), "with HTML instead"),
        (lambda _: web.Response(text='{"Chassis": {"@od', content_type="application/json"), "with broken JSON"),
        (lambda _: web.Response(text="[" * 100_000, content_type="application/json"), "with broken JSON"),
        (lambda _: web.json_response([1, 2]), "JSON that is not an object"),
        (lambda _: web.Response(body=b" " * 10_000_000), f"more than {MAX_BODY_BYTES} bytes"),
        (lambda request: redirect_to(request.path), "redirects /redfish/v1/ without end"),
        (lambda _: redirect_to("https://elsewhere.example/redfish/v1/"), "which is another host"),
        (lambda _: web.Response(status=503), "HTTP 503"),
    ],
    ids=["html", "truncated", "deep", "array", "10-MB", "redirects", "elsewhere", "503"],
)
def test_an_answer_that_is_not_redfish_is_one_clear_error(
    answer: Callable[[web.Request], web.StreamResponse], message: str
) -> None:
    with answering(answer) as server, pytest.raises(JoulepathError) as fault:
        poll(server)
    assert str(fault.value).startswith("bmc: ")
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("digits", ["9" * 400, "-" + "9" * 30])
def test_a_number_of_hundreds_of_digits_is_rejected_alone(digits: str) -> None:
    supplies = [{"PowerInputWatts": int(digits), "PowerCapacityWatts": int(digits)}, {"PowerInputWatts": 344}]
    power = {"PowerControl": [{"PowerConsumedWatts": 344}], "PowerSupplies": supplies}
    with RedfishServer(dict_tree(legacy(power))) as server:
        reading = poll(server)
    assert list(reading.power.values()) == [344]
    assert list(reading.psu_input.values()) == [344]
    assert reading.rejected["implausible"] == 1


def test_a_compressed_body_is_bounded_while_it_expands() -> None:
    def bomb(_: web.Request) -> web.StreamResponse:
        response = web.Response(body=b" " * 10_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    with answering(bomb) as server, pytest.raises(JoulepathError, match="more than"):
        poll(server)


def test_redirects_within_the_bmc_are_followed() -> None:
    with answering(lambda request: None if request.path.endswith("/") else redirect_to(request.path + "/")) as server:
        assert list(poll(server).power.values()) == [344]


def test_a_slow_bmc_is_given_up_after_its_time() -> None:
    server = RedfishServer(dict_tree(TREE), Behaviour(delay=2.0))
    with server, pytest.raises(JoulepathError, match=r"^bmc: no answer within 0.2 s"):
        poll(server, timeout=0.2)


def test_an_unreachable_bmc_is_one_clear_error() -> None:
    with RedfishServer(dict_tree(TREE)) as server:
        pass
    with pytest.raises(JoulepathError, match=r"^bmc: cannot be reached: Connection refused$"):
        poll(server)


def test_a_port_that_hangs_up_on_tls_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        source = RedfishSource("bmc", RedfishClient(f"https://127.0.0.1:{server.getsockname()[1]}", None, timeout=5.0))
        with pytest.raises(JoulepathError, match=r"^bmc: cannot be reached: .*: is that the port of https\?$"):
            polls(source)
        hanging_up.join()


def test_logs_and_representations_contain_no_secret(
    bmc: RedfishServer, pki: Pki, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bmc.behaviour = Behaviour(users={USER: "another"})
    with pytest.raises(JoulepathError) as fault:
        polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=pki.ca)))
    bmc.behaviour = Behaviour(users={USER: PASSWORD})
    polls(RedfishSource("bmc", client(bmc, LOGIN, ca_file=pki.ca)))
    assert PASSWORD not in caplog.text + str(fault.value) + repr(LOGIN)


def test_a_closed_port_is_one_line_in_plain_words() -> None:
    with RedfishServer(dict_tree({})) as server:
        port = server.port
    source = RedfishSource("bmc", RedfishClient(f"http://127.0.0.1:{port}"))
    with pytest.raises(JoulepathError, match=r"^bmc: cannot be reached: Connection refused$"):
        polls(source)
