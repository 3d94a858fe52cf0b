# SPDX-License-Identifier: Apache-2.0
"""Health check of the image: asks the exporter of this container. The exit code is 1 if it does not answer."""

import http.client
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

PORTS = {
    "pdu": 10471, "bmc": 10472, "rapl": 10473, "ioam": 10474, "workload": 10475, "carbon": 10476, "tag": 10477,
    "rules": 10478, "gpu": 10479, "pfcp": 10480,
}  # fmt: skip
LISTEN, WEB_CONFIG = "--web.listen-address", "--web.config.file"
SECONDS = 4.0


def command_line(proc: Path = Path("/proc")) -> Sequence[str]:
    """Words after `joulepath` of the program in this container; none where it does not run.

    With the host's process ids, those of this container are the ones in the same cgroup.
    """
    here = (proc / "self" / "cgroup").read_bytes()
    for process in proc.glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (process / "cgroup").read_bytes() == here:
                words = (process / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
                for index, word in enumerate(words[:3]):  # after the interpreter, and after an init
                    if Path(word).name == "joulepath":
                        return words[index + 1 :]
    return ()


def address(words: Sequence[str]) -> tuple[str, int] | None:
    """Where a command serves; None for one that serves nothing."""
    if not words or words[0] not in PORTS or words[:2] == ["rules", "generate"]:
        return None
    host, _, port = (_value(words, LISTEN) or f":{PORTS[words[0]]}").rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def healthy(words: Sequence[str]) -> bool:
    """Whether a command answers. Where it may have TLS or users, a connection is enough."""
    place = address(words)
    if place is None:
        return bool(words)
    try:
        if _value(words, WEB_CONFIG):
            socket.create_connection(place, SECONDS).close()
            return True
        connection = http.client.HTTPConnection(*place, timeout=SECONDS)
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _value(words: Sequence[str], option: str) -> str:
    """The first value of an option; empty without it."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            return after
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return ""


if __name__ == "__main__":
    sys.exit(0 if healthy(command_line()) else 1)
