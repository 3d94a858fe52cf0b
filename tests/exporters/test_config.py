# SPDX-License-Identifier: Apache-2.0
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from joulepath.config import Model, load
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
        "targets.a.address",
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
        ("nodes: [x]", "nodes.0: must be a mapping of keys"),
        ("nodes: [{}]", "nodes.0.address: is missing"),
        ("nodes: [{address: 1}]", "nodes.0.address: must be a string: put it in quotes"),
        ("numbers: [1]", "numbers: must be a mapping of keys"),
        ("numbers: {x: a}", "numbers.x: must be a valid integer, unable to parse string as an integer"),
        ("mode: three", "mode: must be 'one' or 'two'"),
        (
            "either: [10.0.0.1/8]",
            "either.0: must be an IPv4 or IPv6 address or prefix, with no bit set behind the prefix",
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
    ],
)
def test_a_file_that_is_not_a_configuration_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as fault:
        load(path, Config)
    assert len(fault.value.messages) == 1
    assert str(path) in fault.value.messages[0]


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
        ("rooms: {5: {zzz: one}}", "rooms.5.zzz: unknown key 'zzz'"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as fault:
        load(path, Numbered)
    assert fault.value.messages[0].endswith(message)
