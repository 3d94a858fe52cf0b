# SPDX-License-Identifier: Apache-2.0
"""Doors from the host into the lab: listening sockets of the host's loopback that lead to the servers inside.

A socket belongs to the network namespace in which it was made, whichever process holds it (network_namespaces(7)).
These are made before the namespaces and inherited; the lab accepts who knocks, and carries bytes. Nothing else of the
host changes, no right is needed, and the doors end with the lab.
"""

import asyncio
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from joulepath_lab.network import nodes
from joulepath_lab.run import monitoring
from joulepath_lab.scenarios.scenario import Scenario

HOST = "127.0.0.1"
_MOST_OCTETS = 1 << 16


@dataclass(frozen=True)
class Place:
    """A server inside the lab."""

    title: str
    host: str
    port: int


@dataclass(frozen=True)
class Door:
    """A place, and the socket of the host that leads there."""

    place: Place
    listener: socket.socket

    @property
    def url(self) -> str:
        """Where a browser on this host finds it."""
        return f"http://{HOST}:{self.listener.getsockname()[1]}/"


def places(scenario: Scenario) -> Iterator[Place]:
    """Prometheus, Alertmanager and the exporters."""
    yield Place("Prometheus", *split(monitoring.PROMETHEUS_URL.removeprefix("http://")))
    titles = {"exporters": "joulepath pdu", "alertmanager": "Alertmanager"}
    own = {"rapl", "ioam", "gpu", "workload", "pfcp"}
    for job, entries in monitoring.targets(scenario).items():
        for entry in entries if job in own or job in titles else ():
            instance = f" of {entry['labels']['instance']}" if job in own else ""
            yield Place(titles.get(job, f"joulepath {job}{instance}"), *split(entry["targets"][0]))
    for node in ("robot", "model") if scenario.tagging else ():
        yield Place(f"joulepath tag of {node}", nodes.mgmt_address(node), monitoring.TAG_PORT)


def listen(places: Iterable[Place], host: str = HOST) -> Sequence[socket.socket]:
    """A socket of this host for each place, at the same port where that is free; programs that follow inherit it."""
    listeners = [_listener(host, place.port) for place in places]
    for listener in listeners:
        listener.set_inheritable(True)
    return listeners


def inherited(places: Iterable[Place], descriptors: Iterable[int]) -> Sequence[Door]:
    """The doors of these sockets, which `listen` made before the namespaces."""
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for listener in sockets:
        listener.set_inheritable(False)
    return [Door(place, listener) for place, listener in zip(places, sockets, strict=True)]


def open_all(doors: Sequence[Door]) -> None:
    """Leads whoever knocks to the places, in a thread of its own, until the process ends."""
    threading.Thread(target=lambda: asyncio.run(_open(doors)), name="doors", daemon=True).start()


async def _open(doors: Sequence[Door]) -> None:
    servers = [await asyncio.start_server(partial(_lead, door.place), sock=door.listener) for door in doors]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _lead(place: Place, asks: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
    try:
        answers, ask = await asyncio.open_connection(place.host, place.port)
    except OSError:  # it is not there yet, or no longer
        answer.close()
        return
    await asyncio.gather(_carry(asks, ask), _carry(answers, answer))
    ask.close()
    answer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes on what comes, and its end."""
    with suppress(OSError):
        while data := await reader.read(_MOST_OCTETS):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError:
        return socket.create_server((host, 0))


def split(address: str) -> tuple[str, int]:
    """HOST and PORT of HOST:PORT."""
    host, _, port = address.rpartition(":")
    return host, int(port)
