# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the models' servers: takes frames, answers inferences, exports vLLM's counters and the mesh's."""

import argparse
import selectors
import socket
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, start_http_server

from joulepath_lab.devices.robot import FRAME, is_due, tagged_octets, udp_socket
from joulepath_lab.network import nodes
from joulepath_lab.network.wire import Connection, Datagrams, Wire
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.streams import ANSWER_PAYLOAD, Stream, answer_of
from joulepath_lab.truth.ledger import Ledger, Sent

PORT = 9400


class Counters:
    """Of vLLM for the language model, and of Istio for requests to the detector."""

    def __init__(self, scene: Scenario, registry: CollectorRegistry) -> None:
        labels = ("model_name", "application")
        self._model, self._detector = scene.model, scene.detector
        self._requests = Counter("vllm:request_success_total", "Finished requests.", labels, registry=registry)
        self._tokens = Counter("vllm:generation_tokens_total", "Generated tokens.", labels, registry=registry)
        self._prompts = Counter("vllm:prompt_tokens_total", "Tokens of prompts.", labels, registry=registry)
        mesh = ("reporter", "source_workload", "destination_service_name", "response_code")
        self._mesh = Counter("istio_requests_total", "Requests in the mesh.", mesh, registry=registry)

    def begin(self, stream: Stream) -> None:
        """A stream's counters are 0 before it asks."""
        self.inference(stream, 0)
        self.detection(stream, 0)

    def inference(self, stream: Stream, count: int = 1) -> None:
        """Counts inferences."""
        if stream.inference_every:
            labels = (self._model, stream.application or "none")
            self._requests.labels(*labels).inc(count)
            self._tokens.labels(*labels).inc(count * stream.tokens)
            self._prompts.labels(*labels).inc(count * stream.prompt)

    def detection(self, stream: Stream, count: int = 1) -> None:
        """Counts pictures that the detector looks at."""
        if stream.detection_every and self._detector:
            self._mesh.labels("destination", stream.application or stream.name, self._detector, "200").inc(count)


class Endpoint:
    """Serves one stream: counts an inference when its frame's last packet is there, and answers under its trace."""

    def __init__(
        self,
        stream: Stream,
        ledger: Ledger,
        scene: Scenario,
        counters: Counters,
        *,
        simulated: bool,
    ) -> None:
        self._stream = stream
        self._ledger = ledger
        self.socket, self._wire = _wire(stream, scene, simulated=simulated)
        self._counters = counters
        counters.begin(stream)

    def receive(self) -> None:
        """Takes what has arrived."""
        for message in self._wire.messages():
            frame, number, packets = FRAME.unpack_from(message)
            if number < packets - 1:
                continue
            if is_due(frame, self._stream.detection_every):
                self._counters.detection(self._stream)
            if is_due(frame, self._stream.inference_every):
                self._counters.inference(self._stream)
                self._wire.send(bytes(ANSWER_PAYLOAD))
        if self._stream.inference_every:
            self._ledger.write(answer_of(self._stream), Sent(*self._wire.sent()))


def _wire(stream: Stream, scene: Scenario, *, simulated: bool) -> tuple[socket.socket, Wire]:
    """The model's end, and its socket to wait for. Waits for the one sender of a TCP stream."""
    if scene.tagging and stream.name in scene.tagging.tcp:
        with socket.create_server(("::", stream.port), family=socket.AF_INET6) as listener:
            tcp, _ = listener.accept()
        return tcp, Connection(tcp, tagged_octets(stream))
    udp, header = udp_socket(stream, scene, "model", simulated=simulated)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    user, server = scene.ends_of(stream)
    udp.bind((server, stream.port))
    return udp, Datagrams(udp, (user, stream.port), header)


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--simulated", action="store_true")
    args = parser.parse_args()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    registry = CollectorRegistry()
    scene = scenario.load(args.scenario)
    counters = Counters(scene, registry)
    ledger = Ledger(args.ledger, scene.senders)
    selector = selectors.DefaultSelector()
    for stream in scene.streams:
        endpoint = Endpoint(stream, ledger, scene, counters, simulated=args.simulated)
        selector.register(endpoint.socket, selectors.EVENT_READ, endpoint)
    start_http_server(PORT, nodes.mgmt_address("model"), registry)
    while True:
        for key, _ in selector.select():
            key.data.receive()


if __name__ == "__main__":
    main()
