# SPDX-License-Identifier: Apache-2.0
"""Files of the configuration that are something else, or that others have a hand in."""

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from joulepath import files, secret
from joulepath.config import Model, load
from joulepath.errors import UsageError
from joulepath.web.tls import Pem, Tls, TlsError, context
from joulepath_lab.run.waiting import until
from tests.exporters.pki import Pki
from tests.exporters.process import Exporter


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix_socket:
        unix_socket.bind(str(path))


KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "socket": socket_at,
}


class Nothing(Model):
    """No keys."""


@pytest.mark.unit
@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    """One line, at once: a pipe without a writer would block."""
    path = tmp_path / "file"
    KINDS[kind](path)
    with pytest.raises(OSError, match=r"regular file|No such device") as caught:
        files.read(path)
    assert caught.value.strerror in ("it is not a regular file", "No such device or address")
    with pytest.raises(UsageError) as mistake:
        secret.of_file(path, "password_file")
    assert list(mistake.value.messages) == [f"password_file: {path} cannot be read: {caught.value.strerror}"]
    with pytest.raises(UsageError) as mistake:
        load(path, Nothing)
    assert list(mistake.value.messages) == [f"{path}: cannot be read: {caught.value.strerror}"]


@pytest.mark.unit
def test_certificates_and_keys_are_read_from_regular_files_only(tmp_path: Path, pki: Pki) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    wrong = {
        "cert_file": Tls(Pem(pipe), Pem(key)),
        "key_file": Tls(Pem(certificate), Pem(pipe)),
        "client_ca_file": Tls(Pem(certificate), Pem(key), client_ca=Pem(pipe)),
    }
    for name, tls in wrong.items():
        with pytest.raises(TlsError, match=f"{name}: .*pipe: cannot be read: it is not a regular file"):
            context(tls)


@pytest.mark.unit
def test_a_file_beyond_the_stated_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1 << 20))
    assert len(files.read(path, "data", 1 << 20)) == 1 << 20
    path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(OSError, match="more than 1 MiB"):
        files.read(path, "data", 1 << 20)
    with pytest.raises(UsageError, match=r"auth_file: .* cannot be read: it has more than 1 MiB"):
        secret.of_file(path, "auth_file")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("mode", "of_secret", "of_configuration"),
    [
        (0o600, [], []),
        (0o400, [], []),
        (0o640, ["read the secret in it: chmod go-r"], []),
        (0o604, ["read the secret in it: chmod go-r"], []),
        (0o644, ["read the secret in it: chmod go-r"], []),
        (0o620, ["write to it: chmod go-w"], ["write to it: chmod go-w"]),
        (0o666, ["write to it: chmod go-w", "read the secret in it: chmod go-r"], ["write to it: chmod go-w"]),
    ],
)
def test_files_that_others_can_read_or_write_get_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, of_secret: list[str], of_configuration: list[str]
) -> None:
    caplog.set_level(logging.WARNING, "joulepath")
    for name, expected in ("secret", of_secret), ("configuration", of_configuration), ("data", []):
        path = tmp_path / name
        path.write_text("x")
        path.chmod(mode)
        caplog.clear()
        for _ in range(3):  # told once, however often it is read
            assert files.read(path, name) == b"x"  # type: ignore[arg-type]
        assert caplog.messages == [f"{path}: other users can {text} {path}" for text in expected]


@pytest.mark.kernel
@pytest.mark.usefixtures("as_root")
def test_a_group_of_the_service_may_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As `-rw-r----- root joulepath`, which docs/guides/serving.md asks for: the service reads it through its group."""
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0o640)
    os.chown(path, 64001, os.getegid())
    files.read(path, "secret")
    os.chown(path, 0, 64001)  # before root becomes the service's user
    files.read(path, "secret")
    assert caplog.messages == []
    path.chmod(0o660)
    files.read(path, "secret")
    assert caplog.messages == [f"{path}: other users can write to it: chmod go-w {path}"]


@pytest.mark.unit
def test_a_pipe_in_place_of_a_secret_stops_neither_reload_nor_end(tmp_path: Path) -> None:
    community = tmp_path / "community"
    community.write_text("public")
    community.chmod(0o640)
    config = tmp_path / "pdu.yaml"
    config.write_text("targets: {a: {address: 'udp://127.0.0.1:1', community_file: community}}\n")
    with Exporter("pdu", "--config", config) as running:
        first = [line for line in running.log if "other users can read the secret in it" in line]
        assert len(first) == 1
        assert first[0].startswith("time=")
        community.unlink()
        os.mkfifo(community)
        running.process.send_signal(1)
        until(lambda: any("it is not a regular file" in line for line in running.log))
        assert running.value("joulepath_config_last_reload_successful") == 0
        config.unlink()
        os.mkfifo(config)
        running.process.send_signal(1)
        until(lambda: any(f"{config}: cannot be read: it is not a regular file" in line for line in running.log))
        assert running.end() == 0
