# SPDX-License-Identifier: Apache-2.0
"""The content of a message that the exporter needs, as plain objects.

Nothing makes an empty list: most of them stay empty, and a list costs the garbage collector time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ACCESS = 0
"""Source Interface (TS 29.244, 8.2.2): the side of the users; all others are behind the UPF."""


class Seid(NamedTuple):
    """F-SEID (8.2.37): a session's identifier at one node, and the node's packed addresses."""

    number: int
    addresses: tuple[bytes, ...]


class Ue(NamedTuple):
    """UE IP Address (8.2.62): a packed address, and how many bits of it are the user's."""

    address: bytes
    bits: int


@dataclass(slots=True)
class Pdr:
    """Create, Created or Update PDR (7.5.2.2, 7.5.3.2, 7.5.4.2), or a Traffic Endpoint (7.5.2.7).

    None: the element does not say, so that an update leaves it as it was.
    """

    number: int = -1
    source: int | None = None
    teids: Sequence[int] = ()
    network: str | None = None
    users: Sequence[Ue] = ()
    qfis: list[int] | None = None
    urrs: list[int] | None = None
    qers: list[int] | None = None
    endpoint: int | None = None
    detects: bool = False
    """Whether there is a PDI: an Update PDR with one replaces the whole of it."""


@dataclass(slots=True)
class Urr:
    """Create or Update URR (7.5.2.4, 7.5.4.4)."""

    number: int = -1
    volume: bool | None = None
    """Whether it measures volume: Measurement Method (8.2.40)."""
    period: int | None = None
    """Measurement Period (8.2.42) [s]."""


@dataclass(slots=True)
class Qer:
    """Create or Update QER (7.5.2.5, 7.5.4.5)."""

    number: int = -1
    qfi: int | None = None


@dataclass(slots=True)
class Far:
    """Create or Update FAR (7.5.2.3, 7.5.4.3)."""

    number: int = -1
    teid: int | None = None
    """Outer Header Creation (8.2.56): the tunnel that packets are sent into."""


@dataclass(slots=True)
class Report:
    """A Usage Report (7.5.5.2, 7.5.7.2, 7.5.8.3). Volumes are octets and packets: total, uplink, downlink."""

    urr: int = -1
    sequence: int = -1
    """UR-SEQN (8.2.71)."""
    octets: tuple[int | None, int | None, int | None] = (None, None, None)
    packets: tuple[int | None, int | None, int | None] = (None, None, None)
    trigger: int = 0
    """Usage Report Trigger (8.2.41), its first octet the highest."""
    start: int = 0
    """Start Time and End Time (8.2.52, 8.2.53), Time of First and of Last Packet (8.2.46, 8.2.47) [s, Unix time]."""
    end: int = 0
    first: int = 0
    last: int = 0


@dataclass(slots=True)
class Content:
    """The elements of one message."""

    cause: int = 0
    node: str = ""
    """Node ID (8.2.38) as text."""
    recovery: int = 0
    """Recovery Time Stamp (8.2.65) [s, Unix time]; 0 without one."""
    retained: bool = False
    """Whether the sender asks that sessions outlive the set-up of an association (Session Retention Information)."""
    deleted: bool = False
    """PSDBU of PFCPSRReq-Flags: the UPF has deleted the session."""
    seid: Seid | None = None
    dnn: str = ""
    """APN/DNN (8.2.117)."""
    s_nssai: str = ""
    """S-NSSAI (8.2.176): SST, and behind a hyphen the SD in hexadecimal digits."""
    subscriber: str = ""
    """An identity of the User ID (8.2.101): SUPI, IMSI, GPSI, MSISDN or NAI, the first there is."""
    pdrs: Sequence[Pdr] = ()
    updated_pdrs: Sequence[Pdr] = ()
    created_pdrs: Sequence[Pdr] = ()
    removed_pdrs: Sequence[int] = ()
    urrs: Sequence[Urr] = ()
    updated_urrs: Sequence[Urr] = ()
    removed_urrs: Sequence[int] = ()
    qers: Sequence[Qer] = ()
    updated_qers: Sequence[Qer] = ()
    removed_qers: Sequence[int] = ()
    fars: Sequence[Far] = ()
    updated_fars: Sequence[Far] = ()
    removed_fars: Sequence[int] = ()
    endpoints: Sequence[Pdr] = ()
    updated_endpoints: Sequence[Pdr] = ()
    created_endpoints: Sequence[Pdr] = ()
    removed_endpoints: Sequence[int] = ()
    reports: Sequence[Report] = ()

    @property
    def accepted(self) -> bool:
        """Cause (8.2.1): 1 accepted, 2 more usage reports follow, 3 partially accepted; rejections begin at 64."""
        return 1 <= self.cause < 64
