# SPDX-License-Identifier: Apache-2.0
"""Random topologies with GPUs, virtual machines and components on several hosts, and their watts by plain arithmetic.

A box is what has power of its own: a host or a GPU. Units of work are Kepler's joules, CPU seconds of the workload
exporter, or those of a query.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.rules.promtool import grow, meter, outlet
from tests.rules.worlds import STEPS, Plant, passed

CAPACITY = 64
works = st.integers(0, 50)
watts = st.integers(0, 500)

# Labels by which Kepler names what it measures, at 0.10 and at 0.9, and the kind of share that selects it.
KEPLER = {
    "kepler_pod": (
        ('pod_namespace="n",pod_name="{}-x"', "pod"), ('container_namespace="n",pod_name="{}-x"', "container"),
    ),
    "kepler_container": (('container_name="{}"', "container"), ('container_name="{}"', "container")),
    "kepler_process": (('comm="{}"', "process"), ('command="{}"', "process")),
    "kepler_vm": (('vm_name="{}"', "vm"), ('vm_id="{}"', "vm")),
}  # fmt: skip


@dataclass
class Claim:
    """A component's work at a box, in a unit, and the part of the box's idle watts that it holds."""

    unit: str
    work: float
    held: float | None = 0.0
    """None for an equal part of what others leave."""


@dataclass
class Box:
    """A host or a GPU."""

    watts: float
    static: float | None
    entry: dict[str, Any]
    wholes: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))

    def divided(self) -> dict[str, dict[str, float]]:
        """Each component's watts by part."""
        static = None if self.static is None else min(self.static, self.watts)
        ratios: dict[str, float] = {}
        for name, claims in self.claims.items():
            whole = max(self.wholes[claims[0].unit], self.claimed(claims[0].unit), 1e-12)
            ratios[name] = sum(claim.work for claim in claims) / whole
        active = max(sum(ratios.values()), 1)
        told = [claims[0].held for claims in self.claims.values()]
        left = (1 - sum(each or 0.0 for each in told)) / max(told.count(None), 1)
        held = {name: left if claims[0].held is None else claims[0].held for name, claims in self.claims.items()}
        most = max(sum(held.values()), 1)
        found = {}
        for name, ratio in ratios.items():
            if static is None:
                found[name] = {"undivided": self.watts * ratio / active}
            else:
                idle = static * held[name] / most
                found[name] = {"static": idle, "dynamic": (self.watts - static) * ratio / active}
        return found

    def fill(self, rest: float) -> dict[str, float]:
        """Sets all work in each unit: that of the components, in whatever unit, and a rest."""
        units = {claim.unit for claims in self.claims.values() for claim in claims}
        for unit in units:
            self.wholes[unit] = sum(self.claimed(each) for each in units) + rest
        return self.wholes

    def claimed(self, unit: str) -> float:
        return sum(claim.work for claims in self.claims.values() for claim in claims if claim.unit == unit)


