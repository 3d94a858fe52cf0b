# SPDX-License-Identifier: Apache-2.0
"""Chromium for tests of pages: the distribution's, driven by playwright."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser without a window. It ends with the module: until then no other test can run an event loop."""
    # Its sandbox needs user namespaces, which a container may lack; the pages are the tests' own.
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


class Tabs:
    """Opens pages, and keeps what they ask for and what they write to the console."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.requests: list[str] = []
        self.messages: list[str] = []

    def open(self, url: str, width: int, **options: Any) -> Page:
        """A page in a window of this width; options as for playwright's `new_context`."""
        context = self._browser.new_context(viewport={"width": width, "height": 900}, **options)
        self._contexts.append(context)
        tab = context.new_page()
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.on("console", lambda message: self.messages.append(message.text))
        tab.on("pageerror", lambda error: self.messages.append(str(error)))
        tab.goto(url)
        return tab

    def close(self) -> None:
        """Closes all pages."""
        for context in self._contexts:
            context.close()
