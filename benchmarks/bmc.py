# SPDX-License-Identifier: Apache-2.0
"""How many slow BMCs one exporter polls: `python -m benchmarks.bmc [--bmcs 500] [--interval 30] [--latency 2]`.

One server process answers for all BMCs, each at a path-less address of its own (127.x.y.z), every answer after the
latency; the exporter runs in this process. Printed are missed polls, CPU of a core, and resident memory.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import time
from multiprocessing.synchronize import Event
from typing import Any

from aiohttp import web

from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish.service.client import RedfishClient
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.reading.poller import Poller, Target

PORT = 18080
ROOT = "/redfish/v1"


def resources() -> dict[str, dict[str, Any]]:
    """A server with the modern resources: a total, two supplies, a register, 40 sensors of other things."""
    base = f"{ROOT}/Chassis/1"
    tree: dict[str, dict[str, Any]] = {
        ROOT: {"Chassis": {"@odata.id": f"{ROOT}/Chassis"}},
        f"{ROOT}/Chassis": {"Members": [{"@odata.id": base}]},
        base: {
            "Id": "1",
            "EnvironmentMetrics": {"@odata.id": f"{base}/EnvironmentMetrics"},
            "PowerSubsystem": {"@odata.id": f"{base}/PowerSubsystem"},
            "Sensors": {"@odata.id": f"{base}/Sensors"},
        },
        f"{base}/EnvironmentMetrics": {"PowerWatts": {"Reading": 374}, "EnergykWh": {"Reading": 1234.5}},
        f"{base}/PowerSubsystem": {"PowerSupplies": {"@odata.id": f"{base}/PowerSupplies"}},
        f"{base}/PowerSupplies": {"Members": [{"@odata.id": f"{base}/PowerSupplies/{n}"} for n in "12"]},
        f"{base}/Sensors": {"Members": [{"@odata.id": f"{base}/Sensors/Temperature{n}"} for n in range(40)]},
    }
    for number in "12":
        metrics = f"{base}/PowerSupplies/{number}/Metrics"
        tree[f"{base}/PowerSupplies/{number}"] = {"Id": number, "Metrics": {"@odata.id": metrics}}
        tree[metrics] = {"InputPowerWatts": {"Reading": 190}, "OutputPowerWatts": {"Reading": 175}}
    for index in range(40):
        tree[f"{base}/Sensors/Temperature{index}"] = {"Id": f"T{index}", "ReadingType": "Temperature", "Reading": 40}
    return {path: {"@odata.id": path, **resource} for path, resource in tree.items()}


def serve(latency: float, listening: Event) -> None:
    """All BMCs, until the process is ended."""
    bodies = {path: json.dumps(resource).encode() for path, resource in resources().items()}

    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        body = bodies.get(request.path.rstrip("/"))
        if body is None:
            return web.Response(status=404)
        return web.Response(body=body, content_type="application/json")

    async def run() -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", PORT, backlog=4096).start()  # noqa: S104  # loopback's many addresses
        listening.set()
        await asyncio.Event().wait()

    asyncio.run(run())


def resident_mib() -> float:
    """Of this process now."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # a file of /proc
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Runs one measurement and prints a line of it."""
    parser = argparse.ArgumentParser(description="500 slow BMCs on one core")
    parser.add_argument("--bmcs", type=int, default=500)
    parser.add_argument("--interval", type=float, default=30.0)
    parser.add_argument("--latency", type=float, default=2.0)
    parser.add_argument("--polls", type=int, default=3, help="measured intervals, after one for the surveys")
    args = parser.parse_args()
    listening = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(args.latency, listening), daemon=True)
    server.start()
    listening.wait(10)
    try:
        measure(args.bmcs, args.interval, args.latency, args.polls)
    finally:
        server.kill()


def measure(bmcs: int, interval: float, latency: float, polls: int) -> None:
    """Polls for `polls` intervals once every BMC has been surveyed."""
    targets: list[Target[BmcReading]] = []
    for number in range(bmcs):
        address = f"http://127.1.{number // 250}.{number % 250 + 1}:{PORT}"
        targets.append(Target(f"bmc-{number}", RedfishSource(f"bmc-{number}", RedfishClient(address)), interval))
    poller = Poller(targets)
    poller.start()
    while any(poller.snapshot(target.name).up is None for target in targets):
        time.sleep(0.5)
    time.sleep(interval)
    before, cpu, began = poller.totals[0], time.process_time(), time.monotonic()
    time.sleep(polls * interval)
    after, used, passed = poller.totals[0], time.process_time() - cpu, time.monotonic() - began
    counts = {result: after.get(result, 0) - before.get(result, 0) for result in ("success", "failure", "missed")}
    memory = resident_mib()
    watts = sum(energy.joules for target in targets for energy in poller.snapshot(target.name).energy.values())
    seconds = sum(e.measured_seconds for target in targets for e in poller.snapshot(target.name).energy.values())
    poller.stop()
    print(
        f"{bmcs} BMCs, {latency:g} s latency, every {interval:g} s: {counts['success']} polls, "
        f"{counts['missed']} missed, {counts['failure']} failed; {100 * used / passed:.1f} % of a core; "
        f"{memory:.0f} MiB; mean {watts / seconds:.2f} W (374 is true)"
    )


if __name__ == "__main__":
    main()
