# SPDX-License-Identifier: Apache-2.0
"""A powercap tree that a test writes."""

from pathlib import Path

RANGE_UJ = 262_143_328_850


def write_zone(sysfs: Path, folder: str, name: str, energy_uj: int | str, range_uj: int | None = RANGE_UJ) -> Path:
    """Adds or changes `/sys/class/powercap/FOLDER` and returns it."""
    path = sysfs / "class" / "powercap" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    if range_uj is not None:
        (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return path
