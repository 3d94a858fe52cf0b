# SPDX-License-Identifier: Apache-2.0
"""An operator's work with any exporter: signals, changed files, secrets. Separate processes, real TLS."""

import base64
import re
import ssl
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

from joulepath import __version__
from joulepath_lab.run.waiting import until
from tests.exporters.pki import Pki
from tests.exporters.process import Exporter
from tests.exporters.rapl.tree import write_zone

pytestmark = pytest.mark.unit

VALUE = r"""("([^"\\]|\\.)*"|[^\s"]*)"""
LOGFMT = re.compile(rf"time=\S+ level=(DEBUG|INFO|WARNING|ERROR) logger=\S+ msg={VALUE}( \S+={VALUE})*")
SUCCESSFUL = "joulepath_config_last_reload_successful"


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    return tmp_path


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_every_exporter_publishes_its_identity_and_health(sysfs: Path) -> None:
    with Exporter("rapl", "--path.sysfs", sysfs) as exporter:
        assert exporter.value("joulepath_build_info", version=__version__, exporter="rapl") == 1
        assert exporter.value(SUCCESSFUL) == 1
        assert exporter.value("joulepath_polls_total", result="success") == 1
        assert exporter.value("joulepath_poll_duration_seconds_count") == 1
        assert (exporter.value("process_resident_memory_bytes") or 0) > 1e6
        assert exporter.get("/-/ready")[0] == 200


def test_sighup_is_survived_and_sigterm_ends_with_exit_0(sysfs: Path) -> None:
    with Exporter("rapl", "--path.sysfs", sysfs) as exporter:
        exporter.process.send_signal(1)  # there is nothing to read again
        assert exporter.get("/metrics")[0] == 200
        assert exporter.end() == 0
        assert exporter.process.stdout is not None
        assert exporter.process.stdout.read() == ""
    assert all(LOGFMT.fullmatch(line) for line in exporter.log), exporter.log
    assert "Traceback" not in "".join(exporter.log)


def test_a_signal_delivered_to_another_thread_ends_the_exporter(sysfs: Path) -> None:
    """As the kernel has it where a thread begins at that moment; nothing interrupts what the main one waits at."""
    late = """
import signal, sys, threading, time
from joulepath.cli import main

def take():
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)

threading.Thread(target=take, daemon=True).start()
sys.exit(main(["rapl", "--path.sysfs", sys.argv[1], "--web.listen-address", "127.0.0.1:0"]))
"""
    command = [sys.executable, "-c", late, str(sysfs)]
    assert subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


def test_libraries_that_only_a_file_needs_are_not_loaded_without_it(sysfs: Path) -> None:
    with Exporter("rapl", "--path.sysfs", sysfs) as exporter:
        assert exporter.get("/metrics")[0] == 200
        maps = Path(f"/proc/{exporter.process.pid}/maps").read_text()
    assert not re.findall(r"/(?:_bcrypt|_?pydantic|_yaml|_asyncio)\S*", maps)


def test_a_wrong_web_config_is_exit_2_with_one_line_for_each_mistake(tmp_path: Path) -> None:
    path = tmp_path / "web-config.yml"
    path.write_text("http_server_config: {http2: true}\nbasic_auth_users: {a: hunter2}\n")
    command = [sys.executable, "-m", "joulepath", "rapl", "--web.config.file", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 2
    assert "hunter2" not in result.stderr


def test_a_systemd_socket_and_an_address_exclude_each_other(sysfs: Path) -> None:
    command = [sys.executable, "-m", "joulepath", "rapl", "--path.sysfs", str(sysfs), "--web.systemd-socket"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    result = subprocess.run(
        [*command, "--web.listen-address", ":0"], capture_output=True, text=True, timeout=30, check=False
    )
    assert "leave out --web.listen-address" in result.stderr


def fingerprint(exporter: Exporter) -> str:
    """Of the certificate that a new connection is shown."""
    host, port = exporter.url.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


@pytest.mark.lab
def test_a_renewed_certificate_is_loaded_and_a_bad_one_is_not(pki: Pki) -> None:
    write_zone(pki.folder, "intel-rapl:0", "package-0", 1_000_000)
    config = pki.folder / "web-config.yml"
    config.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    tls = ssl.create_default_context(cafile=pki.ca)
    with Exporter("rapl", "--path.sysfs", pki.folder, "--web.config.file", config, tls=tls) as exporter:
        first = fingerprint(exporter)
        pki.issue("server", "localhost", "127.0.0.1")
        until(lambda: fingerprint(exporter) != first)
        second = fingerprint(exporter)
        until(lambda: exporter.value(SUCCESSFUL) == 1)  # between the two files the pair did not fit
        lines = len(exporter.log)
        (pki.folder / "server.key").write_text("no key")
        until(lambda: exporter.value(SUCCESSFUL) == 0)
        assert fingerprint(exporter) == second
        (line,) = exporter.log[lines:]
        assert "level=ERROR" in line
        assert "server.key" in line or "cert and key" in line
        pki.issue("server", "localhost", "127.0.0.1")
        exporter.reload()
        assert exporter.value(SUCCESSFUL) == 1
        assert fingerprint(exporter) not in (first, second)


def test_users_are_added_and_removed_with_the_file(sysfs: Path) -> None:
    config = sysfs / "web-config.yml"
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    config.write_text("")
    with Exporter("rapl", "--path.sysfs", sysfs, "--web.config.file", config) as exporter:
        assert exporter.get("/metrics")[0] == 200
        config.write_text(f"basic_auth_users: {{prometheus: '{hashed}'}}\n")
        exporter.reload()
        assert exporter.get("/metrics")[0] == 401
        exporter.authorization = basic("prometheus", "right")
        assert exporter.get("/metrics")[0] == 200
        config.write_text("basic_auth_users: {prometheus: right}\n")
        exporter.reload()
        assert exporter.value(SUCCESSFUL) == 0
        assert "right" not in "".join(exporter.log)
        exporter.authorization = ""
        assert exporter.get("/metrics")[0] == 401
