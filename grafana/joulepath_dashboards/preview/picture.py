# SPDX-License-Identifier: Apache-2.0
"""A page as PNG, by the Chromium that is installed."""

import os
import shutil
import subprocess
from pathlib import Path

from joulepath.errors import UsageError


def chromium() -> str:
    """The program. Raises UsageError where it is not installed."""
    found = os.environ.get("JOULEPATH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise UsageError("chromium is not installed: apt-get install chromium, or --html for pages without pictures")
    return found


def take(program: str, page: Path, picture: Path, size: tuple[int, int]) -> None:
    """Takes the picture of a page of this size in pixels. Raises UsageError if the browser takes none."""
    # Its sandbox needs user namespaces, which a container may lack; the page is our own and has no script.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size[0]},{size[1]}"]
    command = [program, *options, f"--screenshot={picture}", page.resolve().as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  # ours
    if result.returncode or not picture.exists():
        raise UsageError(f"{program} took no picture of {page}: {result.stderr.strip().splitlines()[-1:]}")
