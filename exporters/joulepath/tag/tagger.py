# SPDX-License-Identifier: Apache-2.0
"""Keeps the program, its ids and cgroups, and the routes as the configuration and the host are at the moment."""

import errno
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from joulepath.bpf import tc
from joulepath.bpf.libbpf import BpfError
from joulepath.errors import JoulepathError
from joulepath.ioam.link import DEVICES, ETHERNET
from joulepath.ioam.socket import host_node_id
from joulepath.tag import cgroup, netlink, routes, sockets
from joulepath.tag.coverage import Coverage
from joulepath.tag.lock import Lock
from joulepath.tag.program import Count, Program, SocketKey, State
from joulepath.tag.settings import TRACE_ID, Flow, Settings, header_octets

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
_ROUTES_EVERY = 3
"""Ticks between two looks at the routes and the counts."""
_LOOPBACK = "lo"
"""Messages of the host's own tunnels come in here."""
_MOST_OCTETS = 4096  # of a file with an id


@dataclass(frozen=True)
class Reading:
    """What a scrape shows."""

    counts: Mapping[str, Count]
    ready: Mapping[str, bool]
    interfaces: Mapping[str, str]
    """Those that are tagged at, and the hook."""
    routes: Mapping[tuple[str, str], int]
    """MTU by destination and interface."""
    refused_routes: int
    narrow_paths: Mapping[str, int]
    """Destinations behind a narrower link, by how that was learned."""
    header_octets: int
    adopted: Mapping[str, int]
    """Sockets that each flow with a sender has although they were made in another cgroup."""


