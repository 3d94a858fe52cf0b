# SPDX-License-Identifier: Apache-2.0
"""PDU sessions of the lab's core (3GPP TS 23.501, clause 5.6): what the SMF sets up, and the user planes carry."""

from dataclasses import dataclass
from typing import Literal

from joulepath_lab.network import nodes, users


@dataclass(frozen=True)
class Session:
    """One user equipment's session; its identifiers follow from `number`."""

    number: int
    kind: Literal["ipv6", "ipv4", "ethernet"]
    address: str
    """Of the user equipment; for Ethernet of the device behind it, which the core does not know."""
    qfi: int
    dnn: str
    upf: str
    """The component that anchors it."""
    reported: bool = False
    """Whether its usage is reported by PFCP."""

    @property
    def server(self) -> str:
        """The model server's address for it."""
        if self.kind == "ipv6":
            return nodes.address("model")
        return users.SERVER_IPV4 if self.kind == "ipv4" else users.SERVER_BEHIND_LAN

    @property
    def uplink_teid(self) -> int:
        """Of the tunnel's end at the UPF."""
        return 0x1000 + self.number

    @property
    def downlink_teid(self) -> int:
        """Of the tunnel's end at the central unit."""
        return 0x2000 + self.number
