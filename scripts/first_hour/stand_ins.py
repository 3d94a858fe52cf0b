# SPDX-License-Identifier: Apache-2.0
"""The devices and programs of docs/guides/bare-metal.md: they answer at the names and ports of the page.

Their counters follow from the clock alone, so that each figure has a truth that can be worked out by hand.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, Metric

from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.kepler import Node, modern
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from joulepath_lab.devices.snmp_agent import Agent

COMMUNITY, USER, PASSWORD = "public", "reader", "PASSWORD"  # as the page writes them
OUTLETS = {1: ("gnb-1", 187.0), 2: ("edge-1 PSU A", 121.0), 3: ("edge-1 PSU B", 119.0), 4: ("spare", 0.0)}
BMC_WATTS = 640
"""Of the chassis of gpu-1."""
ACTIVE_WATTS, IDLE_WATTS = 80.0, 60.0
"""Of the processor and memory of edge-1, by Kepler."""
PODS = {"core/upf-0": 24.0, "ran/du-0": 40.0, "core/amf-0": 8.0}
"""Active watts by pod of edge-1."""
MODEL, APPLICATION = "Qwen/Qwen2.5-VL-7B-Instruct", "camera"
REQUESTS, TOKENS, PROMPTS = 2.0, 100.0, 900.0
"""Of the model in each second."""
BUDGET_JOULES = 900.0
"""Of the application in an hour, as the page writes it."""

NAMES = ("pdu-1.example", "gpu-1-bmc.example", "edge-1.example", "gpu-1.example", "webhook.example")
"""Hosts of the page; all are this machine."""
HERE = "127.0.0.1"
SNMP_PORT, HTTPS_PORT, KEPLER_PORT, VLLM_PORT, WEBHOOK_PORT = 161, 443, 28282, 8000, 9095


@dataclass
class Webhook:
    """Alerts that Alertmanager sent."""

    alerts: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def stand_ins(folder: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[Webhook]:
    """All of them, until the end of the context. `folder` receives the certificate of the BMC."""
    began, webhook = clock(), Webhook()

    def seconds() -> float:
        return clock() - began

    with ExitStack() as running:
        objects = rpdu2_objects(lambda: OUTLETS, name="pdu-1")
        running.enter_context(Agent(objects, COMMUNITY, SNMP_PORT, HERE))
        behaviour = Behaviour(users={USER: PASSWORD}, max_sessions=100)
        running.enter_context(RedfishServer(dict_tree(chassis()), behaviour, own_certificate(folder), HTTPS_PORT))
        for port, page in ((KEPLER_PORT, kepler), (VLLM_PORT, vllm)):
            running.enter_context(serving(port, lambda page=page: page(seconds())))  # type: ignore[misc]
        running.enter_context(listening(webhook))
        yield webhook


def chassis() -> dict[str, dict[str, Any]]:
    """A server's Redfish as Power 1.x has it."""
    root = "/redfish/v1"
    power = {"PowerControl": [{"MemberId": "0", "Name": "System", "PowerConsumedWatts": BMC_WATTS}]}
    return {
        root: {"Chassis": {"@odata.id": f"{root}/Chassis"}},
        f"{root}/Chassis": {"Members": [{"@odata.id": f"{root}/Chassis/1"}]},
        f"{root}/Chassis/1": {"Id": "1", "Power": {"@odata.id": f"{root}/Chassis/1/Power"}},
        f"{root}/Chassis/1/Power": power,
    }


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Signed by an authority that the reader's machine does not know, as a BMC's is."""
    issued = trustme.CA().issue_cert("bmc.invalid")
    file = folder / "bmc.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def kepler(seconds: float) -> Sequence[Metric]:
    """The page of Kepler on edge-1."""
    pods = {name: watts * seconds for name, watts in PODS.items()}
    return modern([Node("edge-1", ACTIVE_WATTS * seconds, IDLE_WATTS * seconds, pods)])


def vllm(seconds: float) -> Sequence[Metric]:
    """The page of vLLM on gpu-1."""
    rates = {
        "vllm:request_success": (REQUESTS, {"finished_reason": "stop"}),
        "vllm:generation_tokens": (TOKENS, {}),
        "vllm:prompt_tokens": (PROMPTS, {}),
    }
    families = []
    for name, (rate, more) in rates.items():
        labels = {"engine": "0", "model_name": MODEL, **more}
        family = CounterMetricFamily(name, "See vLLM.", labels=list(labels))
        family.add_metric(list(labels.values()), rate * seconds)
        families.append(family)
    return families


class _Page:
    """A collector of `prometheus_client`."""

    def __init__(self, page: Callable[[], Iterable[Metric]]) -> None:
        self._page = page

    def collect(self) -> Iterable[Metric]:
        return self._page()


@contextmanager
def serving(port: int, page: Callable[[], Iterable[Metric]]) -> Iterator[None]:
    """Metrics at a port."""
    registry = CollectorRegistry()
    registry.register(_Page(page))
    server, thread = start_http_server(port, HERE, registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listening(webhook: Webhook) -> Iterator[None]:
    """The webhook, which keeps the alerts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.alerts.extend(json.loads(body)["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
            """Writes nothing."""

    server = ThreadingHTTPServer((HERE, WEBHOOK_PORT), Handler)
    threading.Thread(target=server.serve_forever, name="webhook", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
