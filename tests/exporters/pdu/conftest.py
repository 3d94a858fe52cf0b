# SPDX-License-Identifier: Apache-2.0
"""Shared by the PDU tests: recorded devices behind a real SNMP agent, and the readings of a source."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
import snmpsim_data
from prometheus_client.parser import text_string_to_metric_families

from joulepath.pdu.profiles.catalogue import load_shipped
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Limits, SnmpClient, SnmpEndpoint
from joulepath.pdu.snmp.clients import Clients
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.source import PduReading, PduSource
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.network.namespace import PATIENCE_SECONDS
from joulepath_lab.run.ports import free_port

WALKS = Path(snmpsim_data.__file__).parent / "data" / "UPS"
SECRET = "s3cret-community"  # noqa: S105  # the tests' own
QUICK = Limits(timeout=0.5, retries=1)

_RUNNER = asyncio.Runner()

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """`work` done on the tests' loop."""
    return _RUNNER.run(work)


def client(address: tuple[str, int], community: str = "public", limits: Limits = QUICK) -> SnmpClient:
    """A client of an agent on loopback, with the library that is always there."""
    return Clients("pysnmp").make(SnmpEndpoint(*address), Community(community), limits)


def read(source: PduSource) -> PduReading:
    """One poll."""

    async def once() -> PduReading:
        try:
            return await source.read()
        finally:
            await source.close()

    return run(once())


@pytest.fixture(scope="session")
def profiles() -> Mapping[str, Profile]:
    """The shipped profiles."""
    return load_shipped()


def _bound(port: int) -> bool:
    """Whether someone listens there: snmpsim says so before it does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@pytest.fixture(scope="session")
def simulate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[str, int]]]:
    """`simulate(walks, *options)`: snmpsim on loopback speaking recorded walks; the community is the file's stem."""
    running: list[subprocess.Popen[bytes]] = []

    def start(walks: list[Path], *options: str) -> tuple[str, int]:
        folder = tmp_path_factory.mktemp("snmpsim")
        data, cache, log = folder / "data", folder / "cache", folder / "log"
        data.mkdir()
        cache.mkdir()
        for walk in walks:
            shutil.copy(walk, data)
        port = free_port(socket.SOCK_DGRAM)
        command = [str(Path(sys.executable).with_name("snmpsim-command-responder"))]
        command += [
            "--v3-engine-id=auto",
            f"--data-dir={data}",
            f"--cache-dir={cache}",
            f"--agent-udpv4-endpoint=127.0.0.1:{port}",
        ]
        if os.geteuid() == 0:
            command += ["--process-user=root", "--process-group=root"]
        command += options
        with log.open("wb") as output:
            running.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        end = time.monotonic() + PATIENCE_SECONDS
        while not _bound(port):
            assert running[-1].poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, "snmpsim does not start"
            time.sleep(0.05)
        return "127.0.0.1", port

    yield start
    for process in running:
        process.terminate()
        process.wait(5)


@pytest.fixture
def agent() -> Iterator[Agent]:
    """A PDU with two outlets on loopback; its community is SECRET."""
    with Agent(rpdu2_objects(lambda: {1: ("robot", 40.0), 2: ("server", 250.0)}), SECRET) as running:
        yield running


@pytest.fixture
def community_file(tmp_path: Path) -> Path:
    """The file with the agent's community."""
    path = tmp_path / "community"
    path.write_text(f"{SECRET}\n")
    return path


def joulepath(*arguments: str | Path, command: str = "pdu") -> subprocess.CompletedProcess[str]:
    """`joulepath COMMAND ARGUMENTS`, run to its end."""
    line = [sys.executable, "-m", "joulepath", command, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def samples(exposition: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }
