# SPDX-License-Identifier: Apache-2.0
"""`joulepath doctor` on the running lab, as its user would call it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from joulepath_lab.run.stack import Lab, LabError


def findings(lab: Lab) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """All findings about each topology, notes included. Raises LabError where the doctor itself fails."""
    return {name: _about(lab, name) for name in lab.topologies}


def _about(lab: Lab, name: str) -> Sequence[Mapping[str, Any]]:
    command = [sys.executable, "-m", "joulepath", "doctor", str(lab.topology_file(name)), "--json"]
    command += ["--prometheus", lab.prometheus.url]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: Sequence[Mapping[str, Any]] = json.loads(result.stdout)["findings"]
    except ValueError:
        raise LabError(f"the doctor: {result.stderr}") from None
    return found
