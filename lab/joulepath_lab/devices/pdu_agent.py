# SPDX-License-Identifier: Apache-2.0
"""The lab's PDU: an APC rPDU2 over real SNMP. Its outlets show the watts that the plant published."""

import argparse
import json
import threading
from pathlib import Path

from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent


def main() -> None:
    """Answers until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    args = parser.parse_args()
    host, _, port = args.listen.rpartition(":")

    def outlets() -> dict[int, tuple[str, float]]:
        published = json.loads((args.folder / "outlets.json").read_text(encoding="utf-8"))
        return {int(number): (name, watts) for number, (name, watts) in published.items()}

    with Agent(rpdu2_objects(outlets, name="pdu-1"), community="lab", host=host, port=int(port)):
        threading.Event().wait()


if __name__ == "__main__":
    main()
