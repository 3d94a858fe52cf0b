# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu` from its arguments to its exposition."""

from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.pdu.command import ONCE_SECONDS, read_targets, single
from joulepath.pdu.config import PduTargetConfig, limits, parse_address
from joulepath.pdu.profiles.catalogue import load_shipped
from joulepath.pdu.snmp.client import Limits, SnmpEndpoint
from joulepath.pdu.source import PduSource
from joulepath.pdu.survey.surveyor import SURVEY_SECONDS
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.odd_agent import Odd, OddAgent
from joulepath_lab.devices.snmp_agent import Agent

from .conftest import SECRET, joulepath, samples

pytestmark = pytest.mark.unit


def test_once_prints_one_device_and_finds_its_profile(agent: Agent, community_file: Path) -> None:
    host, port = agent.address
    done = joulepath("--target", f"udp://{host}:{port}", "--community-file", community_file, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    series = samples(done.stdout)
    assert series["pdu_outlet_power_watts", frozenset({("outlet", "2")})] == 250
    assert series["pdu_outlet_energy_joules_total", frozenset({("outlet", "2")})] == 0
    assert SECRET not in done.stdout


def test_arguments_that_do_not_fit_exit_2_with_one_line(community_file: Path) -> None:
    for arguments, line in [
        (["--target", "udp://h"], "joulepath pdu: --target needs --community-file FILE with the SNMP community\n"),
        (
            ["--config", "/nonexistent.yaml"],
            "joulepath pdu: /nonexistent.yaml: cannot be read: No such file or directory\n",
        ),
    ]:
        done = joulepath(*arguments)
        assert (done.returncode, done.stderr) == (2, line)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.5", SnmpEndpoint("10.0.0.5", 161)),
        ("pdu.example.net:1161", SnmpEndpoint("pdu.example.net", 1161)),
        ("udp://[fe80::1]:1161", SnmpEndpoint("fe80::1", 1161)),
        ("udp://10.0.0.5", SnmpEndpoint("10.0.0.5", 161)),
    ],
)
def test_an_address_is_parsed(address: str, expected: SnmpEndpoint) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["", "tcp://h", "h:0", "h:65536", "h:x", "udp://", "http://h/x", "fe80::1", "u@h"])
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not udp://HOST"):
        parse_address(address)


def test_all_mistakes_of_a_configuration_are_reported_at_once(tmp_path: Path) -> None:
    config = tmp_path / "pdu.yaml"
    (tmp_path / "empty").write_text("\n")
    config.write_text(
        "targets:\n"
        "  a: {address: h, community_file: missing}\n"
        "  b: {address: h, community_file: empty}\n"
        "  c: {address: h, community_env: JOULEPATH_TEST_UNSET}\n"
        "  d: {address: h, community_env: HOME, profile: nosuch}\n"
    )
    with pytest.raises(UsageError) as fault:
        read_targets(config)
    assert [line.removeprefix(f"{config}: ") for line in fault.value.messages] == [
        f"targets.a.community_file: {tmp_path}/missing cannot be read: No such file or directory",
        f"targets.b.community_file: {tmp_path}/empty is empty",
        "targets.c.community_env: the environment variable JOULEPATH_TEST_UNSET is not set",
        f"targets.d.profile: 'nosuch' is not one of {', '.join(sorted(load_shipped()))}",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("targets: {}", "targets: "),
        ("targets: {a: {address: h}}", "targets.a: state either community_file or community_env"),
        ("targets: {a: {address: 'h:x', community_env: E}}", "targets.a: 'h:x' is not udp://HOST"),
        ("targets: {a: {address: h, community_env: E, interval: 0.1}}", "targets.a.interval: "),
        ("targets: {a: {address: h, community_env: E, version: 3}}", "targets.a.version: "),
        ("targets: {a: {address: h, community_env: E, timeout: 0}}", "targets.a.timeout: "),
        ("targets: {a: {address: h, community_env: E, retries: -1}}", "targets.a.retries: "),
        ("targets: {a: {address: h, community_env: E, max_repetitions: 101}}", "targets.a.max_repetitions: "),
        ("targets: {a: {address: h, community_env: E, community: public}}", "targets.a.community: "),
    ],
)
def test_a_mistake_is_reported_with_its_key(tmp_path: Path, text: str, line: str) -> None:
    config = tmp_path / "pdu.yaml"
    config.write_text(text)
    with pytest.raises(UsageError) as fault:
        read_targets(config)
    assert fault.value.messages[0].startswith(f"{config}: {line}")
    assert "public" not in str(fault.value)


