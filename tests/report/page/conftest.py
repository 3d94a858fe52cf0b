# SPDX-License-Identifier: Apache-2.0
"""Chromium for tests of pages: the distribution's, driven by playwright."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser(absent: Callable[[str, str], NoReturn]) -> Iterator[Browser]:
    """A browser without a window. It ends with the module: until then no other test can run an event loop."""
    path = os.environ.get("JOULEPATH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("chromium", "chromium is not installed (JOULEPATH_CHROMIUM names a program)")
    # Its sandbox needs user namespaces, which a container may lack; the pages are the tests' own.
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()