@dataclass
class Site:
    """A plant in the making."""

    draw: st.DrawFn
    plant: Plant
    crowded: bool
    """Whether reservations that meet may come to more than a host."""
    boxes: dict[str, Box] = field(default_factory=dict)
    dialects: dict[str, str] = field(default_factory=dict)

    def pick(self, *choices: Any) -> Any:
        """One of them."""
        return self.draw(st.sampled_from(choices))

    def work(self, host: str, kind: str, name: str, amount: float) -> dict[str, str]:
        """Shows the work of something on a host, or in a machine; gives the share that selects it."""
        if kind == "workload":
            labels = f'instance="{host}",job="workload",workload="{name}"'
            self.plant.show(f"workload of {host}", {f"workload_cpu_seconds_total{{{labels}}}": grow(amount)})
            return {"workload": name}
        if kind == "query":
            labels = f'instance="part-{host}",job="part",task="{name}"'
            self.plant.show(f"parts of {host}", {f"task_work_total{{{labels}}}": grow(amount)})
            return {"query": f'rate(task_work_total{{instance="part-{host}",task="{name}"}}[$window])'}
        old = self.dialects[host] == "0.9"
        template, level = KEPLER[kind][old]
        selected = template.format(name)
        for zone, part in (("package", 0.75), ("dram", 0.25)):
            if old:
                labels = f'{selected},instance="{host}",mode="dynamic"'
                series = f"kepler_{level}_{zone}_joules_total{{{labels}}}"
            else:
                labels = f'{selected},node_name="{host}",zone="{zone}"'
                series = f"kepler_{level}_cpu_joules_total{{{labels}}}"
            self.plant.show(f"kepler of {host}", {series: grow(amount * part)})
        return {kind: f"n/{name}-.*" if kind == "kepler_pod" else name}

    def whole(self, host: str, unit: str, amount: float) -> dict[str, Any]:
        """Shows all work of a host, or of a machine; gives what its entry needs for it."""
        if unit == "workload":
            for mode, rate in {"user": amount, "idle": 100}.items():
                labels = f'instance="{host}",job="workload",mode="{mode}"'
                self.plant.show(f"workload of {host}", {f"workload_host_cpu_seconds_total{{{labels}}}": grow(rate)})
            return {}
        if unit == "query":
            labels = f'instance="whole-{host}",job="whole"'
            self.plant.show(f"whole of {host}", {f"host_work_total{{{labels}}}": grow(amount)})
            return {"active": {"query": f'rate(host_work_total{{instance="whole-{host}"}}[$window])'}}
        old = self.dialects[host] == "0.9"
        for zone, part in (("package", 0.75), ("dram", 0.25)):
            series = (
                f'kepler_node_{zone}_joules_total{{instance="{host}",mode="dynamic"}}' if old
                else f'kepler_node_cpu_active_joules_total{{node_name="{host}",zone="{zone}"}}'
            )  # fmt: skip
            self.plant.show(f"kepler of {host}", {series: grow(amount * part)})
        return {}

    def kepler(self, host: str) -> dict[str, Any]:
        """Chooses the dialect of a host's Kepler, or a machine's; gives what its entry needs for it."""
        self.dialects[host] = self.pick("0.10", "0.9")
        return {"kepler": {"dialect": "0.9"}} if self.dialects[host] == "0.9" else {}

    def hold(self, entry: dict[str, Any], moves: bool) -> float:
        """Gives an entry a reservation; gives that, as a part of a host's capacity."""
        most = CAPACITY if moves and self.crowded and self.draw(st.booleans()) else 8
        entry["reservation"] = self.draw(st.integers(2, most))
        return float(entry["reservation"] / CAPACITY)


def unit_of(kind: str) -> str:
    """The unit of a kind of share."""
    return "kepler" if kind.startswith("kepler_") else kind


@st.composite
def placed(draw: st.DrawFn, crowded: bool = False) -> Plant:
    """One to three hosts; on them components, virtual machines, GPUs, and components that may be on several."""
    policy = draw(st.sampled_from(["packets-bytes", "bytes", "packets"]))
    data: dict[str, Any] = {"policy": policy, "sites": {"s": {}}, "hosts": {}, "vms": {}, "components": {}}
    plant = Plant({**data, "applications": {}})
    site = Site(draw, plant, crowded)
    names = [f"h{number}" for number in range(draw(st.integers(1, 3)))]
    for name in names:
        _host(site, name)
    for number in range(draw(st.integers(0, 2))):
        _moving(site, f"m{number}", names)
    for name in names:
        for number in range(draw(st.integers(0, 2))):
            _fixed(site, f"{name}-c{number}", name)
        if draw(st.booleans()):
            _machine(site, f"{name}-vm", name)
    if not plant.data["components"]:
        _fixed(site, "h0-c0", "h0")
    _wholes(site, names)
    if draw(st.booleans()):
        _alone(site, "w")
    for name, box in site.boxes.items():
        plant.hosts[name] = box.watts
        for component, parts in box.divided().items():
            plant.parts.setdefault(component, {})[name] = parts
    passed(draw, plant, policy)
    for entry in (*plant.data["components"].values(), *plant.data["applications"].values()):
        if draw(st.booleans()):
            entry["labels"] = {"team": draw(st.sampled_from(["red", "blue"]))}
    return plant


