# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath calibrate`: each action is a module with `configure(parser)` and `run(args)`."""

import argparse

from joulepath_calibrate import marginal, model, model_weights, static

ACTIONS = {
    "static": (static, "idle power of a host, with its error"),
    "model": (model, "power model of a host that has a meter, for others of its kind without one"),
    "marginal": (marginal, "what one more packet, byte, request or token adds to a component's power"),
    "model-weights": (model_weights, "what a model's tokens of prompts and generated tokens cost"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    for name, (module, summary) in ACTIONS.items():
        module.configure(actions.add_parser(name, help=summary, description=summary))


def run(args: argparse.Namespace) -> int:
    """Runs the action. Raises JoulepathError."""
    code: int = ACTIONS[args.action][0].run(args)
    return code
