# SPDX-License-Identifier: Apache-2.0
"""Models that draw so many joules for a token. Nothing here imports the code under test but its plain `TokenWindow`."""

import math
import random
from collections.abc import Sequence

from joulepath_calibrate.windows import TokenWindow

LENGTH = 120.0
COUNT = 360
"""Windows of half a day."""
BASE, INPUT, OUTPUT = 80.0, 0.03, 0.3
"""Watts without tokens, J for a token of a prompt, J for a generated token."""


def windows(
    seed: int,
    *,
    memory: float = 0.0,
    together: float = 0.0,
    prompt: float = INPUT,
    answer: float = OUTPUT,
    bend: float = 0.0,
) -> Sequence[TokenWindow]:
    """Half a day of up to 2,000 tokens/s of prompts and 300 generated tokens/s, with 2 % noise in power.

    A job of 10 windows has one length of prompts and of answers. `together` is the part of the answers that follows the
    prompts; `bend` is added to the power, in watts for the squared part of full use.
    """
    drawn = random.Random(seed)
    noise, made, job = drawn.gauss(0, 1), [], (0.0, 0.0)
    for number in range(COUNT):
        if number % 10 == 0:
            first, second = drawn.random(), drawn.random()
            job = first, together * first + (1 - together) * second
        asked, told = (limit * part * drawn.uniform(0.9, 1.1) for limit, part in zip((2000, 300), job, strict=True))
        noise = memory * noise + math.sqrt(1 - memory**2) * drawn.gauss(0, 1)
        used = (prompt * asked + answer * told) / 150
        watts = (BASE + prompt * asked + answer * told + bend * used**2) * (1 + 0.02 * noise)
        made.append(TokenWindow((number + 1) * LENGTH, watts, asked, told))
    return made
