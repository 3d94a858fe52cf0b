# SPDX-License-Identifier: Apache-2.0
"""The action `joulepath calibrate model-weights`: what a model's tokens of prompts and its generated ones cost."""

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from joulepath.errors import UsageError
from joulepath.extras import needed
from joulepath_calibrate import arguments, asked, entry, windows, writing
from joulepath_calibrate.windows import TokenWindow
from joulepath_prometheus.arguments import prometheus as server
from joulepath_topology import Topology, read
from joulepath_topology.arguments import add_topology

if TYPE_CHECKING:
    from joulepath_calibrate.weights import Weights


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    parser.add_argument("component", metavar="COMPONENT", help="name of the model in it")
    arguments.add_source(parser, "samples with the columns time, watts, input and output (tokens/s)")
    parser.add_argument(
        "--watts", metavar="QUERY", help="PromQL for the power of the model, such as that of its GPU or of a plug"
    )
    parser.add_argument("--write", action="store_true", help="write the weights into the topology file")


def run(args: argparse.Namespace) -> int:
    """Prints the weights, and writes them with --write. Raises JoulepathError."""
    with needed("calibrate"):
        from joulepath_calibrate.weights import estimate  # noqa: PLC0415  # needs the libraries
    topology = read(args.topology)
    place = f"{args.topology}: components.{args.component}"
    _counts_tokens(topology, args.component, place)
    now = time.time()
    with entry.refusals_of(place):
        weights = estimate(_windows(args, topology, now))
    tokens = {"input": float(f"{weights.ratio.value:.3g}"), "output": 1.0}
    print("\n".join(_lines(args.component, weights, tokens)))  # noqa: T201  # the command's output
    if args.write:
        writing.write(args.topology, ("components", args.component), {"tokens": tokens}, _remark(weights, now))
    return 0


def _counts_tokens(topology: Topology, name: str, place: str) -> None:
    """Raises UsageError for a component with no tokens to weigh."""
    component = entry.named(topology.components, name, place)
    if component.requests is None:
        raise UsageError(f"{place}: has no `requests`: only a model has tokens")
    for unit, words in (("input_tokens", "tokens of prompts"), ("tokens", "generated tokens")):
        if unit not in component.requests.units:
            raise UsageError(f"{place}.requests: {component.requests.kind} counts no {words}")


def _windows(args: argparse.Namespace, topology: Topology, now: float) -> Sequence[TokenWindow]:
    if args.csv is not None:
        columns = ("watts", "input", "output")
        return [TokenWindow(*row) for row in windows.from_csv(args.csv, topology.window, columns)]
    with server(args) as prometheus:
        return asked.token_windows(prometheus, topology, args.component, args.since, now, watts=args.watts)


def _lines(name: str, weights: "Weights", tokens: dict[str, float]) -> Sequence[str]:
    ratio, prompt, answer = weights.ratio, weights.input, weights.output
    lines = [
        f"tokens: {{input: {tokens['input']:g}, output: 1}}",
        f"{name}: input {ratio.value:.3g} of output, 95 % interval {ratio.low:.3g} to {ratio.high:.3g}",
        f"{name}: a token of a prompt {prompt.value:.3g} J, 95 % interval {prompt.low:.3g} to {prompt.high:.3g} J",
        f"{name}: a generated token {answer.value:.3g} J, 95 % interval {answer.low:.3g} to {answer.high:.3g} J",
        f"{name}: {weights.base:.1f} W without tokens ({len(weights.windows)} windows)",
    ]
    if weights.bent:
        lines.append(f"{name}: power is not a weighted sum of tokens: the weights hold for about this load")
    return lines


def _remark(weights: "Weights", now: float) -> str:
    begin, end = (writing.minute(weights.windows[place].at) for place in (0, -1))
    return (
        f"{writing.minute(now)}: input {weights.ratio.low:.3g} to {weights.ratio.high:.3g} of output (95 %), "
        f"{len(weights.windows)} windows from {begin} to {end}"
    )
