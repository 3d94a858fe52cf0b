# SPDX-License-Identifier: Apache-2.0
"""`--check-profile`: what it tells the author of a new profile of a device that no profile knows."""

from pathlib import Path

import pytest

from joulepath.errors import UsageError
from joulepath.pdu.check import check
from joulepath.pdu.snmp.walk import WalkClient

pytestmark = pytest.mark.unit

WALK = """\
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9999.1
1.3.6.1.4.1.9999.1.3.1.1.5.1|66|4321
1.3.6.1.4.1.9999.1.4.1.1.5.1|66|2301
1.3.6.1.4.1.9999.1.4.1.1.6.1|66|195
1.3.6.1.4.1.9999.1.4.1.1.7.1|66|4300
1.3.6.1.4.1.9999.1.4.1.1.8.1|66|4294967295
"""
PROFILE = """\
vendor: ACME
evidence: mib
sys_object_ids: [1.3.6.1.4.1.9999]
levels:
  inlet: {{index: [number], quantities: {{power: {{column: 1.3.6.1.4.1.9999.1.3.1.1.5, scale: 0.1}}}}}}
  outlet:
    index: [number]
    quantities:
      voltage: {{column: 1.3.6.1.4.1.9999.1.4.1.1.5, scale: 0.1}}
      current: {{column: 1.3.6.1.4.1.9999.1.4.1.1.6, scale: 0.01}}
      power: {{column: 1.3.6.1.4.1.9999.1.4.1.1.7, scale: {step}}}
      meter_energy: {{column: 1.3.6.1.4.1.9999.1.4.1.1.8, scale: 3600{more}, evidence: documentation}}
      power_factor: {{column: 1.3.6.1.4.1.9999.1.4.1.1.9, scale: 0.01}}
"""


def explain_profile(tmp_path: Path, profile: str, lines: list[str] | None = None) -> list[str]:
    """The lines of the check, those before an error too."""
    (tmp_path / "acme.snmprec").write_text(WALK)
    (tmp_path / "acme.yaml").write_text(profile)
    lines = [] if lines is None else lines
    lines.extend(check(str(tmp_path / "acme.yaml"), WalkClient(tmp_path / "acme.snmprec")))
    return lines


def test_a_wrong_step_and_a_missing_sentinel_are_doubted(tmp_path: Path) -> None:
    doubts = [line for line in explain_profile(tmp_path, PROFILE.format(step=1, more="")) if line.startswith("doubt: ")]
    product = "doubt: outlet 1 reads 4300 W, but 230.1 V x 1.95 A x 1 are 448.7 W: "
    assert doubts == [
        "doubt: outlet 1 meter_energy holds 4294967295: a sentinel ([-1])?",
        f"{product}is a step wrong, or are these three phases?",
        "doubt: sums of each level: inlet 432.1 W, outlet 4300 W",
    ]


def test_a_right_profile_raises_no_doubt(tmp_path: Path) -> None:
    lines = explain_profile(tmp_path, PROFILE.format(step=0.1, more=", sentinels: [-1]"))
    assert "device: sysObjectID 1.3.6.1.4.1.9999.1; recognised as acme" in lines
    assert "sums of each level: inlet 432.1 W, outlet 430 W" in lines
    assert "outlet    power_factor    none: no row at 1.3.6.1.4.1.9999.1.4.1.1.9" in lines
    assert lines[-1] == "evidence of what is read: documentation"
    assert not [line for line in lines if line.startswith("doubt")]


def test_an_unfitting_profile_is_reported_with_the_rows_of_the_device(tmp_path: Path) -> None:
    other = PROFILE.format(step=1, more="").replace("9999.1.4.1.1.", "9999.1.5.1.1.").replace("1.3.1.1.5", "1.3.1.1.6")
    lines: list[str] = []
    with pytest.raises(UsageError, match="has none of the objects of the profile acme"):
        explain_profile(tmp_path, other.replace("[1.3.6.1.4.1.9999]", "[1.3.6.1.4.1.9998]"), lines)
    assert "device: sysObjectID 1.3.6.1.4.1.9999.1; not recognised: name the profile for this target" in lines
    assert "device: 1.3.6.1.4.1.9999.1.5.1.1.7 has 0 rows" in lines


def test_a_fingerprint_of_alternatives_is_described_with_or(tmp_path: Path) -> None:
    column = "1.3.6.1.4.1.9999.1.4.1.1"
    more = f"fingerprint: [{column}.5, [{column}.99, {column}.7]]\nlevels:"
    lines = explain_profile(tmp_path, PROFILE.format(step=0.1, more="").replace("levels:", more, 1))
    assert f"recognised where there are {column}.5, {column}.99 or {column}.7" in lines
    assert "device: sysObjectID 1.3.6.1.4.1.9999.1; recognised as acme" in lines


@pytest.mark.parametrize("serial", ["1.3.6.1.4.1.9999.1.3.1.1.5.1", "1.3.6.1.4.1.9999.1.3.1.1.5"])
def test_an_identity_may_be_an_object_of_its_own(tmp_path: Path, serial: str) -> None:
    """Some agents have it without the .0 behind it."""
    lines = explain_profile(tmp_path, PROFILE.format(step=0.1, more="") + f"info: {{serial: {serial}}}\n")
    assert "unit: model '', serial '4321', firmware ''" in lines


def test_a_name_that_is_neither_file_nor_profile_lists_the_profiles() -> None:
    with pytest.raises(
        UsageError, match="nosuch: is neither a file nor one of the shipped profiles alpha-cordex, apc-ats, "
    ):
        list(check("nosuch", None))
