# SPDX-License-Identifier: Apache-2.0
"""The native path for unmodified programs: `joulepath tag` selects them by their cgroups and ports."""

from dataclasses import replace

from joulepath_lab.scenarios import native
from joulepath_lab.scenarios.scenario import Tagging

SCENARIO = replace(native.SCENARIO, name="tagged", tagging=Tagging(tcp=frozenset({"inspection-camera"})))
