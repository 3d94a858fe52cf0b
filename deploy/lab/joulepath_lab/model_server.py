# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the model server: takes frames over UDP, answers inferences, exports vLLM's request counters."""

import argparse
import selectors
import socket
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, start_http_server

from joulepath_lab import network, scenario
from joulepath_lab.ledger import Ledger, Sent
from joulepath_lab.robot import FRAME, IPV6_HEADER, UDP_HEADER, traced_socket
from joulepath_lab.scenario import Scenario
from joulepath_lab.streams import ANSWER_PAYLOAD, NAMES, UPLINKS, Stream, answer_of

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
        self.stream = stream
        self._ledger = ledger
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("::", stream.port))
        self._answers, header = traced_socket(stream.trace_id, "model", scene.stamping[::-1], simulated=simulated)
        self._robot = (scene.robot_address, stream.port)
        self._octets = IPV6_HEADER + header + UDP_HEADER + ANSWER_PAYLOAD
        self._sent = Sent(0, 0)
        labels = {"model_name": scene.model, "application": stream.application or "none"}
        if stream.inference_every:
            self._requests, self._tokens = (counter.labels(**labels) for counter in counters)

    def receive(self) -> None:
        """Takes one packet."""
        payload, _ = self.socket.recvfrom(2048)
        frame, number, packets = FRAME.unpack_from(payload)
        every = self.stream.inference_every
        if number == packets - 1 and every and frame % every == 0:
            self._requests.inc()
            self._tokens.inc(self.stream.tokens)
            self._answers.sendto(bytes(ANSWER_PAYLOAD), self._robot)
            self._sent = Sent(self._sent.packets + 1, self._sent.bytes + self._octets)
            self._ledger.write(answer_of(self.stream), self._sent)


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
        endpoint = Endpoint(stream, ledger, scenario.named(args.scenario), (requests, tokens), simulated=args.simulated)
        selector.register(endpoint.socket, selectors.EVENT_READ, endpoint)
    start_http_server(PORT, network.mgmt_address("model"), registry)
    while True:
        for key, _ in selector.select():
            key.data.receive()


if __name__ == "__main__":
    main()
