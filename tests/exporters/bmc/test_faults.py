# SPDX-License-Identifier: Apache-2.0
"""Every way in which a BMC fails, all at once beside one that works: each says what is wrong and harms no other."""

import contextlib
import logging
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading, Box
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.reading.poller import Poller, Target
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from joulepath_lab.run.waiting import until

from ..pki import Pki
from .conftest import PASSWORD, USER, client, legacy

pytestmark = pytest.mark.unit

TREE = dict_tree(legacy({"PowerControl": [{"PowerConsumedWatts": 344}]}))
USERS = {USER: PASSWORD}


def _redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": f"{request.path}/x"})


def _refuse_login(request: web.Request) -> web.Response | None:
    allowed = request.path.rstrip("/") == "/redfish/v1" or request.method != "GET"
    return None if allowed else web.json_response({}, status=401)


FAULTS = {
    "html": (Behaviour(answer=lambda _: web.Response(text="<html>", content_type="text/html")), "with HTML instead"),
    "truncated": (Behaviour(answer=lambda _: web.Response(text='{"a": [')), "with broken JSON"),
    "long": (Behaviour(answer=lambda _: web.Response(body=b" " * 10_000_000)), "more than"),
    "redirects": (Behaviour(answer=_redirect), "without end"),
    "storm": (Behaviour(users=USERS, answer=_refuse_login), "refuse"),
    "full": (Behaviour(users=USERS, max_sessions=0, answer=_refuse_login), "gives no session"),
    "stranger": (Behaviour(users={USER: "another"}), "refuses the login"),
    "error": (Behaviour(answer=lambda _: web.Response(status=500)), "HTTP 500"),
    "empty": (Behaviour(answer=lambda _: web.json_response({})), "measures no power"),
}


def test_a_fault_of_one_bmc_does_not_affect_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    pki, other = Pki(tmp_path / "ours"), Pki(tmp_path / "theirs")

    def tls(issuer: Pki) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issuer.issue("bmc", "127.0.0.1"))
        return context

    with contextlib.ExitStack() as servers:
        running = {name: RedfishServer(TREE, behaviour, tls(pki)) for name, (behaviour, _) in FAULTS.items()}
        running["certificate"] = RedfishServer(TREE, Behaviour(users=USERS), tls(other))
        running["good"] = RedfishServer(TREE, Behaviour(users=USERS), tls(pki))
        targets: list[Target[BmcReading]] = []
        for name, server in running.items():
            servers.enter_context(server)
            source = RedfishSource(name, client(server, Login(USER, PASSWORD), ca_file=pki.ca, timeout=30.0))
            targets.append(Target(name, source, 0.2))
        poller = Poller(targets)
        poller.start()
        until(lambda: poller.tried and poller.snapshot("good").polls.get("success", 0) >= 5, 40.0)
        up = {name: poller.snapshot(name).up for name in running}
        polls = dict(poller.snapshot("good").polls)
        power = poller.current("good")
        poller.stop()
    assert up == {**dict.fromkeys(running, False), "good": True}
    assert power is not None
    assert power.power == {Box("chassis", "1"): 344}
    assert polls.get("failure", 0) == 0
    lines = {
        record.message.partition(":")[0]: record.message
        for record in caplog.records
        if record.name == "joulepath.reading.poller" and record.levelno >= logging.WARNING
    }
    assert lines.keys() == running.keys() - {"good"}
    for name, (_, message) in {**FAULTS, "certificate": (None, "certificate cannot be trusted")}.items():
        assert message in lines[name]
        assert "\n" not in lines[name]
    assert PASSWORD not in caplog.text
