# SPDX-License-Identifier: Apache-2.0
"""Cost of serving 24 power sensors of boards, beside Debian's node_exporter with its hwmon collector alone.

Both are scraped in turn from one tree, as in benchmarks/serving.py: `python -m benchmarks.hwmon`. Two boards: one
with 24 chips that measure power, and one with eight of which each has three rails, volts and amperes (ina3221).
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.serving import NODE_EXPORTER, Scraped, scraped_in_turn
from joulepath_lab.run import programs


def chips(sysfs: Path) -> None:
    """One power sensor each."""
    for number in range(24):
        files = {"power1_label": f"pin{number}", "power1_input": 1_000_000 * (number + 1)}
        _chip(sysfs, number, {"name": "psu", **files})


def rails(sysfs: Path) -> None:
    """Three rails each."""
    for number in range(8):
        files: dict[str, object] = {"name": "ina3221"}
        for rail in (1, 2, 3):
            files |= {f"in{rail}_label": f"VDD_{number}_{rail}", f"in{rail}_input": 5000, f"in{rail}_enable": 1}
            files |= {f"curr{rail}_input": 100 * rail, f"in{rail + 3}_input": rail}
        _chip(sysfs, number, files)


def _chip(sysfs: Path, number: int, files: dict[str, object]) -> None:
    folder = sysfs / "devices" / f"1-00{number:02x}" / "hwmon" / f"hwmon{number}"
    folder.mkdir(parents=True)
    (folder / "device").symlink_to("../..")
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")
    link = sysfs / "class" / "hwmon" / f"hwmon{number}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../../devices/1-00{number:02x}/hwmon/hwmon{number}")


BOARDS: dict[str, Callable[[Path], None]] = {"24 chips": chips, "8 chips of 3 rails": rails}


def main() -> None:
    """Prints a row for each board."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scrapes", type=int, default=20, help="in each round")
    args = parser.parse_args()
    print(f"{'CPU per scrape, median (min..max)':22}{'joulepath rapl':>26}{'node_exporter':>26}{'ratio':>8}")
    for board, write in BOARDS.items():
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            write(Path(folder))
            commands = [
                [sys.executable, "-m", "joulepath", "rapl"],
                [str(programs.obtain(NODE_EXPORTER)), "--collector.disable-defaults", "--collector.hwmon"],
            ]
            exporters = {}
            for command in commands:
                exporters[command[-1]] = exporter = Scraped([*command, f"--path.sysfs={folder}"])
                stack.callback(exporter.process.wait)
                stack.callback(exporter.process.terminate)
            costs = scraped_in_turn(exporters, args.rounds, args.scrapes).values()
        medians = [statistics.median(cost) for cost in costs]
        shown = [
            f"{median * 1e6:.0f} ({min(cost) * 1e6:.0f}..{max(cost) * 1e6:.0f}) us"
            for median, cost in zip(medians, costs, strict=True)
        ]
        print(f"{board:33}{shown[0]:>26}{shown[1]:>26}{medians[0] / medians[1]:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
