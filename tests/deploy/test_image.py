# SPDX-License-Identifier: Apache-2.0
"""The Dockerfile, as far as that goes without building it, and the health check of its image."""

import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest
from deploy.image.healthy import PORTS, address, command_line, healthy
from dockerfile_parse import DockerfileParser

from joulepath.cli import COMMANDS
from tests.conftest import ROOT
from tests.exporters.process import Exporter

DOCKERFILE = ROOT / "Dockerfile"
STEPS = [
    (step["instruction"], step["value"])
    for step in DockerfileParser(path=str(DOCKERFILE)).structure
    if step["instruction"] != "COMMENT"
]
LAST_STAGE = STEPS[max(index for index, (name, _) in enumerate(STEPS) if name == "FROM") :]
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def values(name: str, steps: Sequence[tuple[str, str]] = STEPS) -> list[str]:
    return [value for instruction, value in steps if instruction == name]


@pytest.mark.unit
def test_steps_keep_the_habits_of_the_public_linter() -> None:
    """Those of hadolint that concern it: DL3006, 3007, 3008, 3009, 3015, 3002, 3020, 3025, 4000, 4006."""
    assert {name for name, _ in STEPS} <= {
        "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR",
    }  # fmt: skip
    for image in values("FROM"):
        assert re.fullmatch(r"debian:\d+-slim(?: AS \w+)?", image)
    for command in values("RUN"):
        assert not re.search(r"\b(?:sudo|curl|wget|ssh|dist-upgrade)\b|(?<!\|) \| ", command)
        if "apt-get" in command:
            update, install, clean = re.split(r"\s+&& ", command)[:3]
            assert update == "apt-get update"
            assert install.startswith("apt-get install -y --no-install-recommends ")
            assert clean == "rm -rf /var/lib/apt/lists/*"
        if "pip install" in command:
            assert command.count("--no-cache-dir") == command.count("pip install")
    for name in ("ENTRYPOINT", "CMD"):
        (line,) = values(name)
        assert isinstance(json.loads(line), list)
    assert "--require-hashes" in "".join(values("RUN"))


@pytest.mark.unit
def test_an_image_runs_without_rights_and_on_each_processor() -> None:
    (user,) = values("USER", LAST_STAGE)
    assert re.fullmatch(r"([1-9]\d+):\1", user), "Kubernetes compares the number"
    assert f"--uid {user.partition(':')[0]} " in "".join(values("RUN", LAST_STAGE))
    assert not re.search(r"x86|amd64|arm64|aarch64", "\n".join(f"{name} {value}" for name, value in STEPS))
    assert "setcap" not in DOCKERFILE.read_text(encoding="utf-8")


@pytest.mark.unit
def test_labels_say_what_an_image_is() -> None:
    (line,) = values("LABEL", LAST_STAGE)
    labels = dict(word.split("=", 1) for word in shlex.split(line))
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix) for name in labels} >= {"title", "description", "licenses", "version"}
    assert f'license = "{labels[f"{prefix}licenses"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert labels[f"{prefix}base.name"].endswith(values("FROM")[-1])


@pytest.mark.unit
def test_ports_are_those_of_the_commands() -> None:
    ports = {}
    for name, (path, _) in COMMANDS.items():
        module = importlib.import_module("joulepath_rules.serving.command" if name == "rules" else path)
        if hasattr(module, "PORT"):
            ports[name] = module.PORT
    assert ports == PORTS
    (exposed,) = values("EXPOSE", LAST_STAGE)
    assert exposed.split() == [str(port) for port in sorted(ports.values())]


def context(folder: Path) -> None:
    """Copies what a builder sees of a checkout: a pattern after `!` takes a path back from those before it."""
    assert IGNORED[1:3] == ["*", "!LICENSE"]
    tops = [line[1:] for line in IGNORED if line.startswith("!")]
    patterns = [line.removeprefix("**/") for line in IGNORED[2:] if not line.startswith("!")]

    def ignored(_: str, names: list[str]) -> set[str]:
        return {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}

    for top in tops:
        source, target = ROOT / top, folder / top
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


