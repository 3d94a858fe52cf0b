# SPDX-License-Identifier: Apache-2.0
"""Reads a configuration file in a process of its own: pydantic and YAML, once imported, would stay in memory.

They need 10 MiB, for a file that is read once and then at changes. The process ends with the reading.
"""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joulepath.errors import JoulepathError, UsageError
from joulepath.files import text_of


def read(module: str, path: Path, text: str | None = None) -> Any:
    """Returns `MODULE.read(path, text)`, which can be pickled. Raises UsageError as that does.

    Without the text the file is opened here: this process may have a right that it does not pass on.
    """
    question = pickle.dumps((path, text_of(path) if text is None else text))
    command = [sys.executable, "-P", "-m", "joulepath.apart", module]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        # In a group of its own, so that a terminal's Ctrl-C ends this process alone, which then ends that one.
        reader = subprocess.run(  # noqa: S603  # this program
            command, input=question, stdout=subprocess.PIPE, env=environment, process_group=0, check=False
        )
    except OSError as error:
        raise JoulepathError(f"{path}: cannot be read: {sys.executable} does not start: {error.strerror}") from None
    if reader.returncode:
        raise JoulepathError(f"{path}: cannot be read: the process that reads it ended with {reader.returncode}")
    mistakes, settings = pickle.loads(reader.stdout)  # noqa: S301  # this program's own words
    if mistakes:
        raise UsageError(mistakes)
    return settings


def _answer(module: str) -> None:
    """In the other process."""
    path, text = pickle.load(sys.stdin.buffer)  # noqa: S301  # this program's own words
    answer: tuple[Sequence[str], Any]
    try:
        answer = (), importlib.import_module(module).read(path, text)
    except UsageError as error:
        answer = error.messages, None
    sys.stdout.buffer.write(pickle.dumps(answer))


if __name__ == "__main__":
    _answer(sys.argv[1])
