# SPDX-License-Identifier: Apache-2.0
"""Names: which are of one host, what they say of a role, and which are of replicas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from joulepath_init.naming import host_name, key, keys, outlet_host, role_of, slug, stem
from joulepath_topology.common import Name

pytestmark = pytest.mark.unit


@given(st.text())
def test_a_slug_is_a_name_that_a_topology_takes(text: str) -> None:
    name = slug(text)
    assert not name or TypeAdapter(Name).validate_python(name) == name


@given(st.text())
def test_every_name_has_a_host_and_a_key(text: str) -> None:
    assert isinstance(host_name(text), str)
    assert key(text) == key(text.upper().lower()) or not text.isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpu-1", "GPU_01"),
        ("edge-1", "edge-1.example.org"),
        ("edge-1", "edge-1:9100"),
        ("edge-1", "bmc-edge-1.example"),
        ("edge-1", "edge-1-ilo"),
        ("10.0.0.4", "10.0.0.4:10472"),
        ("fd00::4", "[fd00::4]:10472"),
    ],
)
def test_names_of_one_host_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("edge-1", "edge-11"),
        ("edge-1-1", "edge-11"),
        ("rack 1.2", "rack 1.3"),
        ("10.0.0.4", "10.0.0.5"),
        ("bmc-1", "ilo-1"),
    ],
)
def test_names_of_two_hosts_have_two_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_a_host_keeps_the_case_of_its_name() -> None:
    assert host_name("GPU_01") == "GPU_01"
    assert host_name("Edge-1.example.org") == "Edge-1"


def test_a_domain_tells_hosts_apart_where_nothing_else_does() -> None:
    told_apart = keys(["edge-1.berlin.example", "edge-1.paris.example", "gpu-1.paris.example"])
    assert told_apart("edge-1.berlin.example") != told_apart("edge-1.paris.example")
    assert told_apart("gpu-1.paris.example") == told_apart("gpu-1")


@pytest.mark.parametrize(
    ("outlet", "host"),
    [
        ("upf-1 PSU A", "upf-1"),
        ("upf-1 PSU B", "upf-1"),
        ("upf-1-psu2", "upf-1"),
        ("Server 3 (left)", "Server-3"),
        ("SP Lab host - RU10-11", "SP-Lab-host-RU10-11"),
        ("gNB feed 1", "gNB"),
        ("du-1", "du-1"),
        ("robot", "robot"),
        ("Outlet 7", ""),
        ("OUTLET_12", ""),
        ("Port #3", ""),
        ("A4", ""),
        ("7", ""),
        ("", ""),
    ],
)
def test_an_outlet_is_named_after_its_host_or_its_number(outlet: str, host: str) -> None:
    assert outlet_host(outlet) == host


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("upf-1", "upf"),
        ("open5gs-upf", "upf"),
        ("srs-du-0", "du"),
        ("oai-gnb", "gnb"),
        ("free5gc-amf", "core-control"),
        ("ptp-gm", "timing"),
        ("vllm-qwen", "model"),
        ("robot-arm", "device"),
        ("core-switch", "switch"),
        ("ru-1", "ru"),
        ("oran-ru-2", "ru"),
        ("SP Lab leaf 7 - RU30", "switch"),
        ("SP Lab host - RU30", None),
        ("dust", None),
        ("cupboard", None),
        ("server-1", None),
    ],
)
def test_a_role_is_a_whole_word_of_the_name(name: str, role: str | None) -> None:
    assert role_of(name) == role


@pytest.mark.parametrize(
    ("pod", "name"),
    [
        ("upf-7d9f8c6b5-x2x4z", "upf"),
        ("open5gs-upf-76bdf4c9d8-8kq2v", "open5gs-upf"),
        ("du-0", "du"),
        ("kepler-x2x4z", "kepler"),
        ("upf", "upf"),
        ("vllm-qwen-0", "vllm-qwen"),
        ("core-amf", "core-amf"),
    ],
)
def test_replicas_of_a_pod_share_the_stem_of_its_name(pod: str, name: str) -> None:
    assert stem(pod) == name
