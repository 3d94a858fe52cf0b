# SPDX-License-Identifier: Apache-2.0
"""Exporters do their work with what the chart's pods give them: user, capabilities, namespaces, mounts and files.

The container is made by hand: a root file system that cannot be written to, the mounts of the rendered pod, a cgroup
namespace of its own, and the configuration as the kubelet projects it. Not made are the seccomp profile, limits of
memory, and the network policy.
"""

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from joulepath_lab.network.chain import two_hosts
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.conftest import ROOT
from tests.deploy.chart import TRACE, Release
from tests.deploy.test_confined import CONFIGS, DATAGRAM, ENERGY, SHOWN, device, write_gpu
from tests.exporters.gpu.stub import build

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root", "bpf")]

COMPONENTS = ("pdu", "bmc", "carbon", "rapl", "workload", "gpu", "ioam", "tag", "pfcp", "rules")
POD = "3f1b0a52-6c1d-4c57-9d0e-0a1b2c3d4e5f"


@pytest.fixture
def folder() -> Iterator[Path]:
    """`node` stands for the node's folders that this machine may lack, `pod` for the pod's own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        zone = path / "node" / ENERGY
        zone.mkdir(parents=True)
        for file, text in (("name", "package-0"), ("max_energy_range_uj", "262143328850"), ("energy_uj", "1000000")):
            (zone / file).write_text(text + "\n")
        (zone / "energy_uj").chmod(0o400)
        pods = path / "node" / "var/log/pods"
        (pods / f"core_upf-1_{POD}").mkdir(parents=True)
        (path / "node" / "var/log/containers").mkdir()
        pods.chmod(0o750)  # as the kubelet makes it: root's alone
        yield path


def project(files: Mapping[str, str], folder: Path, group: int) -> None:
    """Files of a ConfigMap and a Secret as the kubelet lays them out: links to links, of root and the pod's group."""
    data = folder / "..2026_11_28"
    data.mkdir(parents=True)
    (folder / "..data").symlink_to(data.name)
    for name, text in files.items():
        (data / name).write_text(text)
        (data / name).chmod(0o440)
        os.chown(data / name, 0, group)
        (folder / name).symlink_to(f"..data/{name}")


def container(spec: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Starts a program as the pod's container: mounts first, then user and capabilities, as a runtime does."""
    (one,) = spec["containers"]
    user, rights = spec["securityContext"], one["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    lines = ["mount --make-rprivate /"]
    for mount in one["volumeMounts"]:
        target = shlex.quote(f"{folder}/pod{mount['mountPath']}")
        if mount["name"] in paths:
            stand_in = folder / "node" / paths[mount["name"]].lstrip("/")
            source = stand_in if stand_in.exists() else Path(paths[mount["name"]])
            lines += [f"mkdir -p {target}", f"mount --rbind {source} {target}"]
            lines += [f"mount -o remount,bind,ro {target}"]
        elif mount["name"] == "runtime":
            lines += [f"mkdir -p {target}", f"mount -t tmpfs -o mode=2777,gid={user['fsGroup']} none {target}"]
    lines += ["mount -o remount,bind,ro /", 'exec "$@"']
    added = "".join(f",+{right.lower()}" for right in rights["capabilities"].get("add", ()))
    words = ["--reuid", str(user["runAsUser"]), "--regid", str(user["runAsGroup"]), "--groups", str(user["fsGroup"])]
    words += ["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", f"--bounding-set=-all{added}"]
    reach = [sys.executable, str(Path(__file__).parent / "reach.py"), str(ROOT), sys.prefix, sys.base_prefix, "--"]
    return "unshare", "--mount", "--cgroup", *reach, "sh", "-ec", " && ".join(lines), "sh", "setpriv", *words


@pytest.mark.parametrize("name", COMPONENTS)
def test_an_exporter_works_with_what_its_pod_gives_it(
    name: str, folder: Path, release: Callable[[str], Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = release("everything").pods[name]["spec"]
    (one,) = spec["containers"]
    args = [str(word).replace("$(NODE_NAME)", "edge-1") for word in one["args"]]
    args = [re.sub(r"(?<=[=])(?=/(node|etc|run)/)|^(?=/etc/)", f"{folder}/pod", word) for word in args]
    config = CONFIGS[name].replace("id_file: id", f"id: {TRACE}") if name in CONFIGS else None
    names = [Path(word.partition("=")[2] or word).name for word in args if word.endswith(".yaml")]
    files = release("everything").files(name) if config is None else dict.fromkeys(names, config)
    project({**files, "secret": "lab"}, folder / "pod/etc/joulepath", 10471)
    if name == "gpu":
        args += ["--path.nvml", str(build("nvml.c", "libnvidia-ml.so.1", folder))]
        monkeypatch.setenv("STUB_STATE", str(folder / "gpu.state"))
        write_gpu(folder)
    command = " ".join(args[:2] if name == "rules" else args[:1])
    energy = folder / "node" / ENERGY / "energy_uj"
    with two_hosts() as (namespace, _), ExitStack() as stack:
        device(stack, namespace, folder, name)
        wrapper = container(spec, folder)
        running = stack.enter_context(Exporter(namespace, *args[len(command.split()) :], name=command, wrapper=wrapper))
        status = Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
        assert re.search(rf"^Uid:\t{spec['securityContext']['runAsUser']}\t", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)

        def works() -> bool:
            namespace.reach("fd01::2")
            namespace.python(DATAGRAM)
            energy.write_text(f"{int(energy.read_text()) + 1000000}\n")
            write_gpu(folder)
            samples = {".".join(key): value for key, value in running.scrape().items()}
            return any(key.startswith(SHOWN[name]) and value > 0 for key, value in samples.items())

        until(works)
        running.hang_up()
        until(works)
        lines = running.stop()
    assert not [line for line in lines if "level=ERROR" in line or "level=WARN" in line or "Traceback" in line]
