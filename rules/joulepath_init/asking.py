# SPDX-License-Identifier: Apache-2.0
"""Questions to a person at a terminal. Each has a default, for the case that no answer comes."""

import os
from collections.abc import Callable
from pathlib import Path

from joulepath.errors import JoulepathError

Ask = Callable[[str], str]
"""Shows a question, and returns a line. Raises EOFError where no more lines come."""

Fault = Callable[[str], str]
"""The fault of an answer, in words; empty where it has none."""


class Questions:
    """Asks by `ask`, for secrets by `ask_secret`; without them, and after their end, every answer is the default."""

    def __init__(self, ask: Ask | None, ask_secret: Ask | None = None) -> None:
        self._ask = ask
        self._ask_secret = ask_secret or ask
        self._shown: list[str] = []
        """The choices of the last question."""

    def text(self, question: str, default: str = "") -> str:
        """A line, without surrounding space."""
        shown = f" [{default}]" if default else ""
        return self._answer(self._ask, f"{question}{shown}: ") or default

    def words(self, question: str, fault: Fault | None = None) -> list[str]:
        """Words, between spaces or commas; asked again while one of them has a fault."""
        words = self.checked(
            f"{question} (empty: none)",
            lambda text: next((found for word in _split(text) if fault is not None and (found := fault(word))), ""),
        )
        return _split(words)

    def checked(self, question: str, fault: Fault, default: str = "") -> str:
        """A line; asked again while it has a fault. The default has none."""
        before = ""
        while True:
            text = self.text(f"{before}{question}", default)
            found = "" if text == default else fault(text)
            if not found:
                return text
            before = f"{found}\n"

    def agrees(self, question: str, *, default: bool) -> bool:
        """Yes or no; anything else is the default."""
        answer = self.text(f"{question} (yes, no)", "yes" if default else "no").lower()
        return {"y": True, "yes": True, "n": False, "no": False}.get(answer, default)

    def choice(self, question: str, choices: list[str]) -> str:
        """One of the choices; empty where none is named."""
        shown = "as above" if choices == self._shown else ", ".join(choices)
        self._shown = choices
        answer = self.text(f"{question} ({shown}; empty: not known)")
        return answer if answer in choices else ""

    def secret_file(self, secret: str, folder: Path, usual: str) -> Path | None:
        """A file with this secret, which is asked for and written there if the file does not exist.

        None where no question is asked. Raises JoulepathError.
        """
        if self._ask is None:
            return None
        path = folder / self.text(f"File with {secret}", usual)
        if self._ask is None or path.exists():
            return path
        value = self._answer(self._ask_secret, f"{path} does not exist. It will hold {secret}, for you alone: ")
        if value:
            _write_secret(path, value)
        return path

    def _answer(self, ask: Ask | None, question: str) -> str:
        if self._ask is None or ask is None:
            return ""
        try:
            return ask(question).strip()
        except EOFError:
            self._ask = None
            return ""


def _split(words: str) -> list[str]:
    return words.replace(",", " ").split()


def _write_secret(path: Path, value: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
    except OSError as error:
        raise JoulepathError(f"{path}: cannot be written: {error.strerror}") from None
