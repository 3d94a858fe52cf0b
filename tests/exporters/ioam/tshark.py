# SPDX-License-Identifier: Apache-2.0
"""Wireshark's dissector, installed or unpacked into .cache: another reader of the same packets."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import ROOT

PLACE = ROOT / ".cache" / "tshark"


class Tshark:
    """The program where it is; raises FileNotFoundError where it is not."""

    def __init__(self) -> None:
        unpacked = shutil.which("tshark", path=PLACE / "usr" / "bin")
        program = shutil.which("tshark") or unpacked
        if program is None:
            raise FileNotFoundError("tshark is neither installed nor in .cache/tshark")
        self._program = program
        libraries = ":".join(str(PLACE / folder / f"{os.uname().machine}-linux-gnu") for folder in ("usr/lib", "lib"))
        self._environment = os.environ | ({"LD_LIBRARY_PATH": libraries} if program == unpacked else {})

    def read(self, path: Path, *arguments: str) -> str:
        """The output of tshark for a capture."""
        command = [self._program, "-n", "-r", str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=self._environment).stdout