class Tagger:
    """From `start` to `stop`. One at a time in a network namespace."""

    def __init__(
        self,
        settings: Settings,
        cgroup_root: Callable[[], Path] = cgroup.mounted,
        tick: float = TICK_SECONDS,
        runtime: Path | None = None,
    ) -> None:
        self._settings = settings
        self._cgroup_root = cgroup_root
        self._tick_seconds = tick
        self._runtime = runtime
        self._root: Path | None = None
        self._program: Program | None = None
        self._links: dict[str, tuple[netlink.Link, tuple[tc.Link, ...]]] = {}
        self._loopback: tc.Link | None = None
        self._coverage = Coverage()
        self._states: dict[str, State] = {}
        self._adopted: Mapping[str, int] = {}
        self._node_id: int | None = None
        self._nodes = self._applied_nodes = 0
        self._plan = routes.Plan(frozenset(), ())
        self._said: dict[str, str] = {}
        self._ended = threading.Event()
        self._lock = threading.RLock()
        self._alone: Lock | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Lowers MTUs, then begins to tag. Raises JoulepathError where it cannot, and leaves nothing behind."""
        self._alone = Lock(self._runtime)
        try:
            self._program = Program()
            for index, name in socket.if_nameindex():
                if name not in self._settings.interfaces:  # there it is replaced
                    tc.clear(index, "sent", tc.TAGGING)
                    tc.clear(index, "received", tc.LEARNING)
            self.reload(self._settings)
            learning = self._program.learning(ethernet=True)
            self._loopback = tc.attach(learning, socket.if_nametoindex(_LOOPBACK), "received", tc.LEARNING)
        except BaseException:
            self.stop()
            raise
        self._thread = threading.Thread(target=self._run, name="tagger", daemon=True)
        self._thread.start()

    def reload(self, settings: Settings) -> None:
        """Goes over to other settings; counts go on. Raises JoulepathError where it cannot, and changes nothing."""
        with self._lock:
            root = self._cgroup_root() if any(flow.sender for flow in settings.flows) else None
            found = netlink.links(settings.interfaces)
            for name in settings.interfaces:
                _check(name, found.get(name))
            _, plan = _plan(settings, found)
            if plan.refusals:
                raise JoulepathError(plan.refusals)
            current = netlink.links(self._settings.interfaces)
            try:
                # Before what cannot be taken back: the counts of flows that go.
                self._sync_links({**current, **found})
            except BaseException:
                self._sync_links(current)
                raise
            self._states = dict(_kept(self._states, self._settings.flows, settings.flows))
            self._settings, self._root = settings, root
            self._sync_routes(found)
            self._sync_states(force=True)
            if self._program is not None:
                self._sync_sockets(self._program)
            self._sync_links(found)

    def stop(self) -> None:
        """Ends tagging, then puts the routes back."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for name in list(self._links):
            self._detach(name)
        if self._loopback is not None:
            self._loopback.close()
            self._loopback = None
        if self._alone is not None:
            netlink.reconcile([])
        if self._program is not None:
            with self._lock:
                self._program.close()
                self._program = None
        if self._alone is not None:
            self._alone.close()
            self._alone = None

    def reading(self) -> Reading:
        """The counts so far."""
        with self._lock:
            counts = self._program.counts() if self._program else {}
            ready = {flow.name: self._ready(flow, counts.get(flow.name)) for flow in self._settings.flows}
            interfaces = {name: attached[0].kind for name, (_, attached) in self._links.items()}
            names = {link.index: link.name for link, _ in self._links.values()}
            # Of a destination that several tables have, the least.
            mtus = {
                (str(route.destination), names[index]): route.mtu
                for route in sorted(self._plan.routes, key=lambda route: -(route.mtu or 0))
                for index in route.interfaces
                if index in names and route.mtu is not None
            }
            told = [path.told for path in self._program.paths().values()] if self._program else []
            narrow = {"packet_too_big": told.count(True), "lost_packets": told.count(False)}
            refused = len(self._plan.refusals)
            return Reading(counts, ready, interfaces, mtus, refused, narrow, header_octets(self._nodes), self._adopted)

    def _ready(self, flow: Flow, count: Count | None) -> bool:
        state = self._states.get(flow.name)
        if state is None or state.trace_id is None or (flow.sender is not None and state.cgroup is None):
            return False
        return count is None or self._coverage.mostly_tagged(flow.name, count)

    def _run(self) -> None:
        ticks = 0
        while not self._ended.wait(self._tick_seconds):
            ticks += 1
            try:
                with self._lock:
                    self._tick(look_at_routes=ticks % _ROUTES_EVERY == 0)
            except (JoulepathError, OSError) as fault:
                self._say("tick", f"cannot follow the host: {fault}")
            else:
                self._say("tick", None)

    def _tick(self, *, look_at_routes: bool) -> None:
        known = {name: link.index for name, (link, _) in self._links.items()}
        changed = netlink.indices(self._settings.interfaces) != known
        found = netlink.links(self._settings.interfaces) if changed or look_at_routes else {}
        if found:
            self._sync_routes(found)
        self._sync_states()
        if changed:
            self._sync_links(found)
        if look_at_routes and self._program is not None:
            self._sync_sockets(self._program)
            self._coverage.add(self._program.counts(), self._program.paths())

    def _sync_routes(self, found: Mapping[str, netlink.Link]) -> None:
        self._nodes, plan = _plan(self._settings, found)
        refused = (*plan.refusals, *netlink.reconcile(plan.routes))
        self._plan = routes.Plan(plan.routes, refused)
        octets = header_octets(self._nodes)
        self._coverage.note_header(self._nodes, octets, cuts=routes.cuts_video(plan, octets))
        text = "; ".join(refused)
        self._say("routes", f"{text}; packets too large for it pass without a trace" if refused else None)

    def _sync_states(self, *, force: bool = False) -> None:
        settings = self._settings
        states = {flow.name: State(self._trace_id(flow), *self._cgroup(flow)) for flow in settings.flows}
        node_id = host_node_id() if settings.node_id is None else settings.node_id
        changed = force or (states, node_id, self._nodes) != (self._states, self._node_id, self._applied_nodes)
        if changed and self._program is not None:
            self._program.apply(settings.flows, states, node_id, self._nodes)
            self._states, self._node_id, self._applied_nodes = states, node_id, self._nodes

    def _trace_id(self, flow: Flow) -> bytes | None:
        """The flow's id as of now; the last good one while its file is being written."""
        if isinstance(flow.trace_id, bytes):
            return flow.trace_id
        try:
            text = _beginning(flow.trace_id).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            self._say(f"flow {flow.name}", f"flow {flow.name}: {flow.trace_id}: cannot be read: {reason}")
        else:
            if TRACE_ID.fullmatch(text):
                self._say(f"flow {flow.name}", None)
                return bytes.fromhex(text)
            self._say(f"flow {flow.name}", f"flow {flow.name}: {flow.trace_id}: holds no id of 32 hexadecimal digits")
        known = self._states.get(flow.name)
        return known.trace_id if known else None

    def _cgroup(self, flow: Flow) -> tuple[Path | None, int]:
        """The sender's cgroup as of now, and its inode."""
        if flow.sender is None or self._root is None:
            return None, 0
        known = self._states.get(flow.name)
        fault: str | None = f"flow {flow.name}: {flow.sender.kind} {flow.sender.name} is not there; waiting for it"
        try:
            found = known.cgroup if known else None
            if found is None or not found.is_dir():
                found = cgroup.find(flow.sender, self._root)
            if found is not None:
                inode = found.stat().st_ino
                fault = None
                return found, inode
        except FileNotFoundError:
            pass  # went in between
        except cgroup.AmbiguousError as error:
            fault = f"flow {flow.name}: {error}"
        finally:
            self._say(f"cgroup of flow {flow.name}", fault)
        return None, 0

    def _sync_sockets(self, program: Program) -> None:
        """Sockets that were made in another cgroup than their user's."""
        folders = {name: state.cgroup for name, state in self._states.items() if state.cgroup is not None}
        made: Mapping[SocketKey, frozenset[str]] = {}
        fault: str | None = None
        try:
            made = sockets.made_elsewhere(folders) if folders else {}
        except JoulepathError as error:
            fault = f"sockets made in another cgroup than their process's are not tagged: {error}"
        self._say("sockets of other cgroups", fault)
        self._adopted = {name: sum(name in names for names in made.values()) for name in folders}
        program.adopt(made)

    def _sync_links(self, found: Mapping[str, netlink.Link]) -> None:
        for name in list(self._links):
            link = found.get(name)
            if link is None or link.index != self._links[name][0].index:
                self._detach(name)
                if name in self._settings.interfaces:
                    self._say(name, f"{name}: has gone; tagging goes on when it is back")
        for name, link in found.items():
            if name in self._links or self._program is None:
                continue
            try:
                self._attach(name, link, self._program)
            except BpfError as fault:
                self._detach(name)
                if fault.number in (errno.ENODEV, errno.ENOENT):
                    continue  # went in between
                raise
            self._say(name, None)

    def _attach(self, name: str, link: netlink.Link, program: Program) -> None:
        """Learns before it tags."""
        ethernet = DEVICES[_check(name, link).kind] is ETHERNET
        learning: tuple[tc.Link, ...] = ()
        self._links[name] = link, learning
        if name != _LOOPBACK:
            learning = (tc.attach(program.learning(ethernet=ethernet), link.index, "received", tc.LEARNING),)
            self._links[name] = link, learning
        tagging = tc.attach(program.fd(ethernet=ethernet), link.index, "sent", tc.TAGGING)
        self._links[name] = link, (tagging, *learning)

    def _detach(self, name: str) -> None:
        for attached in self._links.pop(name)[1]:
            attached.close()

    def _say(self, key: str, text: str | None) -> None:
        """Logs what is new; None where all is well."""
        if text is None:
            if self._said.pop(key, None) is not None:
                logger.info("%s: is well again", key)
        elif self._said.get(key) != text:
            self._said[key] = text
            logger.warning("%s", text)