def _host(site: Site, host: str) -> None:
    """A host with a plug, and with GPUs in the plug or beside it; perhaps with a fallback."""
    draw = site.draw
    board = float(draw(watts))
    entry: dict[str, Any] = {"site": "s", "pool": "edge", "power": [{"pdu": host, "outlets": ["1"]}]}
    static = draw(st.none() | watts)
    inside, idle = 0.0, 0.0
    gpus: dict[str, Any] = {}
    for number in map(str, range(draw(st.integers(0, 2)))):
        gpu, power = _gpu(site, host, number)
        gpus[number] = gpu
        if gpu.get("in_plug", True):
            inside += power
            idle += gpu.get("static_watts", 0)
    plug = board + inside
    site.plant.show(f"pdu of {host}", outlet(host, "1", plug))
    if static is not None:
        entry |= {"static_watts": static + idle}
    if site.pick(True, False):
        entry["fallback"] = [{"bmc": host}]
        site.plant.show(f"bmc of {host}", meter("bmc_chassis", f'instance="{host}",chassis="1"', plug))
    elif site.pick(True, False):
        entry["fallback"] = [{"rapl": host, "scale": 2}]
        site.plant.show(f"rapl of {host}", meter("rapl_host", f'instance="{host}"', board / 2))
    entry |= {"capacity": CAPACITY, **site.kepler(host)}
    if gpus:
        entry["gpus"] = gpus
    site.plant.data["hosts"][host] = entry
    site.boxes[host] = Box(board, static, entry)


def _gpu(site: Site, host: str, number: str) -> tuple[dict[str, Any], float]:
    """A GPU by one of four meters; gives its entry and its watts."""
    power = float(site.draw(watts))
    static = site.draw(st.none() | watts)
    kind = site.pick("gpu", "dcgm", "joules", "watts")
    entry: dict[str, Any] = {kind: host, "in_plug": site.draw(st.booleans())}
    if static is not None:
        entry["static_watts"] = static
    labels = f'instance="{host}",gpu="{number}"'
    if kind == "gpu":
        site.plant.show(f"gpus of {host}", meter("gpu", labels, power))
    elif kind == "dcgm":
        labels = f'instance="dcgm-{host}",job="dcgm",{site.pick("Hostname", "hostname")}="{host}",gpu="{number}"'
        # Each slice repeats the energy of the whole, in millijoules.
        for one in ("1", "2"):
            series = f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels},GPU_I_ID="{one}"}}'
            site.plant.show(f"dcgm of {host}", {series: grow(1000 * power)})
    elif kind == "joules":
        entry[kind] = f"other_gpu_joules_total{{{labels}}}"
        site.plant.show(f"other of {host}", {f"other_gpu_joules_total{{{labels}}}": grow(power)})
    else:
        entry[kind] = f"other_gpu_watts{{{labels}}}"
        site.plant.show(f"other of {host}", {f"other_gpu_watts{{{labels}}}": f"{power!r}x{STEPS}"})
    site.boxes[f"{host}/gpu-{number}"] = Box(power, static, entry)
    return entry, power


def _fixed(site: Site, name: str, host: str) -> None:
    """A component of one host: one or two shares of one unit there, and perhaps shares of its GPUs."""
    box = site.boxes[host]
    kinds = _kinds(site)
    entry: dict[str, Any] = {"role": "upf", "host": host}
    held = site.hold(entry, moves=False) if box.static is not None else 0.0
    shares = []
    for number, kind in enumerate(kinds):
        amount = float(site.draw(works))
        shares.append(site.work(host, kind, f"{name}-{number}", amount))
        box.claims[name].append(Claim(unit_of(kind), amount, held))
    site.plant.data["components"][name] = {**entry, "share": shares}
    _on_gpus(site, name, [host])


def _kinds(site: Site) -> list[str]:
    """The kinds of one or two shares of one unit."""
    unit = site.pick("kepler", "workload", "query")
    kinds = sorted(KEPLER) if unit == "kepler" else [unit]
    return [site.pick(*kinds) for _ in range(site.draw(st.integers(1, 2)))]


