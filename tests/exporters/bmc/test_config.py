# SPDX-License-Identifier: Apache-2.0
"""bmc.yaml and the command line: every mistake at once, none with a secret; several BMCs of both kinds."""

from pathlib import Path

import pytest

from joulepath.bmc.command import read_targets
from joulepath.bmc.settings import parse_address
from joulepath.errors import UsageError
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree

from .conftest import PASSWORD, joulepath, legacy

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redfish://10.0.0.1", "redfish://10.0.0.1"),
        ("redfish://[2001:db8::1]:8443/", "redfish://[2001:db8::1]:8443"),
        ("redfish+http://bmc:8000", "redfish+http://bmc:8000"),
        ("ipmi://bmc:6230", "ipmi://bmc:6230"),
        ("ipmi+local:", "ipmi+local"),
    ],
)
def test_an_address_is_parsed_and_shown_in_full(address: str, shown: str) -> None:
    assert str(parse_address(address)) == shown


@pytest.mark.parametrize(
    "address",
    ["", "10.0.0.1", "https://bmc", "redfish://", "redfish://bmc:0", "redfish://bmc:x", "redfish://bmc/redfish/v1",
     "redfish://u:p@bmc", "ipmi+local://bmc"],
)  # fmt: skip
def test_a_bad_address_is_refused_with_the_right_form(address: str) -> None:
    with pytest.raises(ValueError, match=r"redfish://|password_file"):
        parse_address(address)


def test_every_mistake_is_reported_without_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "bmc.yaml"
    file.write_text(
        """targets:
  a: {address: "redfish://root:hunter2@bmc"}
  b: {address: "redfish+http://bmc", user: root, password_env: X}
  c: {address: "ipmi://bmc"}
  d: {address: "redfish://bmc", user: root}
  e: {address: "redfish://bmc", password_file: p}
  f: {address: "ipmi://bmc", user: root, password_env: X, verify: false}
  g: {address: "redfish://bmc", interval: 0.1}
  h: {address: "redfish://bmc", timeout: 0}
  i: {address: "ipmi://bmc", user: root, password_env: X, timeout: 5}
"""
    )
    with pytest.raises(UsageError) as fault:
        read_targets(file)
    assert [message.split(": ")[1].split(".")[1] for message in fault.value.messages] == list("abcdefghi")
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize("by", ["argument", "file"])
def test_the_user_sets_the_time_for_an_answer(by: str, tmp_path: Path) -> None:
    behaviour = Behaviour(delay=3.0)
    with RedfishServer(dict_tree(legacy({"PowerControl": [{"PowerConsumedWatts": 344}]})), behaviour) as server:
        address = f"redfish+http://127.0.0.1:{server.port}"
        file = tmp_path / "bmc.yaml"
        file.write_text(f'targets: {{slow: {{address: "{address}", timeout: 1}}}}\n')
        arguments = ["--config", file] if by == "file" else ["--target", address, "--timeout", "1"]
        done = joulepath(*arguments, "--once")
    assert done.returncode == 1
    assert "no answer within 1 s" in done.stderr


def test_a_missing_password_names_its_key_and_file(tmp_path: Path) -> None:
    file = tmp_path / "bmc.yaml"
    file.write_text('targets:\n  a: {address: "redfish://bmc", user: root, password_file: gone}\n')
    with pytest.raises(UsageError, match=r"targets\.a\.password_file: .*/gone cannot be read"):
        read_targets(file)


def test_several_bmcs_are_named_and_one_that_fails_fails_alone(tmp_path: Path) -> None:
    with RedfishServer(dict_tree(legacy({"PowerControl": [{"PowerConsumedWatts": 344}]}))) as server:
        file = tmp_path / "bmc.yaml"
        file.write_text(
            "targets:\n"
            f'  edge-1: {{address: "redfish+http://127.0.0.1:{server.port}"}}\n'
            '  edge-2: {address: "redfish+http://127.0.0.1:1"}\n'
        )
        done = joulepath("--config", file, "--once")
    assert done.returncode == 0, done.stderr
    assert 'bmc_chassis_power_watts{chassis="1",instance="edge-1"} 344.0' in done.stdout
    assert 'bmc_up{collector="redfish",instance="edge-2"} 0.0' in done.stdout
    assert "edge-2: cannot be reached" in done.stderr


def test_user_and_password_belong_to_a_target(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    done = joulepath("--target", "redfish+http://bmc", "--user", "root", "--password-file", tmp_path / "password")
    assert done.returncode == 2
    assert "clear text" in done.stderr
    assert PASSWORD not in done.stderr
