# SPDX-License-Identifier: Apache-2.0
"""Questions to a person at a terminal. Each has a default, for the case that no answer comes."""

from collections.abc import Callable

Ask = Callable[[str], str]
"""Shows a question, and returns a line. Raises EOFError where no more lines come."""


class Questions:
    """Asks by `ask`; without it, and after its end, every answer is the default."""

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask

    def text(self, question: str, default: str = "") -> str:
        """A line, without surrounding space."""
        if self._ask is None:
            return default
        shown = f" [{default}]" if default else ""
        try:
            return self._ask(f"{question}{shown}: ").strip() or default
        except EOFError:
            self._ask = None
            return default

    def words(self, question: str) -> list[str]:
        """Words, between spaces or commas."""
        return self.text(f"{question} (empty: none)").replace(",", " ").split()

    def agrees(self, question: str, *, default: bool) -> bool:
        """Yes or no; anything else is the default."""
        answer = self.text(f"{question} (yes, no)", "yes" if default else "no").lower()
        return {"y": True, "yes": True, "n": False, "no": False}.get(answer, default)

    def choice(self, question: str, choices: list[str]) -> str:
        """One of the choices; empty where none is named."""
        answer = self.text(f"{question} ({', '.join(choices)}; empty: not known)")
        return answer if answer in choices else ""