def _moving(site: Site, name: str, hosts: Sequence[str]) -> None:
    """A component that may run on all of a pool or on some hosts; on each it has all of its parts, some or none."""
    some = site.draw(st.lists(st.sampled_from(list(hosts)), min_size=1, unique=True))
    pool = site.draw(st.booleans())
    entry: dict[str, Any] = {"role": "cu", "pool": "edge"} if pool else {"role": "cu", "hosts": some}
    mine = hosts if pool else some
    kinds = [kind for kind in _kinds(site) if kind != "query"] or ["workload"]
    divided = any(site.boxes[host].static is not None for host in mine)
    held = site.hold(entry, moves=True) if divided else 0.0
    shares: list[dict[str, str]] = []
    for number, kind in enumerate(kinds):
        part = f"{name}-{number}"
        shares.append({kind: f"n/{part}-.*" if kind == "kepler_pod" else part})
        for host in mine:
            amount = float(site.draw(st.just(0) | works))
            box = site.boxes[host]
            shown = bool(amount) or site.draw(st.booleans())
            if shown:
                site.work(host, kind, part, amount)
            box.claims[name].append(Claim(unit_of(kind), amount, 0.0))
            # A pod of Kepler's is there while it is shown. The counter of a workload that is gone stands still.
            if amount or (shown and kind in KEPLER):
                box.claims[name][0].held = held
    site.plant.data["components"][name] = {**entry, "share": shares}


def _machine(site: Site, machine: str, host: str) -> None:
    """A virtual machine: one component that is alone in it, or several with their parts of its work."""
    box = site.boxes[host]
    kind = site.pick("kepler_vm", "workload", "query")
    amount = float(site.draw(works))
    entry: dict[str, Any] = {"host": host, "share": [site.work(host, kind, machine, amount)], "capacity": CAPACITY}
    entry |= site.kepler(machine)
    outer = site.hold(entry, moves=False) if box.static is not None else 0.0
    size = site.draw(st.integers(1, 2))
    inner = site.pick("kepler_pod", "workload", "query")
    amounts = [float(site.draw(works)) for _ in range(size)]
    whole = sum(amounts) + site.draw(works)
    alone = size == 1 and site.draw(st.booleans())
    for number, mine in enumerate(amounts):
        name = f"{machine}-c{number}"
        component: dict[str, Any] = {"role": "du", "host": machine}
        held = outer
        part = 1.0 if alone else mine / max(whole, 1e-9)
        if not alone:
            component["share"] = [site.work(machine, inner, name, mine)]
            held *= site.hold(component, moves=False) if box.static is not None else 0.0
        box.claims[name].append(Claim(unit_of(kind), amount * part, held))
        site.plant.data["components"][name] = component
    if not alone:
        entry |= site.whole(machine, unit_of(inner), whole)
    site.plant.data["vms"][machine] = entry


def _on_gpus(site: Site, name: str, hosts: Sequence[str]) -> None:
    """Claims GPUs of a host, where their meters can tell parts."""
    for host in hosts:
        entry = site.plant.data["hosts"][host]
        for number, gpu in entry.get("gpus", {}).items():
            if not site.draw(st.booleans()):
                continue
            box = site.boxes[f"{host}/gpu-{number}"]
            kinds = [kind for kind in ("workload", "gpu_instance") if "gpu" in gpu] or ["query"]
            if "dcgm" in gpu:
                kinds = ["gpu_instance"]
            if len(entry["gpus"]) == 1:
                kinds.append("kepler_pod")
            kind = site.pick(*kinds)
            share, amount = _gpu_work(site, host, number, kind, name)
            held = site.pick(None, 0.25, 0.5)
            if held is not None:
                share["reservation"] = held
            box.claims[name].append(Claim(unit_of(kind), amount, held))
            site.plant.data["components"][name]["share"].append({"gpu": number, **share})


