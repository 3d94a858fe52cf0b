# SPDX-License-Identifier: Apache-2.0
"""Follows steps in a terminal, and prints each with its seconds."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.first_hour.pages import Step
from scripts.first_hour.terminal import Done, Terminal


class StepError(Exception):
    """A command of a page failed."""


@dataclass
class Followed:
    """The commands that were run, and their time."""

    count: int = 0
    seconds: float = 0.0
    done: list[Done] = field(default_factory=list)

    def follow(self, steps: Iterable[Step], terminal: Terminal) -> None:
        """Runs the steps. Raises StepError for the first that fails."""
        for step in steps:
            done = terminal.run(step.command)
            self.count += 1
            self.seconds += done.seconds
            self.done.append(done)
            say(f"{done.seconds:7.1f} s  {step.page}: {step.command}")
            if done.code != 0:
                raise StepError(f"{step.page}: {step.command}\n{done.output}\nended with {done.code}")


def say(text: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
