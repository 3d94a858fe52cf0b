# SPDX-License-Identifier: Apache-2.0
"""Compares the cost of policies: the same synthetic topology under each, in turn on one server, over the same counters.

Constants are scraped. Times are the least over all runs, and medians; ratios are those to `packets-bytes`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks._synthetic import OCTETS, Size, Target
from benchmarks._watched import Costs
from benchmarks.rules import ROOT, WINDOW_INTERVALS, generate, over, run, show_rules
from joulepath_lab.run import programs
from joulepath_topology.policies import POLICIES

BASE = "packets-bytes"
NEED = 100 * OCTETS
"""Bytes/s that half of the applications exceed."""

COMPONENTS: dict[str, dict[str, Any]] = {
    "steps": {"steps": [{"above": NEED / 2, "watts": 5}, {"above": NEED, "watts": 5}, {"above": 2 * NEED, "watts": 5}]},
    "reservation": {"capacity": 1e9},
    "capacity": {"capacity": 1e9},
}
"""The data that a policy needs of each component."""
OWN: dict[str, Any] = {
    "own": {"static": {"count": 0.5, "equal": 0.5}, "dynamic": {"uplink": 0.25, "downlink": 0.75}},
    "half": {"static": {"count": 0.5, "volume": 0.5}, "dynamic": "bytes"},
    "directions": {"dynamic": {"uplink": 0.25, "downlink": 0.75}},
    "parts": {"static": "equal", "dynamic": "packets"},
}
"""Own weights, by a name for the table."""
MIXED = "mixed"
"""Each component has another policy."""


def topology(size: Size, policy: str, interval: float) -> dict[str, Any]:
    """The synthetic topology under a policy, with the data that it needs."""
    data = size.topology()
    every = [*POLICIES, *OWN] if policy == MIXED else [policy]
    for number, component in enumerate(data["components"].values()):
        name = every[number % len(every)]
        component.update(COMPONENTS.get(name, {}), policy=OWN.get(name, name))
    if "reservation" in every:
        for application in data["applications"].values():
            application["reservation"] = 1e6
    pace = {"interval": f"{interval:g}s", "window": f"{WINDOW_INTERVALS * interval:g}s"}
    return {**pace, **data}


def chain(costs: dict[str, float]) -> float:
    """The seconds of the group of the chain, without constants and slower groups."""
    return sum(seconds for name, seconds in costs.items() if not name.startswith(("group", "constants")))


def show(found: dict[str, list[Costs]]) -> None:
    """Prints one line for each policy."""
    head = ("chain, least [s]", "ratio", "chain, median [s]", "ratio", "processor [s/min]", "ratio", "series", "ratio")
    print(f"{'policy':22}" + "".join(f"{name:>19}" if name != "ratio" else f"{name:>7}" for name in head))
    rows = {}
    for policy, runs in found.items():
        figures = over([each.figures for each in runs])
        rows[policy] = (
            chain(over([each.least for each in runs], min)),
            chain(over([each.median for each in runs])),
            figures["processor, all [s/min]"],
            chain(over([each.rows for each in runs])),
        )
        if figures["missed evaluations"]:
            print(f"{policy}: THE SERVER MISSED EVALUATIONS: give it a longer --interval")
    for policy, values in rows.items():
        cells = (f"{value:19.3f}{value / base:7.2f}" for value, base in zip(values, rows[BASE], strict=True))
        print(f"{policy:22}{''.join(cells)}")


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("policies", nargs="*", default=[*POLICIES, *OWN, MIXED], help="to compare with " + BASE)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--applications", type=int, default=1000)
    parser.add_argument("--path", type=int, default=10, help="components of each application")
    parser.add_argument("--server", choices=["2", "3"], default="2", help="major version of Prometheus")
    parser.add_argument("--interval", type=float, default=5.0, help="of scrapes and evaluations [s]")
    parser.add_argument("--evaluations", type=int, default=6, help="that are watched in each run")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each policy")
    parser.add_argument("--by-rule", action="store_true", help="also print each rule")
    parser.add_argument("--nice", type=int, default=-15 if os.geteuid() == 0 else 0, help="of the server")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="of the server")
    return parser.parse_args()


def main() -> None:
    """Prints the table."""
    args = options()
    size = Size(args.hosts, args.applications, args.path)
    program = programs.obtain("prometheus") if args.server == "2" else programs.next_prometheus()
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {args.core} or {args.core})
    target = Target(size)
    code = os.pathsep.join(str(ROOT / part) for part in ("rules", "exporters"))
    found: dict[str, list[Costs]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            for number in range(args.rounds):
                policies = list(dict.fromkeys([BASE, *args.policies]))
                # In turn, so that none always comes first.
                for policy in policies[:: 1 if number % 2 == 0 else -1]:
                    rules = folder / policy
                    if not rules.exists():
                        file = folder / f"{policy}.yaml"
                        file.write_text(json.dumps(topology(size, policy, args.interval)))
                        generate(file, rules, code, "scraped")
                    found[policy].append(run(program, rules, target, size, args))
                    print(".", end="", file=sys.stderr, flush=True)
        finally:
            target.stop()
    print(f"\n{size.applications * size.path} pairs; {programs.version(program)}; every {args.interval:g} s")
    show({policy: found[policy] for policy in dict.fromkeys([BASE, *args.policies])})
    if args.by_rule:
        for policy, runs in found.items():
            show_rules(policy, runs)


if __name__ == "__main__":
    main()
