# SPDX-License-Identifier: Apache-2.0
"""The landing page in Chromium: three widths, light and dark, by keyboard and mouse, without a script."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from joulepath.log import Line
from joulepath.serving.telemetry import Telemetry
from tests.browser import Tabs
from tests.exporters.web.things import NOW, Racks, serving

pytestmark = pytest.mark.unit

Open = Callable[..., Page]
FAULT = "no answer within 4 s from udp://a-long-name-of-a-device-in-a-far-away-rack.site-of-the-factory.example:161"


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens a page of an exporter. At the end it has asked for nothing else, and written nothing to the console."""
    tabs = Tabs(browser)
    things = Racks(tuple(f"rack-{number:03}-of-hall-b" for number in range(60)), FAULT)
    telemetry = Telemetry("thing", lambda: False, lambda: ())
    with serving(things, telemetry=telemetry.collect, warnings=lambda: [Line(NOW, FAULT)]) as server:
        url = f"http://127.0.0.1:{server.ports[0]}/"

        def open_page(path: str = "", width: int = 1440, **options: Any) -> Page:
            return tabs.open(url + path, width, **options)

        yield open_page
        tabs.close()
    assert {request.partition("?")[0] for request in tabs.requests} == {url}
    assert tabs.messages == []


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_only_a_table_scrolls_sideways(opened: Open, width: int) -> None:
    tab = opened(width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.locator("tbody tr").count() == 60


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "?target=rack-003-of-hall-b"])
def test_the_landing_page_breaks_no_rule_of_accessibility(opened: Open, path: str, scheme: str) -> None:
    # The policy of the page forbids scripts, and so that of axe.
    found = Axe().run(opened(path, width=800, color_scheme=scheme, bypass_csp=True))
    assert found.violations_count == 0, found.generate_report()


def test_a_target_s_page_is_two_clicks_there_and_back(opened: Open) -> None:
    tab = opened()
    tab.get_by_role("link", name="rack-003-of-hall-b").click()
    assert tab.locator("tbody tr", has_text="outlet 2").inner_text().split() == [
        "outlets", "outlet", "2", "1,200.0", "W",
    ]  # fmt: skip
    tab.get_by_role("link", name="all targets").click()
    assert tab.get_by_role("heading", name="Targets").is_visible()


def test_the_keyboard_reaches_the_links_and_the_table(opened: Open) -> None:
    tab = opened()
    reached = []
    for _ in range(7):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.getAttribute('href') || document.activeElement.className"))
    assert reached[:5] == ["/metrics", "/targets", "/-/healthy", "/-/ready", "wide"]
    assert reached[5:] == [
        "/?target=rack-059-of-hall-b",
        "/probe?target=rack-059-of-hall-b",
    ]  # it fails, so it is first


def test_the_page_is_the_same_without_style_and_script(opened: Open) -> None:
    tab = opened(java_script_enabled=False)
    text = tab.locator("main").inner_text()
    assert text.index("Latest warnings") < text.index("Targets") < text.index("rack-059-of-hall-b")
    assert "59 of 60 answer." in text
