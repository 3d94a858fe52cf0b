# SPDX-License-Identifier: Apache-2.0
"""Shared by the BMC tests: trees of resources behind a real HTTP server, and one poll of a source."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish.service.client import RedfishClient
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.reading.target import DeviceSource, R
from joulepath_lab.devices.redfish_server import RedfishServer

USER, PASSWORD = "reader", "s3cret-password"

Tree = dict[str, dict[str, Any]]


def tree(chassis: Mapping[str, Mapping[str, Any]], **resources: Any) -> Tree:
    """A service root with these chassis; further resources by path below /redfish/v1, `__` for `/`."""
    members = [{"@odata.id": f"/redfish/v1/Chassis/{name}"} for name in chassis]
    return {
        "/redfish/v1": {"Chassis": {"@odata.id": "/redfish/v1/Chassis"}},
        "/redfish/v1/Chassis": {"Members": members},
        **{f"/redfish/v1/Chassis/{name}": {"Id": name, **fields} for name, fields in chassis.items()},
        **{f"/redfish/v1/{path.replace('__', '/')}": fields for path, fields in resources.items()},
    }


def ref(path: str) -> dict[str, str]:
    """A reference to a path below /redfish/v1."""
    return {"@odata.id": f"/redfish/v1/{path}"}


def legacy(power: Mapping[str, Any]) -> Tree:
    """One chassis with a Power resource alone."""
    return tree({"1": {"Power": ref("Chassis/1/Power")}}, Chassis__1__Power=dict(power))


def client(server: RedfishServer, login: Login | None = None, **options: Any) -> RedfishClient:
    """A client of a server on loopback, over TLS where it has a login."""
    scheme = "http" if login is None and "ca_file" not in options else "https"
    return RedfishClient(f"{scheme}://127.0.0.1:{server.port}", login, **{"timeout": 5.0, **options})


def polls(source: DeviceSource[R], count: int = 1, between: Callable[[int], None] = lambda _: None) -> list[R]:
    """Polls one after the other, then closed; `between(n)` is called before the n-th."""

    async def all_polls() -> list[R]:
        try:
            readings = []
            for number in range(count):
                between(number)
                readings.append(await source.read())
            return readings
        finally:
            await source.close()

    return asyncio.run(all_polls())


def poll(server: RedfishServer, **options: Any) -> BmcReading:
    """One poll of a server over plain HTTP."""
    return polls(RedfishSource("bmc", client(server, **options)))[0]


def joulepath(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`joulepath bmc ARGUMENTS`, run to its end."""
    command = [sys.executable, "-m", "joulepath", "bmc", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
