# SPDX-License-Identifier: Apache-2.0
"""How many PDUs one core polls: `python -m benchmarks.pdu_scale --library gufo 100 200 400`.

Each number of PDUs is polled every 5 s for a while by one `joulepath pdu` that is pinned to one core, up to the first
number of which a tenth of the polls is lost. The devices are one recorded AP8641 with 24 metered outlets
(snmpsim-data): its answers are taken once from snmpsim and then replayed, since 200 real agents answer faster than one
simulator.
"""

import argparse
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.pdu_cpu import APC as WALK
from benchmarks.pdu_cpu import Running, fetch, start_agent
from joulepath_lab.run.ports import free_port

DEVICES = [100, 200, 400, 800, 1200, 1600, 2400]
BROKEN_PERCENT = 10.0
STARTUP_SECONDS = 30.0
SURVEY_SECONDS = 300.0
"""After so long the polls are counted whether every device has been surveyed or not."""


def main() -> None:
    """Prints polls, missed polls, CPU and memory for each number of PDUs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("devices", nargs="*", type=int, default=DEVICES)
    parser.add_argument("--library", default="gufo")
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        agent = start_agent(WALK, Path(folder))
        port = free_port(socket.SOCK_DGRAM)
        replay = multiprocessing.Process(target=replay_answers, args=(port, agent.port), daemon=True)
        replay.start()
        try:
            for devices in args.devices:
                run = measure_run(devices, port, args, Path(folder))
                print(json.dumps(run), flush=True)
                if run["lost_percent"] >= BROKEN_PERCENT:
                    print(f"breaks at {devices} PDUs")
                    break
        finally:
            replay.terminate()
            agent.stop()


def measure_run(devices: int, agent: int, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One run."""
    secret, config = folder / "community", folder / f"{devices}.yaml"
    secret.write_text(WALK.stem)
    target = {"address": f"127.0.0.1:{agent}", "community_file": str(secret), "interval": args.interval}
    config.write_text(yaml.safe_dump({"targets": {f"pdu-{number}": target for number in range(devices)}}))
    port = free_port(socket.SOCK_STREAM)
    command = ["taskset", "-c", "0", sys.executable, "-m", "joulepath", "pdu", f"--config={config}"]
    command += [f"--snmp-library={args.library}", f"--web.listen-address=127.0.0.1:{port}"]
    running = Running(command, f"http://127.0.0.1:{port}/metrics", port, folder / f"{devices}.log")
    try:
        began = time.monotonic()
        until = began + SURVEY_SECONDS
        ready = running.url.replace("/metrics", "/-/ready")
        while "is ready" not in fetch(ready) and time.monotonic() < until:
            polls(running)
            time.sleep(1)
        surveyed = time.monotonic() - began
        time.sleep(2 * args.interval)
        before, cpu, began = polls(running), running.cpu(), time.monotonic()
        time.sleep(args.seconds)
        done = {result: count - before[result] for result, count in polls(running).items()}
        seconds = time.monotonic() - began
        every = sum(done.values())
        return {
            "library": args.library,
            "pdus": devices,
            "outlets": 24 * devices,
            "surveyed_seconds": round(surveyed, 1),
            **done,
            "lost_percent": round(100 * (every - done["success"]) / every, 3),
            "core_percent": round(100 * (running.cpu() - cpu) / seconds, 1),
            "resident_mib": round(psutil.Process(running.process.pid).memory_info().rss / 2**20, 1),
        }
    finally:
        running.stop()


def polls(running: Running) -> dict[str, int]:
    """Polls so far by result. Raises RuntimeError for an exporter that has ended or answers nothing."""
    until = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < until and running.process.poll() is None:
        lines = [line for line in fetch(running.url).splitlines() if line.startswith("joulepath_polls_total{")]
        if lines:
            return {line.split('"')[1]: int(float(line.split()[-1])) for line in lines}
        time.sleep(0.5)
    raise RuntimeError(f"joulepath does not answer:\n{running.log.read_text()[-2000:]}")


def replay_answers(port: int, agent: int) -> None:
    """Answers requests of SNMP v2c as the agent at port `agent` answered the same request before."""
    known: dict[bytes, tuple[bytes, bytes]] = {}
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream,
    ):
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0} or {0})  # the exporter's core is its own
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
        server.bind(("127.0.0.1", port))
        upstream.settimeout(5)
        while True:
            request, client = server.recvfrom(65535)
            head, identifier, rest = split(request)
            if head + rest not in known:
                try:
                    upstream.sendto(request, ("127.0.0.1", agent))
                    while True:
                        answer_head, answered, answer_rest = split(upstream.recv(65535))
                        if answered == identifier:
                            break
                except TimeoutError:
                    continue
                known[head + rest] = (answer_head, answer_rest)
            server.sendto(join_message(*known[head + rest], identifier), client)


def split(message: bytes) -> tuple[bytes, bytes, bytes]:
    """Version and community with the PDU's tag; the request's identifier; what follows it."""
    _, at, _ = element(message, 0)
    _, start, size = element(message, at)
    _, inner, length = element(message, start + size)
    head = message[at : inner + length] + message[inner + length : inner + length + 1]
    _, pdu, _ = element(message, inner + length)
    _, value, width = element(message, pdu)
    return head, message[pdu : value + width], message[value + width :]


def join_message(head: bytes, rest: bytes, identifier: bytes) -> bytes:
    """The message again, with another identifier."""
    pdu = identifier + rest
    body = head + size_of(len(pdu)) + pdu
    return b"\x30" + size_of(len(body)) + body


def element(message: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and length of a BER element's value."""
    length = message[at + 1]
    if length < 128:
        return message[at], at + 2, length
    octets = length & 127
    return message[at], at + 2 + octets, int.from_bytes(message[at + 2 : at + 2 + octets], "big")


def size_of(length: int) -> bytes:
    """A BER length."""
    return bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")


if __name__ == "__main__":
    main()
