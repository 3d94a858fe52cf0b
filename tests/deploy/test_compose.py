# SPDX-License-Identifier: Apache-2.0
"""The compose file: what its containers start, mount and may do. No container engine is needed for that."""

import argparse
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.image.healthy import PORTS, address

from joulepath.bmc import config as bmc
from joulepath.carbon import config as carbon
from joulepath.cli import COMMANDS
from joulepath.ioam import config as ioam
from joulepath.pdu.command import read_targets
from joulepath.pfcp import config as pfcp
from joulepath.tag import config as tag
from joulepath_lab.network.chain import two_hosts
from joulepath_lab.run import feed
from joulepath_lab.run.waiting import until
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
TEXT = FILE.read_text(encoding="utf-8")


def read_variables(name: str) -> dict[str, str]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


VARIABLES = read_variables(".env")
NEEDED = {"BPF", "NET_ADMIN", "PERFMON"}


def load(text: str, variables: Mapping[str, str] = VARIABLES) -> dict[str, Any]:
    """The file as compose reads it: merge keys are YAML's own, variables have their defaults."""
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: variables.get(match[1], match[2]), text)
    loaded: dict[str, Any] = yaml.safe_load(filled)
    return loaded


COMPOSE = load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "joulepath"}
LAB = OURS.pop("lab")
EXPORTERS = set(PORTS) - {"rules"}


