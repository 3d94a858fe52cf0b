# SPDX-License-Identifier: Apache-2.0
"""The topology file: what is where. `read` gives it as a `Topology`, or every mistake in it at once."""

from joulepath_topology.model import Topology
from joulepath_topology.reading import read

__all__ = ["Topology", "read"]
