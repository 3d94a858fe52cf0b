# SPDX-License-Identifier: Apache-2.0
"""Asks pip-audit whether a pinned package has a known hole. Where its data cannot be reached, one line says so."""

import json
import subprocess
import sys
from collections.abc import Sequence

from scripts.constraints import FILE

SECONDS = 120.0


def verdict(code: int, output: str, errors: str) -> tuple[Sequence[str], str]:
    """The holes that pip-audit found, one line each, and why packages were not audited (empty where all were).

    Its exit code says little: 0 also where the service knows no package, 1 for a hole and for a network that fails.
    """
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or [f"it ended with {code} and said nothing"])[-1]
        return [], last[:200]
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'no version'}"
        for one in packages
        for hole in one.get("vulns", ())
    ]
    skipped = [one["skip_reason"] for one in packages if "skip_reason" in one]
    return holes, f"{len(skipped)} of {len(packages)} packages: {skipped[0]}" if skipped else ""


def main() -> None:
    """Ends with 1 for a known hole, with 0 without one or where that cannot be known."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(FILE)]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
        holes, why_not = verdict(ended.returncode, ended.stdout, ended.stderr)
    except subprocess.TimeoutExpired:
        holes, why_not = [], f"no answer within {SECONDS:g} s"
    if why_not:
        print(f"pip-audit skipped, since its data cannot be reached: {why_not}")  # noqa: T201  # that is its result
    if holes:
        sys.exit("\n".join([f"{FILE.name}: known holes; raise the floor in pyproject.toml, make constraints", *holes]))


if __name__ == "__main__":
    main()
