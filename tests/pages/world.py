# SPDX-License-Identifier: Apache-2.0
"""The machine that a reader of the pages has: the checkout, the files that commands name, and devices that answer.

A command is run as it is written, but for the addresses and folders of `World.here`.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.blocks import Block, blocks

from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.run.ports import free_port
from tests.conftest import ROOT
from tests.exporters.bmc.conftest import legacy
from tests.exporters.ioam.captures import classic
from tests.exporters.pdu.device_files import devices
from tests.exporters.pdu.redfish.test_source import rack_pdu, service
from tests.exporters.pki import Pki

SECRET, PASSWORD = "s3cret-community", "s3cret-password"  # the tests' own
USERS = ("reader", "U")
ETHERNET = 1  # LINKTYPE_ETHERNET
UDP_PACKET = (
    bytes.fromhex("60000000 0008 11 40") + bytes(15) + b"\1" + bytes(15) + b"\1" + bytes.fromhex("13881389 0008 0000")
)
"""IPv6 and UDP, RFC 8200 and RFC 768, without data."""
FOLDERS = (
    "etc/grafana/provisioning/dashboards",
    "etc/grafana/provisioning/datasources",
    "etc/joulepath",
    "etc/prometheus",
    "etc/sysusers.d",
    "etc/systemd/system",
    "etc/tmpfiles.d",
)
"""Folders that programs of the distribution made."""


class World:
    """A folder with all that the commands of the pages name, and the addresses at which devices answer."""

    def __init__(self, folder: Path, addresses: Mapping[str, str]) -> None:
        self.folder = folder
        self._addresses = dict(addresses)
        for name in ("deploy", "examples", "grafana"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FOLDERS:
            (folder / name).mkdir(parents=True)
        self._write()

    def _write(self) -> None:
        for name in ("community", "etc/joulepath/community"):
            (self.folder / name).write_text(f"{SECRET}\n")
        for name in ("F", "password", "bmc-password", "etc/joulepath/bmc-password"):
            (self.folder / name).write_text(f"{PASSWORD}\n")
        for name in ("auth-password", "privacy-password"):
            (self.folder / name).write_text("s3cret-passphrase\n")
        (self.folder / "my-profiles").mkdir()
        # The kernel's tunnel carries eight octets of an id.
        minimal = (ROOT / "examples" / "minimal.yaml").read_text()
        (self.folder / "topology.yaml").write_text(re.sub(r"[0-9a-f]{16}(?=[0-9a-f]{16})", "", minimal))
        shutil.copy(self.folder / "topology.yaml", self.folder / "new.yaml")
        ethernet = bytes(12) + b"\x86\xdd"
        (self.folder / "n3.pcapng").write_bytes(classic("<", ETHERNET, [ethernet + UDP_PACKET]))
        tcpdump = self.folder / "bin" / "tcpdump"
        tcpdump.parent.mkdir()
        tcpdump.write_text("#!/bin/sh\ncat n3.pcapng\n")
        tcpdump.chmod(0o755)
        zone = self.folder / "host" / "sys" / "class" / "powercap" / "intel-rapl:0"
        zone.mkdir(parents=True)
        for file, content in {"name": "package-0", "energy_uj": "1000000", "max_energy_range_uj": "2000000000"}.items():
            (zone / file).write_text(f"{content}\n")
        shutil.copy(ROOT / "exporters" / "joulepath" / "pdu" / "profiles" / "apc-rpdu2.yaml", self.folder / "my.yaml")
        devices()["apc-rpdu2"].walk(self.folder / "device.walk")
        tag = configurations()["tag.yaml"]
        (self.folder / "routes.yaml").write_text(tag[: tag.index("  inspection:")])
        (self.folder / "flows.yaml").write_text("flows: {}\n")  # of a session manager
        for name, text in configurations().items():
            (self.folder / name).write_text(text)

    def answer(self, address: str, where: str) -> None:
        """Something answers `where` in place of an address."""
        self._addresses[re.escape(address)] = where

    def here(self, command: str) -> str:
        """The command with this folder for `/`, and with addresses at which something answers."""
        for pattern, address in self._addresses.items():
            command = re.sub(pattern, address, command)
        command = re.sub(r"(?<![\w.:/])/(?=etc|opt|var|host)", f"{self.folder}/", command)
        return re.sub(r"joulepath rapl(?!.*path.sysfs)", f"joulepath rapl --path.sysfs {self.folder}/host/sys", command)

    @property
    def environment(self) -> dict[str, str]:
        """Where programs are found, and whom TLS trusts."""
        path = [str(self.folder / "bin"), str(Path(sys.executable).parent)]
        path += [str(ROOT / ".cache" / "programs" / "usr" / "bin"), os.environ["PATH"]]
        secrets = {"PDU_2_COMMUNITY": SECRET, "EDGE_2_PASSWORD": PASSWORD}
        trust = {"SSL_CERT_FILE": str(self.folder / "ca.pem")}
        return {**os.environ, "PATH": os.pathsep.join(path), **secrets, **trust}


def configurations() -> dict[str, str]:
    """Configurations by the name under which commands read them: the first that the guide of the exporter shows."""
    guides = {
        "carbon": "carbon",
        "ioam": "ioam",
        "pdu": "pdu",
        "pfcp": "pfcp",
        "tag": "tagging",
        "workload": "workload",
    }
    return {
        f"{name}.yaml": next(
            block.text for block in blocks(ROOT / "docs" / "guides" / f"{guide}.md") if block.language == "yaml"
        )
        for name, guide in guides.items()
    }


@contextmanager
def world(folder: Path, block: Block) -> Iterator[World]:
    """The world of one block's page, while its devices answer."""
    folder.mkdir(exist_ok=True)
    pki = Pki(folder)
    shutil.copy(pki.ca, folder / "bmc-ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("device", "127.0.0.1"))
    behaviour = Behaviour(users=dict.fromkeys(USERS, PASSWORD), max_sessions=100)
    pdus = dict_tree(service(RackPDUs={"1": rack_pdu()}))
    server = dict_tree(legacy({"PowerControl": [{"PowerConsumedWatts": 344}]}))
    with ExitStack() as running:
        outlets = {1: ("robot", 40.0), 2: ("upf-1", 120.0)}
        agent = running.enter_context(Agent(rpdu2_objects(lambda: outlets), SECRET))
        pdu = running.enter_context(RedfishServer(pdus, behaviour, context))
        bmc = running.enter_context(RedfishServer(server, behaviour, context))
        addresses = {
            r"udp://(10\.0\.0\.5|pdu-1\.example)": f"udp://127.0.0.1:{agent.address[1]}",
            r"(?<=pdu --target )redfish://10\.0\.0\.6": f"redfish://127.0.0.1:{pdu.port}",
            r"(?<=--bmc )redfish://bmc-1\.example": f"redfish://127.0.0.1:{bmc.port}",
            r"(?<=bmc --target )redfish://(10\.0\.0\.7|bmc-1\.example)": f"redfish://127.0.0.1:{bmc.port}",
        }
        if "plant-1.example" in block.text:
            plant = running.enter_context(Agent(devices()["alpha-cordex"].agent_objects(), SECRET))
            addresses[r"udp://plant-1\.example"] = f"udp://127.0.0.1:{plant.address[1]}"
        if "ipmi://" in block.text:
            addresses[r"ipmi://10\.0\.0\.7"] = f"ipmi://127.0.0.1:{running.enter_context(ipmi(folder))}"
        yield World(folder, addresses)


@contextmanager
def ipmi(folder: Path) -> Iterator[int]:
    """A BMC over IPMI, and its port."""
    port = free_port(socket.SOCK_DGRAM)
    file = folder / "bmc.json"
    readings = {"current": 215, "minimum": 200, "maximum": 230, "average": 210, "period": 60_000}
    file.write_text(json.dumps({"port": port, "user": USERS[0], "password": PASSWORD, "dcmi": readings}))
    command = [sys.executable, "-m", "joulepath_lab.devices.ipmi_bmc", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield port
        process.kill()
