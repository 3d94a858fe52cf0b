# SPDX-License-Identifier: Apache-2.0
"""A user plane in user space: passes packets between two sides, both ways, until it is ended.

`python -m joulepath_lab.devices.relay --scenario gtpu --node cu`; see `carriers.py`.
"""

import argparse
import selectors
from collections.abc import Callable

from joulepath_lab.devices.carriers import open_side
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.sessions import Session

Admit = Callable[[Session, bytes, bool], bool]
"""Whether a packet of a session passes; the last word is whether it goes up."""


def relay(scene: Scenario, node: str, admit: Admit = lambda _session, _packet, _uplink: True) -> None:
    """Passes packets until the process is ended."""
    access, core = scene.relays[node]
    down = open_side(access, scene.sessions, uplink=False)
    up = open_side(core, scene.sessions, uplink=True)
    selector = selectors.DefaultSelector()
    for side, target in ((down, up), (up, down)):
        for source in side.sources:
            selector.register(source.fileno(), selectors.EVENT_READ, (source, target, target is up))
    while True:
        for key, _ in selector.select():
            source, target, uplink = key.data
            try:
                carried = source.receive()
                if carried is not None:
                    session, packet = carried
                    if admit(session, packet, uplink):
                        target.send(session, packet)
            except (ConnectionRefusedError, BlockingIOError):
                continue  # the other side is not there yet, as the source or the target told


def main() -> None:
    """Relays until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--node", required=True)
    args = parser.parse_args()
    relay(scenario.load(args.scenario), args.node)


if __name__ == "__main__":
    main()
