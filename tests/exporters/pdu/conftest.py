# SPDX-License-Identifier: Apache-2.0
"""What the PDU tests share: recorded devices behind a real SNMP agent, and the readings of a source."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import snmpsim_data

from joulepath.pdu.profile import Profile, shipped
from joulepath.pdu.snmp import Community, Endpoint, Engine, Limits, PysnmpClient
from joulepath.pdu.source import PduReading, PduSource

WALKS = Path(snmpsim_data.__file__).parent / "data" / "UPS"
QUICK = Limits(timeout=0.5, retries=1)


def client(address: tuple[str, int], community: str = "public", limits: Limits = QUICK) -> PysnmpClient:
    """A client of an agent on loopback."""
    return PysnmpClient(Engine(), Endpoint(*address), Community(community), limits)


def read(source: PduSource) -> PduReading:
    """One poll on a loop of its own."""

    async def once() -> PduReading:
        try:
            return await source.read()
        finally:
            await source.close()

    return asyncio.run(once())


@pytest.fixture(scope="session")
def profiles() -> Mapping[str, Profile]:
    """The shipped profiles."""
    return shipped()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def simulate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[list[Path]], tuple[str, int]]]:
    """`simulate(walks)`: snmpsim on loopback speaking recorded walks; the community is the file's stem."""
    running: list[subprocess.Popen[bytes]] = []

    def start(walks: list[Path]) -> tuple[str, int]:
        folder = tmp_path_factory.mktemp("snmpsim")
        data, cache, log = folder / "data", folder / "cache", folder / "log"
        data.mkdir()
        cache.mkdir()
        for walk in walks:
            shutil.copy(walk, data)
        port = _free_port()
        command = [str(Path(sys.executable).with_name("snmpsim-command-responder"))]
        command += [f"--data-dir={data}", f"--cache-dir={cache}", f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
        if os.geteuid() == 0:
            command += ["--process-user=root", "--process-group=root"]
        with log.open("wb") as output:
            running.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        end = time.monotonic() + 30
        while "Listening at" not in log.read_text():
            assert running[-1].poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, "snmpsim does not start"
            time.sleep(0.05)
        return "127.0.0.1", port

    yield start
    for process in running:
        process.terminate()
        process.wait(5)
