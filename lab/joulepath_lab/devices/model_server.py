# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the model server: takes frames, answers inferences, exports vLLM's request counters."""

import argparse
import selectors
import socket
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, start_http_server

from joulepath_lab.devices.robot import FRAME, tagged_octets, udp_socket
from joulepath_lab.network import nodes
from joulepath_lab.network.wire import Connection, Datagrams, Wire
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.streams import ANSWER_PAYLOAD, NAMES, UPLINKS, Stream, answer_of
from joulepath_lab.truth.ledger import Ledger, Sent

PORT = 9400


class Endpoint:
    """Serves one stream: counts an inference when its frame's last packet is there, and answers under its trace."""

    def __init__(
        self,
        stream: Stream,
        ledger: Ledger,
        scene: Scenario,
        counters: tuple[Counter, Counter],
        *,
        simulated: bool,
    ) -> None:
        self._stream = stream
        self._ledger = ledger
        self.socket, self._wire = _wire(stream, scene, simulated=simulated)
        labels = {"model_name": scene.model, "application": stream.application or "none"}
        if stream.inference_every:
            self._requests, self._tokens = (counter.labels(**labels) for counter in counters)

    def receive(self) -> None:
        """Takes what has arrived."""
        every = self._stream.inference_every
        for message in self._wire.messages():
            frame, number, packets = FRAME.unpack_from(message)
            if number == packets - 1 and every and frame % every == 0:
                self._requests.inc()
                self._tokens.inc(self._stream.tokens)
                self._wire.send(bytes(ANSWER_PAYLOAD))
        if every:
            self._ledger.write(answer_of(self._stream), Sent(*self._wire.sent()))


def _wire(stream: Stream, scene: Scenario, *, simulated: bool) -> tuple[socket.socket, Wire]:
    """The model's end, and its socket to wait for. Waits for the one sender of a TCP stream."""
    if scene.tagging and stream.name in scene.tagging.tcp:
        with socket.create_server(("::", stream.port), family=socket.AF_INET6) as listener:
            tcp, _ = listener.accept()
        return tcp, Connection(tcp, tagged_octets(stream))
    udp, header = udp_socket(stream, scene, "model", simulated=simulated)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    udp.bind(("::", stream.port))
    return udp, Datagrams(udp, (scene.robot_address, stream.port), header)


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--simulated", action="store_true")
    args = parser.parse_args()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    registry = CollectorRegistry()
    labels = ("model_name", "application")
    requests = Counter("vllm:request_success_total", "Finished requests.", labels, registry=registry)
    tokens = Counter("vllm:generation_tokens_total", "Generated tokens.", labels, registry=registry)
    ledger = Ledger(args.ledger, NAMES)
    selector = selectors.DefaultSelector()
    for stream in UPLINKS:
        endpoint = Endpoint(stream, ledger, scenario.load(args.scenario), (requests, tokens), simulated=args.simulated)
        selector.register(endpoint.socket, selectors.EVENT_READ, endpoint)
    start_http_server(PORT, nodes.mgmt_address("model"), registry)
    while True:
        for key, _ in selector.select():
            key.data.receive()


if __name__ == "__main__":
    main()
