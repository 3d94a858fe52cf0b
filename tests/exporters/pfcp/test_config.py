# SPDX-License-Identifier: Apache-2.0
"""The configuration file, and each mistake in it as one line."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.pfcp.config import read
from joulepath.pfcp.settings import Bounds, FlowsFile, Group, Match, Settings

pytestmark = pytest.mark.unit


def test_every_key_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key\n")
    text = f"""
interfaces: [eth0]
mirrors: [eth1]
groups:
  cameras: {{dnn: video, qfi: 5}}
  robots: [{{slice: "2-000005"}}, {{ue: [10.46.0.0/16, "2001:db8::/32"]}}]
  fleet: {{match: {{subscriber: "imsi-00101*"}}, each: subscriber}}
upfs: {{upf-1: 192.0.2.1}}
flows_file: {{path: /run/flows.yaml, match: teid, seconds: 2, matches: 9, prefixes: 99}}
state_file: /var/state.json
secret_file: {secret}
bounds: {{sessions: 10, series: 20, transactions: 300}}
"""
    assert read(Path("pfcp.yaml"), text) == Settings(
        ("eth0",),
        ("eth1",),
        (
            Group("cameras", (Match(dnn=("video",), qfi=frozenset({5})),)),
            Group(
                "robots",
                (
                    Match(slice=("2-000005",)),
                    Match(ue=(ip_network("10.46.0.0/16"), ip_network("2001:db8::/32"))),
                ),
            ),
            Group("fleet", (Match(subscriber=("imsi-00101*",)),), "subscriber"),
        ),
        {"upf-1": (ip_network("192.0.2.1/32"),)},
        Bounds(10, 20, 300),
        FlowsFile(Path("/run/flows.yaml"), "teid", 2, 9, 99),
        "key",
        Path("/var/state.json"),
    )


def test_an_empty_file_leaves_all_to_the_defaults() -> None:
    assert read(Path("pfcp.yaml"), "") == Settings()


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("groups: {unknown: {dnn: a}}", "'unknown' is the name of sessions that no group has: take another"),
        ("groups: {a: {}}", "give at least one key, such as `dnn` or `slice`"),
        ("groups: {a: {slice: 1}}", "a slice looks like a number: put it in quotes"),
        ("groups: {a: {match: {dnn: b}, each: subscriber}}", "groups.a.each: needs `secret_file`"),
        ("interfaces: [a]\nmirrors: [a]", "interfaces: a stands twice"),
        ("secret_file: /nowhere/secret", "secret_file: /nowhere/secret cannot be read"),
        ("bounds: {session: 1}", "unknown key"),
        ("flows_file: {path: a, seconds: 0}", "flows_file.seconds: must be greater than or equal to 0.5"),
        ("upfs: {upf-1: 192.0.2.1/24}", "upfs.upf-1[0]: must be an IPv4 or IPv6 address or prefix"),
        ("groups: {a: }", "groups.a: must be a mapping of keys"),
        ("groups: {a: {apn: video}}", "groups.a.apn: unknown key 'apn'"),
        ("groups: {a: [{dnn: b}, {dnn: []}]}", "groups.a[1].dnn: needs at least one entry"),
        ("groups: {a: {qfi: 70}}", "groups.a.qfi[0]: must be less than or equal to 63"),
        ("groups: {a: {slice: 1-5}}", "groups.a.slice[0]: a slice is its SST, or SST and SD as in `1-010203`"),
        ("groups: {a: {slice: ['1*', 01-010203]}}", "groups.a.slice[1]: a slice is its SST, or SST and SD"),
        ("groups: {a: {slice: '256'}}", "groups.a.slice[0]: a slice is its SST, or SST and SD"),
        ("groups: {a: {match: {dnn: b, upf: c}}}", "groups.a.match.upf: unknown key 'upf'"),
        ("groups: {a: {match: {dnn: b}, each: user}}", "groups.a.each: must be 'subscriber'"),
    ],
)
def test_a_mistake_is_a_line_that_names_its_key(text: str, mistake: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(Path("pfcp.yaml"), text)
    assert [mistake in message and message.startswith("pfcp.yaml: ") for message in caught.value.messages] == [True]


def test_relative_paths_start_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    file = tmp_path / "pfcp.yaml"
    file.write_text("flows_file: {path: flows.yaml}\nstate_file: run/state.json\nsecret_file: key\n")
    settings = read(file)
    assert settings.flows is not None
    assert (settings.flows.path, settings.state) == (tmp_path / "flows.yaml", tmp_path / "run" / "state.json")
    assert settings.secret == (tmp_path / "key").read_text().strip()
