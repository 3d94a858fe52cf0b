# SPDX-License-Identifier: Apache-2.0
"""`python -m joulepath_dashboards [FOLDER]` writes the dashboards, by default to grafana/dashboards."""

import argparse
import sys
from pathlib import Path

from joulepath_dashboards.generate import write

FOLDER = Path(__file__).resolve().parent.parent / "dashboards"


def main() -> int:
    """Writes all dashboards and names the files."""
    parser = argparse.ArgumentParser(prog="joulepath_dashboards", description="Write Joulepath's Grafana dashboards.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where to write (default: %(default)s)")
    folder = parser.parse_args().folder
    try:
        written = write(folder)
    except OSError as error:
        print(f"{folder}: {error.strerror}; name a folder that can be written to", file=sys.stderr)  # noqa: T201  # the answer
        return 1
    for path in written:
        print(path)  # noqa: T201  # the answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
