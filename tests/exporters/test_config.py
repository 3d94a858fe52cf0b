# SPDX-License-Identifier: Apache-2.0
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from joulepath.config import Model, Prefix, load
from joulepath.errors import UsageError

pytestmark = pytest.mark.unit


class Device(Model):
    address: str
    interval: float = 5.0


class Config(Model):
    targets: dict[str, Device]


def test_a_file_is_read_into_its_model(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("targets:\n  a: {address: x}\n")
    assert load(path, Config) == Config(targets={"a": Device(address="x")})


def test_all_mistakes_are_named_at_once_without_values(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("targets:\n  a: {addres: secret}\n  b: {address: x, interval: soon}\nmore: 1\n")
    with pytest.raises(UsageError) as fault:
        load(path, Config)
    lines = fault.value.messages
    assert [line.split(": ")[1] for line in lines] == [
        "targets.a.addres",
        "targets.b.interval",
        "more",
    ]
    assert "secret" not in str(fault.value)
    assert fault.value.exit_code == 2


class Listing(Model):
    nodes: tuple[Device, ...] = ()
    numbers: dict[int, str] = Field(default_factory=dict)
    mode: Literal["one", "two"] = "one"
    either: tuple[IPv4Network | IPv6Network, ...] = ()
    only: IPv6Network | None = None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: {address: x}", "nodes: must be a list"),
        ("nodes: [x]", "nodes[0]: must be a mapping of keys"),
        ("nodes: [{}]", "nodes[0].address: is missing"),
        ("nodes: [{address: 1}]", "nodes[0].address: must be a string: put it in quotes"),
        ("numbers: [1]", "numbers: must be a mapping of keys"),
        ("numbers: {x: a}", "numbers.x: must be a whole number"),
        ("mode: three", "mode: must be 'one' or 'two'"),
        (
            "either: [10.0.0.1/8]",
            "either[0]: must be an IPv4 or IPv6 address or prefix, with no bit set behind the prefix",
        ),
        ("only: 10.0.0.1", "only: must be an IPv6 address or prefix, with no bit set behind the prefix"),
        ("node: []", "node: unknown key 'node' (did you mean nodes?)"),
    ],
)
def test_mistakes_are_named_in_the_terms_of_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as fault:
        load(path, Listing)
    assert fault.value.messages == (f"{path}: {message}",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("targets: {a: {address: x}, a: {address: y}}", "the key 'a' is written twice"),
        ("a: [", ":1: is not valid YAML"),
        ("", "is empty"),
        ("- 1", "is a list"),
        ("a: \x00", "is not valid YAML"),
        ("x: 1\na: 2026-13-45", ":2: is not valid YAML: not a valid timestamp"),
        ("a: " + "9" * 5000, ":1: is not valid YAML: not a valid int"),
        ("a: !!int x", ":1: is not valid YAML: not a valid int"),
        ("a: !!bool maybe", ":1: is not valid YAML: not a valid bool"),
        ("a: !!map [1]", ":1: is not valid YAML: not a valid map"),
        ("a: 1" + ":59" * 400 + ".5", ":1: is not valid YAML: not a valid float"),
        ("a: " + "[" * 5000, ": lists stand in lists too deep"),
        ("targets: {1: {address: x}, 1: {address: y}}", "the key 1 is written twice"),
        ('"a\\nb": 1\ntargets: {}', r": a\?b: unknown key"),
    ],
)
def test_a_file_that_is_not_a_configuration_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as fault:
        load(path, Config)
    assert len(fault.value.messages) == 1
    assert str(path) in fault.value.messages[0]


def test_merged_keys_are_as_if_written_here(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("targets:\n  a: &a {address: x, interval: 7}\n  b: {<<: *a, address: y}\n")
    assert load(path, Config).targets["b"] == Device(address="y", interval=7)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "none.yaml", Config)


class Numbered(Model):
    rooms: dict[int, Listing] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rooms: {5: {mods: one}}", "rooms.5.mods: unknown key 'mods' (did you mean mode?)"),
        ("rooms: {5: {nodes: [{address: x, intervall: 2}]}}", "unknown key 'intervall' (did you mean interval?)"),
        (
            "rooms: {5: {nodes: [{address: y}, {adress: x}]}}",
            "rooms.5.nodes[1].adress: unknown key 'adress' (did you mean address?)",
        ),
        ("rooms: {5: {zzz: one}}", "rooms.5.zzz: unknown key 'zzz': the keys are nodes, numbers, mode, either, only"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as fault:
        load(path, Numbered)
    assert fault.value.messages[0].endswith(message)


class Prefixes(Model):
    prefix: Prefix = ip_network("::/0")
    several: Annotated[tuple[Prefix, ...], Field(min_length=1)] = ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "must be an IPv4 or IPv6 address or prefix"),  # ipaddress takes it for 0.0.0.5
        ("true", "must be an IPv4 or IPv6 address or prefix"),
        ("10.60", "must be an IPv4 or IPv6 address or prefix"),
        ("10.0.0.1/8", "must be an IPv4 or IPv6 address or prefix, with no bit set behind the prefix"),
        ("'::ffff:10.60.0.0/120'", "packets have IPv4 addresses as they are: write 10.60.0.0/24"),
        ("'fe80::1%eth0'", "packets do not carry the zone of an address: leave out % and what follows"),
    ],
)
def test_a_prefix_is_one_that_packets_can_have(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"prefix: {text}\n")
    with pytest.raises(UsageError) as fault:
        load(path, Prefixes)
    assert fault.value.messages == (f"{path}: prefix: {message}",)


def test_a_list_with_a_wrong_entry_is_not_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for text, line in (("[1]", "several[0]: must be an IPv4 or IPv6"), ("[]", "several: needs at least one entry")):
        path.write_text(f"several: {text}\n")
        with pytest.raises(UsageError) as fault:
            load(path, Prefixes)
        assert [message.startswith(f"{path}: {line}") for message in fault.value.messages] == [True]
