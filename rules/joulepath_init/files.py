# SPDX-License-Identifier: Apache-2.0
"""The configuration files of the exporters and of Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from joulepath.tag.settings import MAX_FLOWS
from joulepath_init.applications import NAMESPACE, Traces
from joulepath_init.devices import Device, Login, asks_for_login, snmp
from joulepath_init.document import DECIDE, Entry, Section, flow, written

PORTS = {"pdu": 10471, "bmc": 10472, "ioam": 10474, "tag": 10477}
"""Ports of the exporters, as docs/guides/serving.md has them."""
_INTERFACE = "eth0"
_DESTINATION = "2001:db8::/32"


def devices(kind: str, found: Iterable[Device], login: Login, folder: Path) -> str:
    """`pdu.yaml` or `bmc.yaml`."""
    words = {"pdu": "PDUs", "bmc": "BMCs"}[kind]
    entries = [
        Entry(one.name, _target(one, login, folder), [f"did not answer: {one.fault}" if one.fault else one.about])
        for one in found
    ]
    return written(
        [f"{words} for `joulepath {kind} --config {kind}.yaml` (docs/guides/{kind}.md)."], [Section("targets", entries)]
    )


def _target(device: Device, login: Login, folder: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"address": device.address}
    if device.kind == "pdu" and snmp(device.address):
        entry["community_file"] = _relative(login.community_file, folder)
    elif asks_for_login(device.address):
        entry |= {"user": login.user, "password_file": _relative(login.password_file, folder)}
        if login.insecure and device.address.startswith("redfish://"):
            entry["verify"] = False
    return entry


def _relative(file: Path | None, folder: Path) -> str:
    """A path from the folder of the configuration, or from the root."""
    path = (file or Path()).resolve()
    return str(path.relative_to(folder.resolve()) if path.is_relative_to(folder.resolve()) else path)


def ioam(traces: Traces) -> str:
    """`ioam.yaml` of the host that counts the new ids."""
    node = {"node_id": traces.node, "interfaces": {_INTERFACE: "uplink"}}
    interfaces = f"{DECIDE} the interfaces, and the direction of the packets that each receives"
    return written(
        [f"For `joulepath ioam --config ioam.yaml` on the host of {traces.component} (docs/guides/ioam.md)."],
        [
            Section("nodes", [Entry("", node, [interfaces])], listed=True),
            Section("namespaces", [Entry(NAMESPACE, {"ids": list(traces.ids.values())}, [", ".join(traces.ids)])]),
        ],
    )


def tag(traces: Traces) -> str:
    """`tag.yaml` of the host where the packets of the new ids begin."""
    more = len(traces.ids) > MAX_FLOWS
    flows = [
        Entry(
            name,
            {
                "ioam_namespace": NAMESPACE,
                "id": id_,
                "protocol": "udp",
                "destination": _DESTINATION,
                "destination_port": port,
            },
            [f"{DECIDE} which packets: protocol, destination and port, or the unit, pod or container that sends them"],
        )
        for port, (name, id_) in zip(range(5001, 5001 + MAX_FLOWS), traces.ids.items(), strict=False)
    ]
    return written(
        [
            "For `joulepath tag --config tag.yaml` on the host where these packets begin (docs/guides/tagging.md).",
            *([f"It has the first {MAX_FLOWS} applications: write the others for other hosts."] if more else []),
        ],
        [
            Section("interfaces", [Entry("", _INTERFACE, [f"{DECIDE} through which the packets leave"])], listed=True),
            Section("flows", flows),
        ],
    )


def prometheus(kinds: Sequence[str]) -> str:
    """`prometheus.yml`: a whole configuration, for a server of its own or to copy from."""
    jobs: list[Mapping[str, Any]] = []
    for kind in kinds:
        address = f"127.0.0.1:{PORTS[kind]}"
        if kind in {"pdu", "bmc"}:
            jobs.append(
                {"job_name": kind, "http_sd_configs": [{"url": f"http://{address}/targets", "refresh_interval": "15s"}]}
            )
        else:
            jobs.append({"job_name": kind, "static_configs": [{"targets": [address]}]})
    text = written(
        [
            "Scrapes these exporters on this host, and runs the rules of the topology.",
            "For a server that you have already, copy `rule_files` and `scrape_configs`.",
        ],
        [
            Section("rule_files", [Entry("", "rules/*.yaml")], listed=True),
            Section("scrape_configs", [Entry("", job) for job in jobs], listed=True),
        ],
    )
    return (
        f"{text}\nglobal: {flow({'scrape_interval': '15s', 'scrape_timeout': '10s', 'evaluation_interval': '15s'})}\n"
    )
