# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath schema`: prints the JSON schema of a configuration file, for editors."""

import argparse
import importlib
import json
from typing import cast

from joulepath.config import Model

FILES = {
    "bmc": "joulepath.bmc.config:BmcConfig",
    "carbon": "joulepath.carbon.config:CarbonConfig",
    "ioam": "joulepath.ioam.config:ConfigModel",
    "pdu": "joulepath.pdu.config:PduConfig",
    "pfcp": "joulepath.pfcp.config:PfcpConfig",
    "power-model": "joulepath.workload.power.file:PowerModelFile",
    "profile": "joulepath.pdu.profiles.schema:Profile",
    "tag": "joulepath.tag.config:ConfigModel",
    "web": "joulepath.web.config:WebModel",
    "whatif": "joulepath_whatif.scenario:Scenario",
    "workload": "joulepath.workload.config:WorkloadConfig",
}
"""The model of each file, as MODULE:CLASS; `profile` is a device profile of `joulepath pdu`."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's argument."""
    parser.add_argument("file", choices=FILES, metavar="FILE", help=f"one of {', '.join(FILES)}")


def run(args: argparse.Namespace) -> int:
    """Prints the schema."""
    print(json.dumps(model(FILES[args.file]).model_json_schema(), indent=2))  # noqa: T201  # the command's output
    return 0


def model(place: str) -> type[Model]:
    """The model at MODULE:CLASS."""
    module, _, name = place.partition(":")
    return cast("type[Model]", getattr(importlib.import_module(module), name))
