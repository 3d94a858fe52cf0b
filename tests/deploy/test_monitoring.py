# SPDX-License-Identifier: Apache-2.0
"""The configuration that operators copy is accepted by the programs that read it."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def test_promtool_accepts_the_scrape_configuration(promtool: Path) -> None:
    path = ROOT / "deploy" / "prometheus" / "prometheus.yml"
    result = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_amtool_accepts_the_alert_routes(alertmanager: Path) -> None:
    path = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    amtool = alertmanager.with_name("amtool")
    result = subprocess.run([amtool, "check-config", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
