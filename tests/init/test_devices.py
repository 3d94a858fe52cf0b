# SPDX-License-Identifier: Apache-2.0
"""Devices: their names, and those that Prometheus scrapes already."""

from pathlib import Path

import pytest
import yaml

from joulepath_init.devices import Device, Login, as_scraped
from joulepath_init.files import devices as written
from joulepath_init.found import Found, Reading, Whole

pytestmark = pytest.mark.unit


def outlets(instance: str, *watts: float | None) -> list[Reading]:
    return [Reading("pdu", instance, str(number), "", each) for number, each in enumerate(watts, 1)]


@pytest.mark.parametrize(
    ("scraped", "name"),
    [
        (outlets("rack-a", 101, 52), "rack-a"),
        (outlets("rack-a", 140, 52), "pdu-1"),  # other watts
        (outlets("rack-a", 101, 52, 0), "pdu-1"),  # other outlets
        (outlets("rack-a", None, None), "pdu-1"),  # not known yet
        (outlets("rack-a", 101, 52) + outlets("rack-b", 100, 51), "pdu-1"),  # either
        (outlets("rack-a", 101, 52) + outlets("pdu-1", 300, 51), "pdu-1"),  # its own name
    ],
)
def test_a_device_keeps_the_name_that_it_has_in_prometheus(scraped: list[Reading], name: str) -> None:
    [device] = as_scraped([Device("pdu", "pdu-1", "udp://h", outlets("pdu-1", 100, 50))], Found(readings=scraped))
    assert (device.name, {reading.instance for reading in device.readings}) == (name, {name})


def test_a_device_by_its_inlets_keeps_its_name_too() -> None:
    device = Device("pdu", "pdu-1", "udp://h", whole=Whole("pdu-1", "inlet", ("1",), 320.0))
    [renamed] = as_scraped([device], Found(wholes=[Whole("rack-a", "inlet", ("1",), 325.0)]))
    assert (renamed.name, renamed.whole) == ("rack-a", Whole("rack-a", "inlet", ("1",), 320.0))


def test_a_meter_that_is_read_and_scraped_counts_once() -> None:
    found = Found(readings=outlets("rack-a", 100, 50))
    found.add(Found(readings=outlets("rack-a", 101, 52), wholes=[Whole("rack-a", "inlet", ("1",))]))
    assert [reading.watts for reading in found.readings] == [100, 50]
    assert found.wholes == []


def test_a_file_has_the_login_that_an_address_needs_and_no_other(tmp_path: Path) -> None:
    login = Login(tmp_path / "community", "ann", tmp_path / "password", insecure=True)
    addresses = ["redfish://a", "redfish+http://b", "ipmi://c", "ipmi+local:"]
    made = [Device("bmc", f"bmc-{number}", address) for number, address in enumerate(addresses)]
    targets = yaml.safe_load(written("bmc", made, login, tmp_path))["targets"]
    assert targets == {
        "bmc-0": {"address": "redfish://a", "user": "ann", "password_file": "password", "verify": False},
        "bmc-1": {"address": "redfish+http://b"},
        "bmc-2": {"address": "ipmi://c", "user": "ann", "password_file": "password"},
        "bmc-3": {"address": "ipmi+local:"},
    }
