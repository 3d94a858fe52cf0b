# SPDX-License-Identifier: Apache-2.0
"""`joulepath whatif` on the running lab, as its user would call it, beside the truth of the same window."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from joulepath_lab.run.stack import Lab, LabError
from joulepath_lab.scenarios.scenario import Question
from joulepath_lab.truth.savings import savings
from joulepath_lab.truth.truth import Truth


def answers(lab: Lab) -> Mapping[str, Mapping[str, Any]]:
    """The answer to each question of the scenario. Raises LabError where it has no answer."""
    return {question.name: _answer(lab, question) for question in lab.scenario.questions}


def lines(found: Mapping[str, Mapping[str, Any]], *, illustrative: bool) -> Iterator[str]:
    """Each answer in a line, with the truth of its numbers in brackets."""
    label = " (illustrative)" if illustrative else ""
    for name, answer in found.items():
        shares, truth = answer["applications"][answer["application"]]["attributed_watts"], answer["truth"]
        now, then = (
            f"{shares[key]:.1f} W ({truth['application'][place]:.1f})" for place, key in enumerate(("now", "then"))
        )
        saved, true = answer["meters"]["saved_watts"]["value"], truth["meters"][0] - truth["meters"][1]
        part = 1 - shares["then"] / shares["now"]
        yield (
            f"what if, {name}{label}: the share of {answer['application']} falls from {now} to {then}, by {part:.0%}; "
            f"the meters show {saved:.1f} W ({true:.1f}) less"
        )


def _answer(lab: Lab, question: Question) -> Mapping[str, Any]:
    name = next(iter(lab.topologies))
    command = [sys.executable, "-m", "joulepath", "whatif", str(lab.topology_file(name)), "--json"]
    command += ["--prometheus", lab.prometheus.url, "--data-rate", f"{question.application}={question.data_rate}"]
    if question.instead is not None:
        command += ["--instead", f"{question.application}={':'.join(question.instead)}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        raise LabError(f"whatif: {result.stderr}") from None
    time.sleep(2.0)  # the truth must reach beyond the window
    end = time.time() - 2.0
    truth = Truth(lab.history, lab.scenario)
    found = savings(lab.scenario, truth, question, (end - lab.scenario.window_seconds, end), lab.history.parent)
    return {**answer, "application": question.application, "truth": asdict(found)}
