# SPDX-License-Identifier: Apache-2.0
"""A small SMF: associates itself with the user plane, establishes every session, and takes the reports of usage."""

import argparse
import socket
import time

from joulepath_lab.devices import pfcp
from joulepath_lab.network import nodes
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario

_AGAIN_SECONDS = 0.5


class Smf:
    """One end of N4. Its own SEIDs are the sessions' numbers."""

    def __init__(self, scene: Scenario, own: str, upf: str) -> None:
        self._scene, self._own = scene, own
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((own, pfcp.PORT))
        self._socket.connect((upf, pfcp.PORT))
        self._socket.settimeout(_AGAIN_SECONDS)
        self._sequence = 0
        self._theirs: dict[int, int] = {}
        """The user plane's SEIDs, by ours."""

    def run(self) -> None:
        """Sets everything up, then answers until it is ended."""
        node = pfcp.node_id(self._own)
        self._ask(pfcp.SETUP, node, pfcp.recovery(time.time()))
        tunnel = self._scene.relays["upf"][0]
        for session in self._scene.sessions:
            rules = pfcp.establishment(session, gnb=tunnel.peer, upf=tunnel.own)
            seid = pfcp.f_seid(session.number, self._own)
            answer = self._ask(pfcp.ESTABLISH, node, seid, *rules, seid=0)
            self._theirs[session.number] = pfcp.seid_in(answer.elements)
        self._socket.settimeout(None)
        while True:
            self._answer(pfcp.parse(self._socket.recv(2048)))

    def _ask(self, kind: int, *elements: bytes, seid: int | None = None) -> pfcp.Message:
        """Sends a request, again and again until it is answered."""
        self._sequence += 1
        request = pfcp.message(kind, self._sequence, *elements, seid=seid)
        while True:
            try:
                self._socket.send(request)
                while True:
                    message = pfcp.parse(self._socket.recv(2048))
                    if message.kind == kind + 1 and message.sequence == self._sequence:
                        return message
                    self._answer(message)
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.1)  # the user plane is not there yet

    def _answer(self, message: pfcp.Message) -> None:
        if message.kind == pfcp.REPORT and message.seid in self._theirs:
            theirs = self._theirs[message.seid]
            self._socket.send(pfcp.answer(message, pfcp.REPORT_ANSWER, self._own, seid=theirs))


def main() -> None:
    """Runs until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    args = parser.parse_args()
    Smf(scenario.load(args.scenario), nodes.MGMT_CALLER, nodes.mgmt_address("upf")).run()


if __name__ == "__main__":
    main()