def mounts(service: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Source, target and whether it is read-only."""
    parts = [volume.split(":") for volume in service.get("volumes", ())]
    return [(part[0], part[1], part[2:] == ["ro"]) for part in parts]


@pytest.mark.unit
def test_the_file_is_one_of_the_compose_specification(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*command, FILE], check=True, capture_output=True)
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(TEXT.replace("cap_drop: [ALL]", "cap_drop: ALL"))
    assert subprocess.run([*command, wrong], capture_output=True, check=False).returncode == 1


@pytest.mark.unit
def test_every_variable_has_its_value_as_default() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert defaults == {name: value for name, value in VARIABLES.items() if name != "COMPOSE_PROFILES"}
    assert len(re.findall(r"\$\{", TEXT)) == len(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))


@pytest.mark.unit
def test_every_mounted_file_exists_and_is_read_only() -> None:
    for name, service in SERVICES.items():
        for source, target, read_only in mounts(service):
            assert target.startswith("/"), name
            if re.match(r"\.|/", source):
                assert read_only, f"{name}: {source}"
                assert (FOLDER / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
                assert read_only == (name == "prometheus" and source == "rules")
        build = service.get("build")
        assert build is None or (FOLDER / build / "Dockerfile").exists()


@pytest.mark.unit
@pytest.mark.parametrize("name", OURS)
def test_the_parser_takes_every_command_line(name: str) -> None:
    """Each names files that the container has, and serves where the health check asks."""
    words = OURS[name]["command"]
    parse(words)
    targets = [target for _, target, _ in mounts(OURS[name])]
    for word in words:
        if word.startswith("/"):
            assert any(Path(word).is_relative_to(target) for target in targets), word
        if word.startswith("/etc/joulepath/"):
            assert (FOLDER / "joulepath" / Path(word).name).exists(), word
    place = address(words)
    assert (place is None) == (name == "rules")
    assert place is None or place[1] == PORTS[name]


def parse(words: list[str]) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    module = importlib.import_module(COMMANDS[words[0]][0])
    module.configure(parser)
    parser.parse_args(words[1:])


@pytest.mark.unit
def test_every_exporter_is_a_profile_of_its_name() -> None:
    assert set(OURS) == EXPORTERS | {"rules"}
    units = {path.stem.removeprefix("joulepath-") for path in (ROOT / "deploy" / "systemd").glob("*.service")}
    assert units == set(OURS)
    for name in EXPORTERS:
        assert OURS[name]["profiles"] == [name]
        assert OURS[name]["command"][0] == name
    assert {name for name, service in SERVICES.items() if "profiles" in service} == EXPORTERS | {"lab"}
    assert set(VARIABLES["COMPOSE_PROFILES"].split(",")) <= EXPORTERS


@pytest.mark.unit
def test_no_container_has_a_right_that_it_does_not_need() -> None:
    for name, service in SERVICES.items():
        assert "privileged" not in service
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert len(service["security_opt"]) == (2 if name == "lab" else 1), name
        rights = {"ioam": NEEDED, "tag": NEEDED, "pfcp": {"NET_RAW"}, "lab": {"NET_ADMIN", "NET_RAW", "SYS_ADMIN"}}
        assert set(service.get("cap_add", ())) == rights.get(name, set()), name
        assert service.get("network_mode", "") == ("host" if name in {"ioam", "tag", "pfcp"} else ""), name
        assert service.get("pid", "") == ("host" if name in {"workload", "gpu"} else ""), name
        assert ("user" in service) == (name in {"rapl", "ioam", "tag", "pfcp", "lab"}), name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"
        if service["image"] == "joulepath":
            assert service["read_only"], name
            assert "ports" not in service, name
    for name in ("ioam", "tag", "pfcp"):
        place = address(OURS[name]["command"])
        assert place is not None
        assert place[0] == VARIABLES["JOULEPATH_HOST_ADDRESS"], "no other host can ask it"


@pytest.mark.unit
def test_names_of_containers_come_with_the_lines_in_comments() -> None:
    lines = TEXT.splitlines()
    start = lines.index("    command: [workload]")
    changed = [
        *lines[:start],
        *(line.replace("# ", "", 1) for line in lines[start + 1 : start + 4]),
        *lines[start + 4 :],
    ]
    workload = load("\n".join(changed))["services"]["workload"]
    parse(workload["command"])
    assert workload["user"] == "0:0"
    ((source, target, read_only),) = mounts(workload)
    assert (target, read_only) == (f"{workload['command'][-1]}{source}", True)


@pytest.mark.unit
def test_the_configuration_beside_it_is_what_programs_read(tmp_path: Path) -> None:
    folder = tmp_path / "joulepath"
    shutil.copytree(FOLDER / "joulepath", folder)
    for secret in ("community", "bmc-password"):
        (folder / secret).write_text("secret\n")
    assert ioam.read(folder / "ioam.yaml")
    assert pfcp.read(folder / "pfcp.yaml")
    assert tag.read(folder / "tag.yaml")
    assert [target.name for target in read_targets(folder / "pdu.yaml")] == ["pdu-1"]
    assert list(bmc.read(folder / "bmc.yaml")) == ["edge-1"]
    assert [question.name for question in carbon.read(folder / "carbon.yaml")] == ["ember/DE"]
    check = ["rules", "check", "topology.yaml", "--ioam", "ioam.yaml", "--tag", "tag.yaml", "--retention", retention()]
    done = subprocess.run(
        [sys.executable, "-m", "joulepath", *check], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "warning" not in done.stdout


def retention() -> str:
    (word,) = (word for word in SERVICES["prometheus"]["command"] if "retention" in word)
    return str(word.partition("=")[2])


@pytest.mark.unit
def test_promtool_accepts_what_prometheus_finds_in_its_container(promtool: Path, tmp_path: Path) -> None:
    """Its files where they are mounted, with the rules that the service `rules` writes."""
    etc = tmp_path / "prometheus"
    for source, target, _ in mounts(SERVICES["prometheus"]):
        place = etc / Path(target).relative_to("/etc/prometheus") if target.startswith("/etc/prometheus") else None
        if place and (FOLDER / source).is_dir():
            shutil.copytree(FOLDER / source, place)
        elif place and source.startswith("."):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FOLDER / source, place)
    for file in (etc / "targets" / "more").glob("*.json"):
        shutil.copy(file, etc / "targets")
    generate = [word.replace("/etc/joulepath", str(FOLDER / "joulepath")) for word in SERVICES["rules"]["command"]]
    (etc / "rules").mkdir()
    subprocess.run([sys.executable, "-m", "joulepath", *generate[:-1], etc / "rules"], check=True, capture_output=True)
    done = subprocess.run(
        [promtool, "check", "config", etc / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 rule files found" in done.stdout
    absent = set(re.findall(r'WARNING: .* scrape job "(\w+)" does not exist', done.stdout))
    assert absent == {"kepler", "model", "topology"}, "what is not of this file"


@pytest.mark.unit
def test_every_target_is_a_service_at_its_port() -> None:
    """Names that Docker resolves: services, their aliases, and the host itself."""
    names = {name: name for name in SERVICES}
    for name, service in SERVICES.items():
        for alias in service.get("networks", {}).get("default", {}).get("aliases", ()):
            names.setdefault(alias, name)
    assert LAB["networks"] == SERVICES["pdu"]["networks"], "it stands in for that service"
    ports = {**PORTS, "alertmanager": 9093, "prometheus": 9090}
    hosts = {entry.partition(":")[0] for entry in SERVICES["prometheus"]["extra_hosts"]}
    found = set()
    for file in FOLDER.rglob("targets/**/*.json"):
        for entry in json.loads(file.read_text(encoding="utf-8")):
            for target in entry["targets"]:
                host, _, port = target.partition(":")
                name = file.stem if host in hosts else names[host]
                assert (SERVICES[name].get("network_mode") == "host") == (host == "joulepath-host")
                assert ports[name] == int(port), target
                found.add(name)
    assert found == EXPORTERS | {"alertmanager", "prometheus"}
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    for job in config["scrape_configs"]:
        for discovery in job.get("http_sd_configs", ()):
            host, port = re.fullmatch(r"http://([\w-]+):(\d+)/targets", discovery["url"]).groups()  # type: ignore[union-attr]
            assert names[host] == job["job_name"]
            assert ports[names[host]] == int(port)


@pytest.mark.unit
def test_the_lab_s_variables_put_its_files_in_place_of_ours() -> None:
    """Its topology goes to the rules and its targets to Prometheus, apart from the data of real devices."""
    variables = read_variables("lab.env")
    services = load(TEXT, variables)["services"]
    (volume,) = (source for source, target, _ in mounts(LAB) if target == LAB["command"][0])
    assert (volume, "/etc/joulepath", True) in mounts(services["rules"])
    assert (volume, "/etc/prometheus/targets", True) in mounts(services["prometheus"])
    assert variables["COMPOSE_PROFILES"].split(",") == LAB["profiles"] == ["lab"]
    assert variables["COMPOSE_PROJECT_NAME"] != COMPOSE["name"]
    assert services["rules"]["depends_on"] == {"lab": {"condition": "service_healthy", "required": False}}
    assert LAB["healthcheck"]["test"][-1] == f"{LAB['command'][0]}/{feed.TOPOLOGY}"
    assert LAB["init"], "an engine enters the namespaces of a container's first process"


@pytest.mark.long
@pytest.mark.usefixtures("as_root", "bpf")
def test_the_lab_feeds_prometheus_with_the_rights_of_its_container(open_folder: Path) -> None:
    """Its command, at loopback: each target that it writes answers, and `rules` takes its topology."""
    places = {target: str(FOLDER / source) for source, target, _ in mounts(LAB)}
    rights = "".join(f",+{right.lower()}" for right in LAB["cap_add"])
    sets = [f"--{each}=-all{rights}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    words = ["setpriv", *sets, "--no-new-privs", sys.executable, *LAB["entrypoint"][1:], str(open_folder)]
    words += ["--listen", "127.0.0.1", "--name", "127.0.0.1"]
    environment = {
        **os.environ,
        "PYTHONPATH": places[LAB["environment"]["PYTHONPATH"]],
        "JOULEPATH_CACHE": str(open_folder / "cache"),
    }
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            until((open_folder / feed.TOPOLOGY).exists)
            written = {path.stem: json.loads(path.read_text("utf-8")) for path in open_folder.glob("*.json")}
            assert written.keys() - feed.SERVERS == {"exporters", "ioam", "kepler", "model", "rapl"}
            ours = (entries for job, entries in written.items() if job not in feed.SERVERS)
            addresses = [entry["targets"][0] for entries in ours for entry in entries]
            assert len(set(addresses)) == len(addresses) == 7
            for address in addresses:
                until(partial(answers, f"http://{address}/metrics"))
        finally:
            process.kill()
    command = ["rules", "check", str(open_folder / feed.TOPOLOGY), "--retention", retention()]
    done = subprocess.run([sys.executable, "-m", "joulepath", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert load((open_folder / feed.TOPOLOGY).read_text("utf-8")).keys().isdisjoint({"interval", "window"})


def answers(url: str) -> bool:
    """Whether a server has metrics there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return b"# TYPE " in response.read()
    except OSError:
        return False


@pytest.mark.unit
def test_grafana_finds_its_server_and_dashboards() -> None:
    grafana = {target: FOLDER / source for source, target, _ in mounts(SERVICES["grafana"])}
    provisioning = grafana["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "127.0.0.1:9090:9090" in SERVICES["prometheus"]["ports"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "joulepath.yml").read_text())["providers"]
    assert list(grafana[provider["options"]["path"]].glob("*.json"))


@pytest.mark.kernel
@pytest.mark.usefixtures("as_root", "bpf")
@pytest.mark.parametrize("name", ["ioam", "tag", "rapl"])
def test_the_rights_of_a_container_are_enough(name: str, open_folder: Path) -> None:
    """`--once` with root's uid and the capabilities that compose adds, as a container engine gives them."""
    words = list(OURS[name]["command"])
    shutil.copytree(FOLDER / "joulepath", open_folder / "joulepath")
    for file in ("ioam.yaml", "tag.yaml"):
        path = open_folder / "joulepath" / file
        path.write_text(path.read_text().replace("eth0", "va"))
    zone = open_folder / "sys" / "class" / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for file, text in {"name": "package-0", "energy_uj": "1000000", "max_energy_range_uj": "2000000000"}.items():
        (zone / file).write_text(f"{text}\n")
    (zone / "energy_uj").chmod(0o400)
    replaced = {"/etc/joulepath": str(open_folder / "joulepath"), "/host/sys": str(open_folder / "sys")}
    for place, here in replaced.items():
        words = [word.replace(place, here) for word in words]
    if "--web.listen-address" in words:
        words[words.index("--web.listen-address") + 1] = "127.0.0.1:0"
    if name == "tag":
        words += ["--path.runtime", str(open_folder / "run")]
        (open_folder / "run").mkdir(mode=0o755)
    rights = "".join(f",+{right.lower()}" for right in OURS[name].get("cap_add", ()))
    sets = [f"--{each}=-all{rights}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    with two_hosts() as (namespace, _):
        started = ["setpriv", *sets, "--no-new-privs", sys.executable, "-m", "joulepath", *words, "--once"]
        done = subprocess.run(
            namespace.command(*started), capture_output=True, text=True, check=False, cwd="/", timeout=60
        )
    assert done.returncode == 0, done.stderr
    shown = {"ioam": 'ioam_capture_info{backend="ebpf"', "tag": "ioam_tag_", "rapl": "rapl_host_energy_joules_total"}
    assert f"\n{shown[name]}" in done.stdout
