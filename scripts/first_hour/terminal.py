# SPDX-License-Identifier: Apache-2.0
"""A reader's terminal: one bash that runs the commands of a page, one after the other."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_END = "\0end of command "
_LOOP = r"""
while IFS= read -r -d "" -u "$1" command; do
    eval "$command" </dev/null
    printf '\0end of command %d\n' $?
done
"""
"""Each command keeps the folder, the variables and the jobs of those before it."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    command: str
    code: int
    output: str
    seconds: float


class Terminal:
    """Runs commands in `folder` with `environment`, until the end of its context, which ends its jobs too."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        reading, self._commands = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", _LOOP, "terminal", str(reading)],
            cwd=folder,
            env=environment,
            pass_fds=[reading],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(60)
        os.close(self._commands)

    def run(self, command: str, patience: float = 600) -> Done:
        """Runs a command to its end. Raises TimeoutError where that takes more than `patience` seconds."""
        began = time.monotonic()
        os.write(self._commands, command.encode() + b"\0")
        output = self._read(began + patience, command)
        text, _, code = output.rpartition(_END)
        return Done(command, int(code), text, time.monotonic() - began)

    def environment(self) -> dict[str, str]:
        """Its variables as they are now."""
        lines = self.run("env -0").output.split("\0")
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def folder(self) -> Path:
        """Its folder now."""
        return Path(self.run("pwd").output.strip())

    def _read(self, deadline: float, command: str) -> str:
        output, pipe = b"", self._process.stdout
        if pipe is None:
            raise RuntimeError("the terminal has no output")
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while not (_END.encode() in output and output.endswith(b"\n")):
                left = deadline - time.monotonic()
                if left < 0 or not ready.select(left):
                    raise TimeoutError(f"{command}: did not end; it wrote: {output.decode(errors='replace')}")
                chunk = os.read(pipe.fileno(), 1 << 16)
                if not chunk:
                    raise RuntimeError(f"{command}: ended the terminal; it wrote: {output.decode(errors='replace')}")
                output += chunk
        return output.decode(errors="replace")
