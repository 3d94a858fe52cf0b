# SPDX-License-Identifier: Apache-2.0
"""Keeps the program, its ids and cgroups, and the routes as the configuration and the host are at the moment."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from joulepath.bpf.libbpf import claim_memory
from joulepath.errors import JoulepathError
from joulepath.ioam.socket import host_node_id
from joulepath.tag import cgroup, hooks, idfile, netlink, routes, sockets
from joulepath.tag.coverage import Coverage
from joulepath.tag.hooks import Hooks
from joulepath.tag.lock import Lock
from joulepath.tag.program import FlowCount, Program, SocketKey, State
from joulepath.tag.settings import Flow, Settings, header_octets

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
_ROUTES_EVERY = 3
"""Ticks between two looks at the routes and the counts."""


@dataclass(frozen=True)
class TagReading:
    """The content of a scrape."""

    counts: Mapping[str, FlowCount]
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
        self._hooks: Hooks | None = None
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

    def claim(self) -> None:
        """Takes the steps that may need root's rights: lifts a limit, takes the lock. Raises JoulepathError."""
        claim_memory()
        self._alone = Lock(self._runtime)

    def start(self) -> None:
        """Lowers MTUs, then begins to tag. Raises JoulepathError where it cannot, and leaves nothing behind."""
        if self._alone is None:
            self.claim()
        try:
            self._program = Program()
            self._hooks = Hooks(self._program, self._say)
            hooks.clear(self._settings.interfaces)
            self.reload(self._settings)
            self._hooks.start()
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
                hooks.checked(name, found.get(name))
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
        if self._hooks is not None:
            self._hooks.close()
            self._hooks = None
        if self._alone is not None:
            netlink.reconcile([])
        if self._program is not None:
            with self._lock:
                self._program.close()
                self._program = None
        if self._alone is not None:
            self._alone.close()
            self._alone = None

    def reading(self) -> TagReading:
        """The counts so far."""
        with self._lock:
            counts = self._program.counts() if self._program else {}
            ready = {flow.name: self._ready(flow, counts.get(flow.name)) for flow in self._settings.flows}
            interfaces = self._hooks.kinds if self._hooks else {}
            names = {index: name for name, index in self._hooks.indices.items()} if self._hooks else {}
            # Of a destination that several tables have, the least.
            mtus = {
                (str(route.destination), names[index]): route.mtu
                for route in sorted(self._plan.routes, key=lambda route: -(route.mtu or 0))
                for index in route.interfaces
                if index in names and route.mtu is not None
            }
            from_router = [path.from_router for path in self._program.paths().values()] if self._program else []
            narrow = {"packet_too_big": from_router.count(True), "lost_packets": from_router.count(False)}
            refused = len(self._plan.refusals)
            return TagReading(
                counts, ready, interfaces, mtus, refused, narrow, header_octets(self._nodes), self._adopted
            )

    def _ready(self, flow: Flow, count: FlowCount | None) -> bool:
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
        known = self._hooks.indices if self._hooks else {}
        changed = netlink.indices(self._settings.interfaces) != known
        found = netlink.links(self._settings.interfaces) if changed or look_at_routes else {}
        if found:
            self._sync_routes(found)
        self._sync_states()
        if changed:
            self._sync_links(found)
        if self._hooks is not None:
            self._hooks.lead()
        if look_at_routes and self._program is not None:
            self._sync_sockets(self._program)
            self._coverage.add(self._program.counts(), self._program.paths())

    def _sync_routes(self, found: Mapping[str, netlink.InterfaceLink]) -> None:
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
            found = idfile.read(flow.trace_id, flow.id_owner)
        except JoulepathError as fault:
            self._say(f"flow {flow.name}", f"flow {flow.name}: {fault}")
        else:
            self._say(f"flow {flow.name}", None)
            return found
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

    def _sync_links(self, found: Mapping[str, netlink.InterfaceLink]) -> None:
        if self._hooks is not None:
            self._hooks.sync(found, self._settings.interfaces)

    def _say(self, key: str, text: str | None) -> None:
        """Logs what is new; None where all is well."""
        if text is None:
            if self._said.pop(key, None) is not None:
                logger.info("%s: is well again", key)
        elif self._said.get(key) != text:
            self._said[key] = text
            logger.warning("%s", text)


def _kept(states: Mapping[str, State], before: Iterable[Flow], after: Iterable[Flow]) -> Iterable[tuple[str, State]]:
    """Ids and senders found for flows that go on, where they are still asked for."""
    asked = {flow.name: flow for flow in before}
    for flow in after:
        if flow.name in states:
            state, was = states[flow.name], asked[flow.name]
            if (flow.trace_id, flow.id_owner) != (was.trace_id, was.id_owner):
                state = replace(state, trace_id=None)
            if flow.sender != was.sender:
                state = replace(state, cgroup=None, inode=0)
            yield flow.name, state


def _plan(settings: Settings, found: Mapping[str, netlink.InterfaceLink]) -> tuple[int, routes.Plan]:
    """The number of nodes that the trace has room for, and the routes for that."""
    present = netlink.routes()
    destinations = [flow.destination for flow in settings.flows]
    interfaces = {link.index: routes.Interface(link.name, link.mtu) for link in found.values()}
    nodes = settings.nodes
    if nodes is None:
        nodes = routes.room(routes.narrowest(present, destinations, interfaces, settings.path_mtu))
    return nodes, routes.plan(present, destinations, interfaces, header_octets(nodes), settings.path_mtu)
