# SPDX-License-Identifier: Apache-2.0
"""Random houses, and the same houses after a change was really made: other traffic, other watts by a known law.

Nothing here is taken from the code under test: the watts of a component are its idle power, and joules for each packet,
byte or token. Each house has names of its own in the series, so that one server can watch all of them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.rules.world import Rates, meter

APPLICATIONS = ("a", "b", "c")
TRACES = {name: f"{number:032x}" for number, name in enumerate(APPLICATIONS, 0xA1)}
OTHERS = "others"
NODES = {"n0": 1, "n1": 2, "s1": 3, "s2": 4}
"""The node ids of the first house; those of the next ones are higher by 10."""
HOSTS = {
    "n0": {"h0": 1.0},
    "n1": {"h1": 1.0},
    "ru": {"ru": 1.0},
    "gate": {"gate": 1.0},
    "s1": {"hs": 1.0},
    "s2": {"hs": 1.0},
    "m1": {"g1": 0.25, "g2": 0.75},
    "m2": {"g3": 1.0},
    "amf": {"amf": 1.0},
}
"""By component the part of its watts on each of its hosts."""
MODELS = ("m1", "m2")
NAMED = ("packets-bytes", "bytes", "packets", "equal", "reservation", "capacity", "static-unattributed", "3gpp-eif")


@dataclass(frozen=True)
class Change:
    """A change that is really made."""

    who: str
    users: float = 1.0
    tokens: float = 1.0
    instead: Mapping[str, str] = field(default_factory=dict)
    static: Mapping[str, float] = field(default_factory=dict)

    def words(self) -> list[str]:
        """As arguments of the command."""
        found = []
        if self.users != 1:
            found += ["--users", f"{self.who}={self.users}"]
        if self.tokens != 1:
            found += ["--tokens", f"{self.who}={self.tokens}"]
        for one, other in self.instead.items():
            found += ["--instead", f"{self.who}={one}:{other}"]
        for host, watts in self.static.items():
            found += ["--static-watts", f"{host}={watts}"]
        return found


class House:
    """A random house: the same seed has the same house. `number` makes its names its own."""

    def __init__(self, seed: int, number: int, change: Change | None = None) -> None:
        chance = random.Random(seed)
        self.number = number
        self.name = f"house-{number}"
        self.static = {host: chance.choice([40.0, 60.0, 100.0]) for each in HOSTS.values() for host in each}
        self.divided = {host: host in {"h1", "hs", "amf"} or chance.random() < 0.8 for host in self.static}
        self.base = {name: chance.uniform(5, 30) for name in HOSTS}
        self.joules = {name: chance.uniform(1e-5, 4e-5) for name in HOSTS} | {"amf": 0.0, "ru": 0.0}
        self.joules |= {name: chance.uniform(0.2, 0.8) for name in MODELS}
        self.each_packet = chance.uniform(0.005, 0.02)
        self.policies = {name: self._policy(name, chance) for name in HOSTS if name != "amf"}
        self.held = {name: 1000.0 * chance.randint(50, 200) for name in APPLICATIONS}
        self.paths = {name: ["n0"] + [each for each in ("n1", "ru", "gate", "s1", "s2") if chance.random() < 0.75]
                      for name in APPLICATIONS}  # fmt: skip
        self.paths["a"] += [each for each in ("n1", "ru", "gate", "s1") if each not in self.paths["a"]]
        self.models = {name: ["m1"] if chance.random() < 0.8 else ["m2"] for name in APPLICATIONS}
        self.models["a"] = ["m1"]
        self.up = {name: chance.uniform(0.5, 4) * 1e5 for name in (*APPLICATIONS, OTHERS)}
        self.down = {name: chance.uniform(0.1, 3) * 1e5 for name in (*APPLICATIONS, OTHERS)}
        self.packets = {name: chance.uniform(50, 500) for name in (*APPLICATIONS, OTHERS)}
        self.asked = {name: chance.uniform(1, 5) for name in (*APPLICATIONS, OTHERS)}
        self.told = {name: chance.uniform(50, 150) for name in (*APPLICATIONS, OTHERS)}
        if change is not None:
            self._make(change)

    def _policy(self, name: str, chance: random.Random) -> Any:
        if name == "n1":
            return {"static": "steps", "dynamic": {"uplink": 0.25, "downlink": 0.75}}
        if name == "n0" and chance.random() < 0.7:
            return {
                "static": {"count": 0.25, "equal": 0.5, "unattributed": 0.25},
                "dynamic": {"uplink": 0.5, "volume": 0.5},
            }
        return chance.choice(NAMED)

    def _make(self, change: Change) -> None:
        who = change.who
        for sent in (self.up, self.down, self.packets, self.asked, self.told):
            sent[who] *= change.users
        self.told[who] *= change.tokens
        self.paths[who] = list(dict.fromkeys(change.instead.get(name, name) for name in self.paths[who]))
        self.models[who] = [change.instead.get(name, name) for name in self.models[who]]
        self.static |= change.static

    def senders(self, component: str) -> list[str]:
        """Those who send there: `ru` is counted at n0, with all of its others."""
        used = self.models if component in MODELS else self.paths
        return [*(name for name in APPLICATIONS if component in used[name]), OTHERS]

    def dynamic(self, component: str) -> float:
        """Watts beyond idle power."""
        who = self.senders(component)
        if component in MODELS:
            return self.base[component] + self.joules[component] * sum(self.told[name] for name in who)
        found = self.base[component] + self.joules[component] * sum(self.up[name] + self.down[name] for name in who)
        return found + (self.each_packet * sum(self.packets[name] for name in who) if component == "n0" else 0.0)

    def topology(self) -> str:
        """The file."""
        return yaml.safe_dump(
            {
                "name": self.name,
                "interval": "2s",
                "window": "10s",
                "sites": {"s": {"grams_per_kwh": 360}},
                "hosts": {host: self._host(host, number) for number, host in enumerate(self.static)},
                "components": {name: self._component(name) for name in HOSTS},
                "applications": {
                    name: {
                        "traces": [{"ioam_namespace": 123, "id": TRACES[name]}],
                        "path": self.paths[name],
                        "models": self.models[name],
                        "reservation": self.held[name],
                    }
                    for name in APPLICATIONS
                },
            }
        )

    def _host(self, host: str, number: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"site": "s", "power": [{"pdu": self.name, "outlets": [str(number)]}]}
        if host in {"g1", "g2"}:
            entry["pool"] = "gpus"
        if self.divided[host]:
            entry["static_watts"] = self.static[host]
        if host == "hs":
            entry |= {"capacity": 4, "active": {"query": self._rate("work", "whole")}}
        return entry

    def _component(self, name: str) -> dict[str, Any]:
        unit = "tokens" if name in MODELS else "bytes"
        entry: dict[str, Any] = {"role": "model" if name in MODELS else "router"}
        entry["marginal"] = [{"per": unit, "joules": self.joules[name]}]
        if name == "m1":
            entry["pool"] = "gpus"
        elif [name] != list(HOSTS[name]):
            entry["host"] = next(iter(HOSTS[name]))
        if name == "amf":
            return entry | {"role": "core-control", "marginal": [{"joules": 0}], "supports": ["n0", "n1"]}
        entry["policy"] = self.policies[name]
        if name == "n0":
            entry["marginal"].append({"per": "packets", "joules": self.each_packet})
        if name == "n1":
            entry["steps"] = [
                {"above": 150_000, "watts": 5},
                {"above": 450_000, "watts": 7},
                {"above": 2e6, "watts": 9},
            ]
        if name in NODES:
            entry["traffic"] = {"ioam": NODES[name] + 10 * self.number}
        elif name in MODELS:
            entry["requests"] = {"query": {unit: self._rate(unit, name) for unit in ("requests", "tokens")}}
        else:
            entry["traffic"] = (
                {"anchor": "n0"} if name == "ru"
                else {"query": {unit: self._rate(unit, name) for unit in ("packets", "bytes")}}
            )  # fmt: skip
        if name in {"s1", "s2"}:
            entry |= {"reservation": 1, "share": [{"query": self._rate("work", name)}]}
        if self.policies[name] == "capacity":
            entry["capacity"] = 2000 if name in MODELS else 3e6
        return entry

    def _rate(self, kind: str, place: str) -> str:
        by = "" if kind == "work" else "sum by (application) "
        return f'{by}(rate(house_{kind}_total{{house="{self.name}",place="{place}"}}[$window]))'

    def rates(self) -> Rates:
        """All counters, with what each grows by in a second."""
        found: Rates = {}
        watts = dict(self.static)
        for name, hosts in HOSTS.items():
            for host, part in hosts.items():
                watts[host] += part * self.dynamic(name)
        for number, host in enumerate(self.static):
            found |= meter("pdu_outlet", f'instance="{self.name}",outlet="{number}"', watts[host])
        for name in HOSTS:
            found |= self._node(name) if name in NODES else self._rows(name)
        for name in ("s1", "s2"):
            found[f'house_work_total{{house="{self.name}",place="{name}"}}'] = self.dynamic(name)
        found[f'house_work_total{{house="{self.name}",place="whole"}}'] = self.dynamic("s1") + self.dynamic("s2")
        return found

    def _node(self, name: str) -> Rates:
        number = NODES[name] + 10 * self.number
        found: Rates = {f'ioam_node_measured_seconds_total{{node_id="{number}"}}': 1}
        for direction, octets in (("uplink", self.up), ("downlink", self.down)):
            own = f'node_id="{number}",direction="{direction}"'
            who = self.senders(name)
            found[f"ioam_node_bytes_total{{{own}}}"] = sum(octets[one] for one in who)
            found[f"ioam_node_packets_total{{{own}}}"] = sum(self.packets[one] for one in who) / 2
            for one in who[:-1]:
                trace = f'ioam_namespace="123",trace_id="{TRACES[one]}",{own}'
                found[f"ioam_trace_bytes_total{{{trace}}}"] = octets[one]
                found[f"ioam_trace_packets_total{{{trace}}}"] = self.packets[one] / 2
        return found

    def _rows(self, name: str) -> Rates:
        if name in {"ru", "amf"}:
            return {}
        found: Rates = {}
        for one in self.senders(name):
            own = f'house="{self.name}",place="{name}",application="{one}"'
            if name in MODELS:
                found |= {
                    f"house_requests_total{{{own}}}": self.asked[one],
                    f"house_tokens_total{{{own}}}": self.told[one],
                }
            else:
                found[f"house_packets_total{{{own}}}"] = self.packets[one]
                found[f"house_bytes_total{{{own}}}"] = self.up[one] + self.down[one]
        return found
