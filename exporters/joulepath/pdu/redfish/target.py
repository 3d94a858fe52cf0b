# SPDX-License-Identifier: Apache-2.0
"""A PDU that is configured by a Redfish address, with the same keys as a BMC."""

from pathlib import Path

from pydantic import ValidationError

from joulepath.bmc.config import BmcTargetConfig
from joulepath.bmc.settings import login, parse_address
from joulepath.config import problems
from joulepath.errors import UsageError
from joulepath.files import read as read_file
from joulepath.pdu.source import PduReading
from joulepath.reading.poller import Target
from joulepath.reading.register import Registers

INTERVAL = 10.0
"""Default seconds between polls: each outlet may take a request."""
TIMEOUT = 40.0
"""Default seconds to wait for one answer."""


def is_redfish(address: str) -> bool:
    """Whether an address is one of Redfish."""
    return address.startswith(("redfish://", "redfish+http://"))


def target(name: str, redfish: BmcTargetConfig, folder: Path, registers: Registers) -> Target[PduReading]:
    """The device at a Redfish address; relative paths start at `folder`. Raises UsageError that names the key."""
    # The library is large, and most PDUs are read over SNMP.
    from joulepath.bmc.redfish.service.client import RedfishClient  # noqa: PLC0415
    from joulepath.pdu.redfish.source import RedfishPduSource  # noqa: PLC0415

    who = login(redfish.settings, folder)
    ca_file = None if redfish.ca_file is None else folder / redfish.ca_file
    client = RedfishClient(
        parse_address(redfish.address).base_url,
        who,
        ca_file=ca_file,
        verify=redfish.verify,
        timeout=redfish.timeout or TIMEOUT,
    )
    files = tuple(folder / file for file in (redfish.password_file, redfish.ca_file) if file is not None)
    content = read_file(ca_file) if ca_file is not None and ca_file.is_file() else None
    source = RedfishPduSource(name, client, registers=registers, max_rows=redfish.max_rows)
    return Target(name, source, redfish.interval or INTERVAL, (redfish, who, content), files)


def single(
    address: str,
    registers: dict[str, Registers],
    *,
    user: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    verify: bool,
    timeout: float | None = None,
) -> Target[PduReading]:
    """The one device of `--target`. Raises UsageError."""
    try:
        redfish = BmcTargetConfig(
            address=address, user=user, password_file=password_file, ca_file=ca_file, verify=verify, timeout=timeout
        )
    except ValidationError as error:
        raise UsageError([f"--target: {line}" for line in problems(error, BmcTargetConfig)]) from None
    name = str(parse_address(address))
    return target(name, redfish, Path(), registers.setdefault(name, {}))