@pytest.mark.unit
def test_a_builder_sees_all_files_of_the_wheel(tmp_path: Path) -> None:
    """The wheel of the builder's folder has the files of the checkout's."""
    context(tmp_path / "context")
    files = []
    for name, folder in (("ours", ROOT), ("theirs", tmp_path / "context")):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / name)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        (wheel,) = (tmp_path / name).glob("*.whl")
        files.append(sorted(zipfile.ZipFile(wheel).namelist()))
    assert files[0] == files[1]
    for source in (value.split()[0] for value in values("COPY") if not value.startswith("--from")):
        assert (tmp_path / "context" / source).exists()


@pytest.mark.unit
def test_packages_are_left_out_with_their_hashes(tmp_path: Path) -> None:
    """The command of the Dockerfile: pins that stay are whole, and an exporter needs none of those left out."""
    (without,) = (value.partition("=")[2].strip('"') for value in values("ARG") if value.startswith("WITHOUT="))
    (command,) = (value.split(" && ")[0].strip() for value in values("RUN") if value.startswith("awk"))
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    command = command.split("    &&")[0]
    subprocess.run(["sh", "-c", command], cwd=tmp_path, env={"WITHOUT": without, "PATH": "/usr/bin:/bin"}, check=True)
    whole, pins = ((tmp_path / name).read_text(encoding="utf-8") for name in ("constraints.txt", "pins.txt"))
    names = {text: re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE) for text in (whole, pins)}
    assert set(names[whole]) - set(names[pins]) == set(without.split("|"))
    assert whole.startswith(pins[: pins.index("\n", 200)])
    assert not re.search(r"==[^\\\n]+\\\n(?!    --hash)", pins)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("dependencies = [")[2].partition("\n]")[0]
    assert not any(f'"{name}>' in project for name in without.split("|"))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("pdu --config /etc/joulepath/pdu.yaml", ("127.0.0.1", 10471)),
        ("rules serve topology.yaml", ("127.0.0.1", 10478)),
        ("rules generate topology.yaml -o rules", None),
        ("report topology.yaml", None),
        ("ioam --web.listen-address 172.17.0.1:9", ("172.17.0.1", 9)),
        ("bmc --web.listen-address=[::1]:9 --web.listen-address :8", ("::1", 9)),
        ("rapl --web.listen-address :9", ("127.0.0.1", 9)),
    ],
)
def test_the_health_check_knows_where_a_command_serves(line: str, place: tuple[str, int] | None) -> None:
    assert address(line.split()) == place


@pytest.mark.unit
def test_the_health_check_tells_an_exporter_from_its_absence(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    with Exporter("workload") as exporter:
        listen = ["workload", "--web.listen-address", exporter.url.removeprefix("http://")]
        assert healthy(listen)
        assert healthy([*listen, "--web.config.file", "web.yaml"])
        exporter.process.kill()
        exporter.process.wait()
        assert not healthy(listen)
        assert not healthy([*listen, "--web.config.file", "web.yaml"])
    assert healthy(["rules", "generate"])
    assert not healthy([])


@pytest.mark.unit
@pytest.mark.parametrize("before", ["/opt/joulepath/bin/python3", "/sbin/docker-init\0--", "/init\0/bin/python3"])
def test_the_health_check_finds_the_program_of_its_container(before: str, tmp_path: Path) -> None:
    """The host's process ids show others' exporters, too: those are in another cgroup."""
    processes = {
        "self": ("0::/\n", "python3\0/usr/local/lib/joulepath/healthy.py\0"),
        "1": ("0::/../../init.scope\n", "/sbin/init\0"),
        "70": ("0::/../another\n", "/opt/joulepath/bin/python3\0/opt/joulepath/bin/joulepath\0pdu\0"),
        "80": ("0::/\n", f"{before}\0/opt/joulepath/bin/joulepath\0gpu\0--once\0"),
        "81": ("0::/\n", "python3\0/usr/local/lib/joulepath/healthy.py\0"),
    }
    for number, (cgroup, line) in processes.items():
        (tmp_path / number).mkdir()
        (tmp_path / number / "cgroup").write_text(cgroup)
        (tmp_path / number / "cmdline").write_text(line)
    assert command_line(tmp_path) == ["gpu", "--once"]
    (tmp_path / "80" / "cgroup").write_text("0::/../third\n")
    assert list(command_line(tmp_path)) == []
