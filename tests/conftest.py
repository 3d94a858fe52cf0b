# SPDX-License-Identifier: Apache-2.0
"""The needs of tests from the machine, in one place: a test skips where one is absent, with the reason.

`JOULEPATH_REQUIRE=root,bpf,netns,prometheus,prometheus-next,chromium,helm` makes these skips failures.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from scripts import helm as helm_program

from joulepath.bpf import libbpf
from joulepath.tag.program import Program
from joulepath_lab.run import programs
from tests.balance import pytest_collection_modifyitems, pytest_xdist_make_scheduler

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]  # hooks of pytest and xdist

# A machine that has other work to do takes its time.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

ROOT = Path(__file__).resolve().parent.parent


def _absent(ability: str, reason: str) -> NoReturn:
    """Skips the test for want of `ability`, or fails it where JOULEPATH_REQUIRE names that ability."""
    if ability in os.environ.get("JOULEPATH_REQUIRE", "").split(","):
        pytest.fail(f"{ability} is required here: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def absent() -> Callable[[str, str], NoReturn]:
    """`absent(ability, reason)`: how a test says that this machine lacks what it needs."""
    return _absent


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may look into, unlike pytest's, and unlike TMPDIR, which may be root's own."""
    with tempfile.TemporaryDirectory(dir="/tmp" if os.geteuid() == 0 else None) as name:  # noqa: S108
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded walks and dumps of real devices; a user's checkout does not have it."""
    folder = Path(os.environ.get("JOULEPATH_RECORDINGS", ROOT.parent / "shared" / "recordings"))
    if not folder.is_dir():
        pytest.skip("no recordings of real devices here (JOULEPATH_RECORDINGS names their folder)")
    return folder


def _program(name: str) -> Path:
    """A program of Prometheus: from JOULEPATH_PROMETHEUS_DIR, the PATH or the checkout's cache."""
    folder = os.environ.get("JOULEPATH_PROMETHEUS_DIR")
    places = [folder] if folder else []
    places.append(str(ROOT / ".cache" / "programs" / "usr" / "bin"))
    path = shutil.which(name, path=os.pathsep.join(places)) or shutil.which(name)
    if path is None:
        _absent("prometheus", f"{name} is not installed (`make programs` unpacks it into .cache)")
    return Path(path)


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The path of promtool."""
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> Path:
    """The path of the Prometheus server."""
    return _program("prometheus")


@dataclass(frozen=True)
class Monitoring:
    """One version of Prometheus: the server, its promtool, and which version that is; `name` as below."""

    name: str
    prometheus: Path
    promtool: Path
    version: str


@pytest.fixture(scope="session")
def monitoring_programs() -> dict[str, Monitoring]:
    """The versions of Prometheus that are here: `installed`, and `next`, the one of the next major version."""
    programs_by_version = {"installed": programs.find("prometheus"), "next": programs.find_next()}
    here = {}
    for name, server in programs_by_version.items():
        promtool = programs.find("promtool") if name == "installed" else server and server.parent / "promtool"
        if server and promtool:
            here[name] = Monitoring(name, server, promtool, programs.version(server))
    return here


@pytest.fixture(scope="session", params=["installed", "next"])
def monitoring(request: pytest.FixtureRequest, monitoring_programs: dict[str, Monitoring]) -> Monitoring:
    """Each version of Prometheus in turn."""
    name: str = request.param
    if name not in monitoring_programs:
        ability = "prometheus" if name == "installed" else "prometheus-next"
        command = "`make programs`" if name == "installed" else "`python -m joulepath_lab.run.programs --next`"
        _absent(ability, f"the {name} version of Prometheus is not here ({command} unpacks it into .cache)")
    chosen = monitoring_programs[name]
    print(f"Prometheus {chosen.version}")  # noqa: T201  # shown beside a failure
    return chosen


NEXT_TAKES_LONG = pytest.mark.parametrize(
    "monitoring", ["installed", pytest.param("next", marks=pytest.mark.long)], indirect=True
)
"""For a test that takes a while: in CI the installed version alone. Others ask the next one the same questions."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    path = os.environ.get("JOULEPATH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return path or _absent("chromium", "chromium is not installed (JOULEPATH_CHROMIUM names a program)")


@pytest.fixture(scope="session")
def alertmanager() -> Path:
    """The path of the Alertmanager server (Debian calls it prometheus-alertmanager)."""
    return _program("prometheus-alertmanager")


@pytest.fixture(scope="session")
def victoria_metrics() -> Path:
    """The path of the VictoriaMetrics server."""
    return _victoria("victoria-metrics")


@pytest.fixture(scope="session")
def vmalert_program() -> Path:
    """The path of vmalert, which comes with it."""
    return _victoria("vmalert")


def _victoria(name: str) -> Path:
    return programs.find(name) or _absent("victoria-metrics", f"{name} is not installed (`make programs` unpacks it)")


@pytest.fixture(scope="session")
def helm() -> Path:
    """The path of Helm."""
    return helm_program.find() or _absent("helm", "Helm is not installed (`make helm` unpacks it into .cache)")


@pytest.fixture(scope="session")
def bpf() -> None:
    """Asks for a kernel that takes the tagger's program."""
    try:
        Program().close()
    except libbpf.UnavailableError as fault:
        _absent("bpf", str(fault))


@pytest.fixture(scope="session")
def as_root() -> None:
    """Asks for root in the initial user namespace."""
    if os.geteuid() != 0:
        _absent("root", "needs root")