def test_a_profile_of_the_operator_serves_and_sets_the_interval(tmp_path: Path, community_file: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "acme.yaml").write_text(
        "vendor: ACME\nsys_object_ids: [1.3.6.1.4.1.9999]\ninterval: 30\n"
        "levels: {inlet: {quantities: {power: {column: 1.3.6.1.4.1.9999.1}}}}\n"
    )
    (tmp_path / "pdu.yaml").write_text(
        "profiles: mine\n"
        "targets:\n"
        "  a: {address: h, community_file: community, profile: acme}\n"
        "  b: {address: h, community_file: community, profile: acme, interval: 2}\n"
        "  c: {address: h, community_file: community}\n"
    )
    assert [target.interval for target in read_targets(tmp_path / "pdu.yaml")] == [30, 2, 5]


def test_a_single_device_is_named_by_its_address(community_file: Path) -> None:
    assert single("10.0.0.5", community_file).name == "udp://10.0.0.5:161"


def keys(**stated: object) -> PduTargetConfig:
    return PduTargetConfig.model_validate({"address": "h", "community_env": "E", **stated})


@pytest.mark.parametrize(("written", "version"), [(1, 1), ("1", 1), (2, 2), ("2c", 2)])
def test_a_version_may_be_a_number_or_text(written: object, version: int) -> None:
    assert keys(version=written).version == version


def test_timeout_and_retries_of_a_target_are_read() -> None:
    assert limits(keys()) == Limits()
    assert limits(keys(timeout=7.5, retries=0)) == Limits(timeout=7.5, retries=0)


@pytest.mark.parametrize("of", ["target", "config"])
def test_a_device_is_asked_as_stated(tmp_path: Path, community_file: Path, of: str) -> None:
    """In SNMP v1, with the objects of at most two rows in a request, at an agent that takes 0.3 s."""
    odd = Odd(delay=0.3, drops_over=5)
    with OddAgent({**rpdu2_objects(lambda: {1: ("robot", 40.0)})}, odd, SECRET, version=1) as agent:
        address = "{}:{}".format(*agent.address)
        if of == "target":
            asking = ("--snmp-version", "1", "--timeout", "0.2", "--retries", "5", "--max-repetitions", "2")
            done = joulepath("--target", address, "--community-file", community_file, *asking, "--once")
        else:
            config = tmp_path / "pdu.yaml"
            config.write_text(
                f"targets: {{a: {{address: '{address}', community_file: {community_file.name}, version: 1, "
                "timeout: 0.2, retries: 5, max_repetitions: 2}}"
            )
            done = joulepath("--config", config, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'outlet="1"' in done.stdout
    assert {kind for kind, _ in odd.requests} == {"get", "next"}
    assert max(size for _, size in odd.requests) == 5


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--timeout", "0"), "--timeout: must be greater than 0"),
        (("--retries", "11"), "--retries: must be less than or equal to 10"),
        (("--max-repetitions", "0"), "--max-repetitions: must be greater than or equal to 1"),
    ],
)
def test_a_wrong_number_is_reported_with_its_argument(
    community_file: Path, arguments: tuple[str, str], line: str
) -> None:
    done = joulepath("--target", "h", "--community-file", community_file, *arguments, "--once")
    assert (done.returncode, done.stderr) == (2, f"joulepath pdu: {line}\n")


def test_options_of_a_single_target_are_refused_with_a_configuration(tmp_path: Path) -> None:
    done = joulepath("--config", tmp_path / "pdu.yaml", "--timeout", "3")
    message = "joulepath pdu: --timeout belongs to --target; a configuration file has a key of that name\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_once_waits_for_a_slow_survey(community_file: Path) -> None:
    target = single("h", community_file, survey_seconds=ONCE_SECONDS)
    assert isinstance(target.source, PduSource)
    assert target.source._surveyor._seconds == ONCE_SECONDS > SURVEY_SECONDS