def _gpu_work(site: Site, host: str, number: str, kind: str, name: str) -> tuple[dict[str, Any], float]:
    """Shows the work of a component on a GPU; gives the share that selects it, and the amount."""
    amount = site.draw(works) / 200
    if kind == "workload":
        labels = f'instance="{host}",gpu="{number}",workload="{name}"'
        site.plant.show(f"gpus of {host}", {f"gpu_activity_seconds_total{{{labels}}}": grow(amount)})
        return {kind: name}, amount
    if kind == "query":
        labels = f'instance="part-{host}",job="part",gpu="{number}",task="{name}"'
        site.plant.show(f"parts of {host}", {f"gpu_task_work_total{{{labels}}}": grow(amount)})
        return {
            kind: f'rate(gpu_task_work_total{{instance="part-{host}",gpu="{number}",task="{name}"}}[$window])'
        }, amount
    if kind == "kepler_pod":
        old = site.dialects[host] == "0.9"
        template, level = KEPLER[kind][old]
        where = f'instance="{host}",mode="dynamic"' if old else f'node_name="{host}"'
        series = f"kepler_{level}_gpu_joules_total{{{template.format(f'{name}-g')},{where}}}"
        site.plant.show(f"kepler of {host}", {series: grow(amount)})
        return {kind: f"n/{name}-g-.*"}, amount
    size = site.pick(1, 2, 3)
    identity = str(len(site.boxes[f"{host}/gpu-{number}"].claims) + 7)
    _slice(site, (host, number), identity, size, amount)
    return {kind: identity}, amount * size


def _alone(site: Site, host: str) -> None:
    """A host that is one component's, with those of its GPUs that no other component claims: all of them."""
    _host(site, host)
    del site.plant.data["hosts"][host]["pool"]
    place = site.pick({"host": host}, {"hosts": [host]})
    site.plant.data["components"][f"{host}-all"] = {"role": "gnb", **place}
    for name, box in site.boxes.items():
        if name.startswith(host):
            box.claims[f"{host}-all"] = [Claim("all", 1.0, 1.0)]
            box.wholes["all"] = 1.0


def _wholes(site: Site, hosts: Sequence[str]) -> None:
    """All work of each box, which is never less than that of its components."""
    for host in hosts:
        entry = site.plant.data["hosts"][host]
        for unit, whole in site.boxes[host].fill(site.draw(works)).items():
            entry |= site.whole(host, unit, whole)
        for number in entry.get("gpus", {}):
            box = site.boxes[f"{host}/gpu-{number}"]
            rest = site.draw(works) / 100
            for unit, whole in box.fill(rest).items():
                _gpu_whole(site, (host, number), unit, whole)


def _gpu_whole(site: Site, where: tuple[str, str], unit: str, whole: float) -> None:
    """Shows what else works on a GPU, or all that does."""
    host, number = where
    rest = whole - site.boxes[f"{host}/gpu-{number}"].claimed(unit)
    gpu = site.plant.data["hosts"][host]["gpus"][number]
    labels = f'instance="{host}",gpu="{number}"'
    if unit == "workload":
        site.plant.show(f"gpus of {host}", {f'gpu_activity_seconds_total{{{labels},workload="other"}}': grow(rest)})
    elif unit == "gpu_instance":
        _slice(site, where, "99", 1, rest)
    elif unit == "query":
        gpu["active"] = {"query": f"rate(gpu_all_work_total{{{labels}}}[$window])"}
        site.plant.show(f"whole of {host}", {f"gpu_all_work_total{{{labels}}}": grow(whole)})
    elif site.dialects[host] == "0.9":
        series = f'kepler_node_gpu_joules_total{{instance="{host}",mode="dynamic"}}'
        site.plant.show(f"kepler of {host}", {series: grow(whole)})
    else:
        site.plant.show(
            f"kepler of {host}", {f'kepler_node_gpu_active_joules_total{{node_name="{host}"}}': grow(whole)}
        )


def _slice(site: Site, where: tuple[str, str], identity: str, size: int, amount: float) -> None:
    """Shows the activity of a MIG slice of so many parts."""
    host, number = where
    if "gpu" in site.plant.data["hosts"][host]["gpus"][number]:
        labels = f'instance="{host}",gpu="{number}",gpu_instance="{identity}"'
        series = {
            f"gpu_instance_activity_seconds_total{{{labels}}}": grow(amount),
            f"gpu_instance_measured_seconds_total{{{labels}}}": grow(1),
            f"gpu_instance_slices{{{labels}}}": f"{size}x{STEPS}",
        }
        site.plant.show(f"gpus of {host}", series)
    else:
        labels = f'instance="dcgm-{host}",job="dcgm",Hostname="{host}",gpu="{number}",GPU_I_ID="{identity}"'
        activity = f'DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{labels},GPU_I_PROFILE="{size}g.10gb"}}'
        site.plant.show(f"dcgm of {host}", {activity: f"{amount!r}x{STEPS}"})
