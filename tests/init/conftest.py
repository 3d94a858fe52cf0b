# SPDX-License-Identifier: Apache-2.0
"""Shared by the tests of `joulepath init`: devices on loopback, and a run of the command with answers."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from joulepath_init import command
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from joulepath_lab.devices.snmp_agent import Agent
from tests.exporters.bmc.conftest import legacy

SECRET = "s3cret-community"  # noqa: S105  # the tests' own
OUTLETS = {
    1: ("robot", 40.0),
    2: ("upf-1 PSU A", 120.0),
    3: ("upf-1 PSU B", 131.0),
    4: ("Outlet 4", 33.0),
    5: ("spare", 0.0),
}
BMC_WATTS = 410.0


@dataclass(frozen=True)
class Devices:
    """A PDU and a BMC."""

    pdu: str
    bmc: str
    community_file: Path

    @property
    def flags(self) -> Sequence[str]:
        """The arguments that name them."""
        return ("--pdu", self.pdu, "--community-file", str(self.community_file), "--bmc", self.bmc)


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[Devices]:
    """A PDU with five outlets, of which two feed one server, and a BMC of another server."""
    community = tmp_path / "community"
    community.write_text(f"{SECRET}\n")
    community.chmod(0o600)
    tree = legacy({"PowerControl": [{"MemberId": "0", "Name": "System", "PowerConsumedWatts": BMC_WATTS}]})
    with ExitStack() as running:
        agent = running.enter_context(Agent(rpdu2_objects(lambda: OUTLETS), SECRET))
        server = running.enter_context(RedfishServer(dict_tree(tree)))
        host, port = agent.address
        yield Devices(f"udp://{host}:{port}", f"redfish+http://127.0.0.1:{server.port}", community)


class Answers:
    """Answers to questions, by a word in the question; to others an empty line."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        """One line."""
        self.asked.append(question)
        return next((answer for word, answer in self._answers.items() if word in question), "")


def init(*words: str | Path, answers: Answers | None = None) -> int:
    """`joulepath init ARGUMENTS`, which asks only where there are answers. Raises JoulepathError."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    args = parser.parse_args([*map(str, words), *(() if answers else ("--non-interactive",))])
    return command.run(args, answers or Answers(), answers or Answers())
