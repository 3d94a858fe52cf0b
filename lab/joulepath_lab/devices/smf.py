# SPDX-License-Identifier: Apache-2.0
"""The SMF of scenario `core`: establishes every session at the user plane, and takes the reports of usage."""

import argparse
import threading

from joulepath_lab.devices import pfcp
from joulepath_lab.devices.n4 import Smf
from joulepath_lab.network import nodes
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.sessions import Session

REPORT_SECONDS = 1
"""Between two reports of usage, the least that a measurement period can be."""


def establish(smf: Smf, session: Session) -> int:
    """A session as the user plane needs it, with a URR where its usage is reported. Returns its SEID at the SMF."""
    urrs = (1,) if session.reported else ()
    user = "" if session.kind == "ethernet" else session.address
    rules = (
        pfcp.Rule(1, pfcp.ACCESS, urrs, user, session.uplink_teid, session.qfi, session.dnn),
        pfcp.Rule(2, pfcp.CORE, urrs, user, None, session.qfi, session.dnn),
    )
    return smf.establish(user, dnn=session.dnn, gnb_teid=session.downlink_teid, rules=rules)


def main() -> None:
    """Runs until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    args = parser.parse_args()
    with Smf(nodes.MGMT_CALLER, nodes.mgmt_address("upf"), period=REPORT_SECONDS) as smf:
        smf.associate()
        for session in scenario.load(args.scenario).sessions:
            establish(smf, session)
        threading.Event().wait()


if __name__ == "__main__":
    main()
