# SPDX-License-Identifier: Apache-2.0
"""The file of a power model, and the machine that it holds for."""

import subprocess
import sys
from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.workload.places import Places
from joulepath.workload.power import file
from joulepath.workload.power import machine as power_machine
from joulepath.workload.power.model import Machine, PowerModel
from tests.exporters.workload.power import machine

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("idle_watts", "idle_wats", r"idle_wats: unknown key 'idle_wats' \(did you mean idle_watts\?\)"),
        ("value: 100", "value: -100", "idle_watts.value: must be greater than or equal to 0"),
        ("value: 80", "value: -80", r"cpu\[0\].watts.value: must be greater than or equal to 0"),
        ("value: 80", "value: .nan", r"cpu\[0\].watts.value: must be a finite number"),
        ("value: 80, standard_error: 1", "value: 80", r"cpu\[0\].watts.standard_error: is missing"),
        ("busy_ratio: 0.5", "busy_ratio: 1", "cpu: busy_ratio must rise"),
        ("busy_ratio: 1,", "busy_ratio: 0.9,", "cpu: the last point must have busy_ratio 1"),
        ("busy_ratio: 0.5", "busy_ratio: 50", r"cpu\[0\].busy_ratio: must be less than or equal to 1"),
        ("cpus: 4", "cpus: 0", "machine.cpus: must be greater than or equal to 1"),
        ("cpus: 4", "cores: 4", "machine.cores: unknown key"),
        ("name: example\n", "", "name: is missing"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_key(tmp_path: Path, old: str, new: str, line: str) -> None:
    path = machine.written(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=line) as caught:
        file.read(path)
    assert all(message.startswith(f"{path}: ") for message in caught.value.messages)


HERE = Machine("A", 4, 8e9, "Box", "performance")


def model(name: str, holds_for: Machine = HERE) -> PowerModel:
    return PowerModel(name, holds_for, 100, ((1.0, 100.0),))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (HERE, []),
        (Machine("A", 4), []),
        (Machine("A", 4, 8.3e9), []),  # within 5 %
        (Machine("B", 4), ["cpu_model is 'A' and not 'B'"]),
        (Machine("A", 8, 16e9), ["cpus is 4 and not 8", "memory_bytes is 8000000000 and not 16000000000"]),
        (Machine("A", 4, None, "Tower", "powersave"), ["product_name is 'Box' and not 'Tower'", "governor is"]),
    ],
)
def test_a_model_holds_for_the_machine_that_it_names(wanted: Machine, words: list[str]) -> None:
    found = list(power_machine.differences(wanted, HERE))
    assert len(found) == len(words)
    for line, word in zip(found, words, strict=True):
        assert word in line


def test_a_property_that_is_not_known_here_differs() -> None:
    found = list(power_machine.differences(HERE, Machine("A", 4, 8e9)))
    assert found == ["product_name is unknown and not 'Box'", "governor is unknown and not 'performance'"]


def test_of_several_models_the_one_that_holds_is_taken() -> None:
    models = [(Path("a"), model("a", Machine("B", 4))), (Path("b"), model("b"))]
    assert power_machine.chosen(models, HERE, force=False) == models[1][1]


@pytest.mark.parametrize(
    ("models", "line"),
    [
        ([("a", "x", "A"), ("b", "x", "B")], "b: name: 'x' is the name of a, too: give one of them another"),
        ([("a", "x", "A"), ("b", "y", "A")], "b: holds for this machine, as a does: leave one of them out"),
    ],
)
def test_models_that_leave_no_single_choice_are_refused(models: list[tuple[str, str, str]], line: str) -> None:
    given = [(Path(path), model(name, Machine(cpu, 4))) for path, name, cpu in models]
    with pytest.raises(UsageError) as caught:
        power_machine.chosen(given, HERE, force=False)
    (message,) = caught.value.messages
    assert message.startswith(line)


def test_a_refusal_names_the_difference_of_each_model() -> None:
    given = [(Path(cpu), model(cpu, Machine(cpu, 4))) for cpu in ("B", "C")]
    refusal = power_machine.chosen(given, HERE, force=False)
    assert isinstance(refusal, power_machine.Refusal)
    assert [line.partition(": fit a model")[0] for line in refusal.lines] == [
        f"{cpu}: machine: is another one than this: cpu_model is 'A' and not '{cpu}'" for cpu in ("B", "C")
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor: 0\nmodel name\t: One CPU\nmodel name\t: Other\n", "One CPU"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "implementer 0x41 part 0xd0c"),
        ("processor\t: 0\nisa\t: rv64\n", None),
    ],
)
def test_the_machine_is_read_from_the_kernel(tmp_path: Path, text: str, name: str | None) -> None:
    host = machine.made(tmp_path)
    (host.procfs / "cpuinfo").write_text(text)
    for path, line in {
        "sys/class/dmi/id/product_name": "Box 9\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(line)
    found = power_machine.read(Places(procfs=host.procfs, sysfs=tmp_path / "sys"))
    assert found == Machine(name, 4, machine.MEMORY * 1024, "Box 9", "powersave")


def joulepath(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    host = folder / "host"
    places = [f"--path.procfs={host}/proc", f"--path.cgroup={host}/cgroup", f"--path.sysfs={host}/sys"]
    command = [sys.executable, "-m", "joulepath", "workload", *places, *map(str, words), "--once"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_publishes_the_energy_of_the_model(tmp_path: Path) -> None:
    machine.made(tmp_path / "host")
    done = joulepath(tmp_path, "--power-model", machine.written(tmp_path))
    assert done.returncode == 0, done.stderr
    values = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if not line.startswith("#"))
    seconds = float(values["modelled_host_measured_seconds_total"])
    assert seconds >= 1
    assert float(values["modelled_host_energy_joules_total"]) == pytest.approx(100 * seconds)
    assert values['modelled_host_info{power_model="example"}'] == "1.0"


def test_a_model_of_another_machine_is_refused_unless_forced(tmp_path: Path) -> None:
    machine.made(tmp_path / "host")
    path = machine.written(tmp_path, cpus=8)
    done = joulepath(tmp_path, "--power-model", path)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if path.name in line]
    assert f"{path}: machine: is another one than this: cpus is 4 and not 8: fit a model" in line
    assert "modelled_host" not in done.stdout
    assert "workload_cpu_seconds_total" in done.stdout
    forced = joulepath(tmp_path, "--power-model", path, "--power-model.force")
    assert "modelled_host_energy_joules_total" in forced.stdout
    without = joulepath(tmp_path, "--power-model.force")
    assert without.stderr.strip() == "joulepath workload: --power-model.force: needs one --power-model"
