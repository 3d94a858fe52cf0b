# SPDX-License-Identifier: Apache-2.0
"""The nodes of the path, their addresses and IOAM numbers."""

NODES = ("robot", "ru", "du", "cu", "upf", "model")
IOAM_NODE_IDS = {"robot": 100, "ru": 1, "du": 2, "cu": 3, "upf": 4, "model": 200}
IOAM_NAMESPACE = 123
MGMT_CALLER = "10.123.0.1"


def address(node: str) -> str:
    """The IPv6 address under which the path reaches an end: robot or model."""
    return {"robot": "fd4a:50:0:0::1", "model": f"fd4a:50:0:{len(NODES) - 2:x}::2"}[node]


def link_address(node: str, side: str) -> str:
    """The address of a node on its link towards the robot (`access`) or the model server (`core`)."""
    number = NODES.index(node)
    return f"fd4a:50:0:{number:x}::1" if side == "core" else f"fd4a:50:0:{number - 1:x}::2"


def mgmt_address(node: str) -> str:
    """The IPv4 address of a node on the management network."""
    return f"10.123.0.{10 + NODES.index(node)}"
