# SPDX-License-Identifier: Apache-2.0
"""`joulepath init` against simulated devices: watts in the first run, and files that every command takes."""

import re
from pathlib import Path

import pytest
import yaml

from joulepath.bmc.command import read_targets as read_bmcs
from joulepath.cli import main
from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.config import read as read_ioam
from joulepath.pdu.command import read_targets as read_pdus
from joulepath.tag.config import read as read_tag
from joulepath_topology import read

from .conftest import SECRET, Answers, Devices, init

pytestmark = pytest.mark.unit


def test_the_first_run_shows_watts_and_writes_every_file(
    tmp_path: Path, devices: Devices, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert init(out, *devices.flags) == 0
    said = capsys.readouterr().out
    # 120 W and 131 W of one server are added; a spare outlet without load is not a host.
    shown = dict(re.findall(r"^(\S+) +(\d+) W  (?:pdu|bmc) ", said, re.MULTILINE))
    assert shown == {"robot": "40", "upf-1": "251", "pdu-1-outlet-4": "33", "bmc-1": "410"}
    assert sorted(path.name for path in out.iterdir()) == ["bmc.yaml", "pdu.yaml", "prometheus.yml", "topology.yaml"]
    topology = read(out / "topology.yaml")
    assert [source.readings for source in topology.hosts["upf-1"].power] == [
        [{"instance": "pdu-1", "outlet": "2"}, {"instance": "pdu-1", "outlet": "3"}]
    ]
    assert topology.hosts["bmc-1"].power[0].readings == [{"instance": "bmc-1"}]
    assert topology.components["upf-1"].role == "upf"
    assert [target.name for target in read_pdus(out / "pdu.yaml")] == ["pdu-1"]
    assert [target.name for target in read_bmcs(out / "bmc.yaml")] == ["bmc-1"]
    assert main(["rules", "check", str(out / "topology.yaml")]) == 0


def test_the_exporters_give_the_watts_that_were_shown(
    tmp_path: Path, devices: Devices, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names in the files are those that the topology reads."""
    init(tmp_path / "out", *devices.flags)
    capsys.readouterr()
    assert main(["pdu", "--config", str(tmp_path / "out" / "pdu.yaml"), "--once"]) == 0
    assert main(["bmc", "--config", str(tmp_path / "out" / "bmc.yaml"), "--once"]) == 0
    shown = capsys.readouterr().out
    assert 'pdu_outlet_power_watts{instance="pdu-1",outlet="2"} 120.0' in shown
    assert re.search(r'bmc_chassis_power_watts\{chassis="1",instance="bmc-1"\} 410.0', shown)


def test_secrets_stay_in_their_files(tmp_path: Path, devices: Devices, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path / "out", *devices.flags)
    texts = [path.read_text() for path in (tmp_path / "out").iterdir()]
    captured = capsys.readouterr()
    assert not [text for text in (*texts, captured.out, captured.err) if SECRET in text]


def test_new_applications_have_one_id_in_all_three_files(
    tmp_path: Path, devices: Devices, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert init(out, *devices.flags, "--application", "camera", "--application", "robot") == 0
    topology = read(out / "topology.yaml")
    ids = {name: entry.traces[0].id for name, entry in topology.applications.items()}
    assert set(ids) == {"camera", "robot"}
    assert len(set(ids.values())) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", id_) for id_ in ids.values())
    assert topology.applications["camera"].path == ("upf-1",)
    tagged = {flow.name: flow.trace_id for flow in read_tag(out / "tag.yaml").flows}
    assert tagged == {name: bytes.fromhex(id_) for name, id_ in ids.items()}
    assert read_ioam(out / "ioam.yaml").namespaces[123].ids == frozenset(tagged.values())
    capsys.readouterr()
    check = ["rules", "check", str(out / "topology.yaml")]
    assert main([*check, "--ioam", str(out / "ioam.yaml"), "--tag", str(out / "tag.yaml")]) == 0
    assert "warning" not in capsys.readouterr().out


def test_answers_do_what_flags_do(tmp_path: Path, devices: Devices) -> None:
    answers = Answers(
        **{"of PDUs": devices.pdu, "community": str(devices.community_file), "Addresses of BMCs": devices.bmc}
    )
    asked, given = tmp_path / "asked" / "plant", tmp_path / "given" / "plant"
    assert init(asked, answers=answers) == 0
    assert init(given, *devices.flags) == 0
    for name in ("topology.yaml", "pdu.yaml", "bmc.yaml", "prometheus.yml"):
        assert (asked / name).read_text() == (given / name).read_text()
    assert [question for question in answers.asked if "Prometheus" in question]


def test_a_secret_that_is_typed_is_written_for_its_owner_alone(tmp_path: Path, devices: Devices) -> None:
    out = tmp_path / "out"
    assert init(out, "--pdu", devices.pdu, answers=Answers(**{"does not exist": SECRET})) == 0
    assert (out / "community").read_text() == f"{SECRET}\n"
    assert (out / "community").stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load((out / "pdu.yaml").read_text())["targets"]["pdu-1"]["community_file"] == "community"


def test_an_answer_puts_an_outlet_and_a_role_in_its_place(tmp_path: Path, devices: Devices) -> None:
    answers = Answers(**{"Outlets that feed bmc-1": "pdu-1:4", "Role of bmc-1": "gnb"})
    assert init(tmp_path / "out", *devices.flags, answers=answers) == 0
    topology = read(tmp_path / "out" / "topology.yaml")
    host = topology.hosts["bmc-1"]
    assert (host.power[0].readings, host.fallback[0].readings) == (
        [{"instance": "pdu-1", "outlet": "4"}],
        [{"instance": "bmc-1"}],
    )
    assert "pdu-1-outlet-4" not in topology.hosts
    assert topology.components["bmc-1"].role == "gnb"


def test_questions_without_an_answer_have_their_defaults(tmp_path: Path, devices: Devices) -> None:
    class Ended(Answers):
        def __call__(self, question: str) -> str:
            super().__call__(question)
            raise EOFError

    answers = Ended()
    assert init(tmp_path / "out", *devices.flags, answers=answers) == 0
    assert len(answers.asked) == 1


def test_files_that_are_there_stay_unless_they_are_to_be_replaced(tmp_path: Path, devices: Devices) -> None:
    mine = tmp_path / "bmc.yaml"
    mine.write_text("mine")
    with pytest.raises(UsageError) as refused:
        init(tmp_path, *devices.flags)
    assert refused.value.messages == (f"{mine}: is there already: name another folder, or replace it by --force",)
    assert mine.read_text() == "mine"
    assert not (tmp_path / "topology.yaml").exists()
    assert init(tmp_path, *devices.flags, "--force") == 0
    assert "bmc-1" in mine.read_text()
    # A path inside the folder is written from there: the folder can be moved as a whole.
    assert yaml.safe_load((tmp_path / "pdu.yaml").read_text())["targets"]["pdu-1"]["community_file"] == "community"


def test_a_device_that_does_not_answer_is_reported_and_written(tmp_path: Path, devices: Devices) -> None:
    with pytest.raises(JoulepathError) as failed:
        init(tmp_path / "out", *devices.flags, "--bmc", "redfish+http://127.0.0.1:9")
    assert failed.value.exit_code == 1
    assert [message.partition(":")[0] for message in failed.value.messages] == ["bmc bmc-2"]
    written = (tmp_path / "out" / "bmc.yaml").read_text()
    assert [target.name for target in read_bmcs(tmp_path / "out" / "bmc.yaml")] == ["bmc-1", "bmc-2"]
    assert "# did not answer: " in written
    assert "bmc-2" not in (tmp_path / "out" / "topology.yaml").read_text()


def test_nothing_is_written_where_nothing_measures(tmp_path: Path) -> None:
    with pytest.raises(JoulepathError) as failed:
        init(tmp_path / "out", "--bmc", "redfish+http://127.0.0.1:9")
    assert failed.value.exit_code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pdu", "http://pdu-1"], "--pdu: 'http://pdu-1' is not udp://HOST"),
        (["--pdu", "pdu-1.example"], "--pdu pdu-1.example: state --community-file FILE with its SNMP community"),
        (["--bmc", "bmc-1.example"], "--bmc: 'bmc-1.example' is not redfish://HOST"),
        (["--bmc", "redfish://bmc-1"], "--bmc redfish://bmc-1: state --user NAME and --password-file FILE"),
        (["--bmc", "ipmi://bmc-1", "--user", "ann"], "--bmc ipmi://bmc-1: state --user NAME and --password-file FILE"),
        (["--bmc", "redfish://ann:secret@bmc-1"], "--bmc: the address holds a user or a password: "),
        ([], "nothing to look at: state --pdu, --bmc or --prometheus"),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(JoulepathError) as refused:
        init(tmp_path / "out", *words)
    assert len(refused.value.messages) == 1
    assert refused.value.messages[0].startswith(message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("grams", ["-1", "nan", "inf", "380g"])
def test_grams_that_no_grid_can_have_are_refused(grams: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        init("--grams-per-kwh", grams)
    assert refused.value.code == 2
    assert "must be grams of CO2 for each kWh" in capsys.readouterr().err


class Lines(Answers):
    """Answers one after the other to the questions with a word; to others an empty line."""

    def __init__(self, word: str, *lines: str, **answers: str) -> None:
        super().__init__(**answers)
        self._word, self._lines = word, list(lines)

    def __call__(self, question: str) -> str:
        answer = super().__call__(question)
        return self._lines.pop(0) if self._word in question and self._lines else answer


def test_an_answer_with_a_mistake_is_asked_for_again(tmp_path: Path, devices: Devices) -> None:
    community = str(devices.community_file)
    answers = Lines(
        "of BMCs", "reader", f"{devices.bmc} y", devices.bmc, **{"of PDUs": devices.pdu, "commun": community}
    )
    assert init(tmp_path / "out", answers=answers) == 0
    asked = [question for question in answers.asked if "of BMCs" in question]
    assert len(asked) == 3
    assert asked[1].startswith("'reader' is not redfish://")
    assert asked[2].startswith("'y' is not ")


def test_the_grid_is_asked_for_unless_an_argument_states_it(tmp_path: Path, devices: Devices) -> None:
    answers = Lines("CO2", "much", "365")
    assert init(tmp_path / "asked", *devices.flags, answers=answers) == 0
    (site,) = read(tmp_path / "asked" / "topology.yaml").sites.values()
    assert site.grams_per_kwh == 365
    written = (tmp_path / "asked" / "topology.yaml").read_text()
    assert "decide: the price, as price: {currency: EUR, per_kwh: 0.21}; without it cost is left out" in written
    assert "grams of CO2 for each kWh" not in written
    assert [question.startswith("must be grams") for question in answers.asked if "CO2" in question] == [False, True]
    stated = Answers()
    assert init(tmp_path / "stated", *devices.flags, "--grams-per-kwh", "380", answers=stated) == 0
    assert not [question for question in stated.asked if "CO2" in question]


@pytest.mark.parametrize(
    ("folder", "answers", "name"),
    [
        ("hall-7", [], "hall-7"),
        ("2026", [], "2026"),
        ("My hall", [], "My-hall"),
        ("My hall", ["hall/7", "hall-7"], "hall-7"),
        ("unattributed", [], "unattributed-1"),
        ("\N{SNOWMAN}", [], "joulepath"),
    ],
)
def test_a_topology_is_called_as_its_folder_where_it_can_be(
    tmp_path: Path, devices: Devices, folder: str, answers: list[str], name: str
) -> None:
    asking = Lines("Name of the topology", *answers)
    assert init(tmp_path / folder, *devices.flags, answers=asking) == 0
    assert read(tmp_path / folder / "topology.yaml").name == name
    asked = [question for question in asking.asked if "Name of the topology" in question]
    assert len(asked) == (0 if folder == name else max(len(answers), 1))


def test_an_answer_that_is_not_an_url_is_asked_for_again(tmp_path: Path, devices: Devices) -> None:
    answers = Lines("Prometheus", "yes", "")
    assert init(tmp_path / "out", *devices.flags, answers=answers) == 0
    assert [question.startswith("yes: is not the URL") for question in answers.asked if "Prometheus" in question] == [
        False,
        True,
    ]


def test_a_login_that_no_address_takes_is_refused(tmp_path: Path, devices: Devices) -> None:
    secret = tmp_path / "password"
    secret.write_text("s")
    with pytest.raises(UsageError, match="--user: no address takes a login"):
        init(tmp_path / "out", *devices.flags, "--user", "u", "--password-file", secret)


def test_a_certificate_of_its_own_is_asked_about(tmp_path: Path) -> None:
    answers = Answers(**{"Check their certificates": "no", "User": "u"})
    with pytest.raises(JoulepathError):
        init(tmp_path / "out", "--bmc", "redfish://127.0.0.1:1", "--password-file", "/dev/null", answers=answers)
    assert [question for question in answers.asked if "certificates" in question]


def test_a_fault_names_its_device_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    community = tmp_path / "community"
    community.write_text("c")
    with pytest.raises(JoulepathError):
        init(
            tmp_path / "out",
            "--pdu",
            "udp://nowhere.invalid",
            "--community-file",
            community,
            "--bmc",
            "redfish+http://127.0.0.1:1",
        )
    for line in capsys.readouterr().out.splitlines():
        assert line.count("redfish+http://127.0.0.1:1") <= 1