def _beginning(path: Path) -> bytes:
    """Of a file that others write: a pipe or an endless one does not hold the rest up."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        return os.read(descriptor, _MOST_OCTETS)
    finally:
        os.close(descriptor)


def _kept(states: Mapping[str, State], before: Iterable[Flow], after: Iterable[Flow]) -> Iterable[tuple[str, State]]:
    """What was found for flows that go on, where it is still asked for."""
    asked = {flow.name: flow for flow in before}
    for flow in after:
        if flow.name in states:
            state, was = states[flow.name], asked[flow.name]
            if flow.trace_id != was.trace_id:
                state = replace(state, trace_id=None)
            if flow.sender != was.sender:
                state = replace(state, cgroup=None, inode=0)
            yield flow.name, state


def _plan(settings: Settings, found: Mapping[str, netlink.Link]) -> tuple[int, routes.Plan]:
    """For how many nodes the trace has room, and the routes for that."""
    present = netlink.routes()
    destinations = [flow.destination for flow in settings.flows]
    interfaces = {link.index: routes.Interface(link.name, link.mtu) for link in found.values()}
    nodes = settings.nodes
    if nodes is None:
        nodes = routes.room(routes.narrowest(present, destinations, interfaces, settings.path_mtu))
    return nodes, routes.plan(present, destinations, interfaces, header_octets(nodes), settings.path_mtu)


def _check(name: str, link: netlink.Link | None) -> netlink.Link:
    """Raises JoulepathError where packets of an interface cannot be tagged."""
    if link is None:
        raise JoulepathError(f"{name}: no such interface; `ip link` lists them")
    if link.kind not in DEVICES:
        raise JoulepathError(f"{name}: link type {link.kind} is not known; only Ethernet and IP are")
    return link
