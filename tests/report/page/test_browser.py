# SPDX-License-Identifier: Apache-2.0
"""The page in Chromium: three widths, light and dark, by keyboard, without script, printed, and for screen readers."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from joulepath_report.page.html import page
from tests.browser import Tabs
from tests.report import example
from tests.report.page import example as large

pytestmark = pytest.mark.unit

WIDTHS = (360, 800, 1440)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small page and a large one."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, report in (
        ("small", example.REPORT),
        ("large", large.report()),
        ("tiny", large.tiny()),
        ("long", large.long()),
    ):
        found[name] = folder / f"{name}.html"
        found[name].write_text(page(report), encoding="utf-8")
    return found


@pytest.fixture
def opened(browser: Browser, files: dict[str, Path]) -> Iterator[Open]:
    """Opens a page. At the end it has asked for nothing but itself, and written nothing to the console."""
    tabs = Tabs(browser)

    def open_page(name: str = "large", width: int = 1440, **options: Any) -> Page:
        return tabs.open(files[name].as_uri(), width, **options)

    yield open_page
    tabs.close()
    assert tabs.requests == [files[Path(url).stem].as_uri() for url in tabs.requests]
    assert tabs.messages == []


@pytest.mark.parametrize("name", ["large", "long"])
@pytest.mark.parametrize("width", WIDTHS)
def test_only_tables_and_charts_scroll_sideways(opened: Open, width: int, name: str) -> None:
    tab = opened(name, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    for box in tab.locator(".wide:visible").all():
        assert box.evaluate("box => box.scrollWidth == box.clientWidth || box.tabIndex == 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["small", "large"])
def test_the_page_breaks_no_rule_of_accessibility(opened: Open, name: str, scheme: str) -> None:
    # The policy of the page keeps axe from running, as any other script: the check is of the page without a policy.
    tab = opened(name, color_scheme=scheme, bypass_csp=True)
    for summary in tab.locator("summary").all():
        summary.click()
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


def test_dark_mode_changes_colours_of_text_and_charts(opened: Open) -> None:
    colours = []
    for scheme in ("light", "dark"):
        tab = opened(color_scheme=scheme)
        colours.append(
            [
                tab.locator(place).first.evaluate(f"place => getComputedStyle(place).{style}")
                for place, style in (
                    ("body", "backgroundColor"),
                    ("h1", "color"),
                    ("#flow svg text[fill]", "fill"),
                    ("rect.look-0", "fill"),
                )
            ]
        )
    assert all(light != dark for light, dark in zip(*colours, strict=True)), colours


@pytest.mark.parametrize(("name", "least"), [("large", 30), ("tiny", 20)])
def test_labels_of_the_flow_cover_neither_each_other_nor_bars(opened: Open, name: str, least: int) -> None:
    tab = opened(name)
    boxes = tab.locator("#flow figure svg text").evaluate_all(
        "texts => texts.filter(text => text.getAttribute('fill')).map(text => text.getBoundingClientRect().toJSON())"
    )
    chart = tab.locator("#flow figure svg").bounding_box()
    assert chart is not None
    assert len(boxes) > least
    assert all(box["left"] >= chart["x"] and box["right"] <= chart["x"] + chart["width"] for box in boxes)
    assert all(box["top"] >= chart["y"] and box["bottom"] <= chart["y"] + chart["height"] + 3 for box in boxes)
    bars = tab.locator("#flow figure svg .mark-rect path").evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect().toJSON())"
    )
    overlaps = [
        (one, other)
        for index, one in enumerate(boxes)
        for other in [*boxes[:index], *bars]
        if min(one["right"], other["right"]) - max(one["left"], other["left"]) > 1
        and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > 3
    ]
    assert overlaps == []


def test_bars_of_a_column_do_not_cover_each_other(opened: Open) -> None:
    """The bars of the flow: each below the one before it, and as high as its energy."""
    tab = opened("small")
    boxes = tab.locator("#flow figure svg .mark-rect path").evaluate_all(
        "bars => bars.map(bar => bar.getBBox()).map(box => [box.x, box.y, box.height])"
    )
    columns: dict[float, list[tuple[float, float]]] = {}
    for x, y, height in boxes:
        columns.setdefault(round(x), []).append((y, height))
    assert [len(column) for _, column in sorted(columns.items())] == [2, 2, 3, 3]
    for column in columns.values():
        ends = [(y, y + height) for y, height in sorted(column)]
        assert all(before[1] < after[0] for before, after in pairwise(ends))
    heights = sorted(height for _, height in columns[max(columns)])
    # 720 000 J, 1 080 000 J and 1 800 000 J
    assert [height / heights[-1] for height in heights] == pytest.approx([0.4, 0.6, 1.0], abs=0.01)


def test_links_of_the_flow_fill_the_bars_that_they_join(opened: Open) -> None:
    """Each end of a link is within a bar, and the links at a bar's side are as high as it is, one below the other."""
    tab = opened("small")
    links = tab.locator("#flow figure svg .mark-path path").evaluate_all(
        "links => links.map(link => [link.getPointAtLength(0), link.getPointAtLength(link.getTotalLength()),"
        " Number(link.getAttribute('stroke-width'))]).map(([a, b, width]) => [[a.x, a.y], [b.x, b.y], width])"
    )
    bars = tab.locator("#flow figure svg .mark-rect path").evaluate_all(
        "bars => bars.map(bar => bar.getBBox()).map(box => [box.x, box.x + box.width, box.y, box.y + box.height])"
    )
    assert len(links) == len(example.FLOW)
    for side, end in ((1, 0), (0, 1)):
        filled = 0
        for bar in bars:
            spans = sorted(
                (y - link[2] / 2, y + link[2] / 2)
                for link in links
                for x, y in [link[end]]
                if abs(x - bar[side]) < 0.5 and bar[2] - 1 < y < bar[3] + 1
            )
            if spans:
                filled += len(spans)
                edges = [bar[2], *(edge for span in spans for edge in span), bar[3]]
                assert all(abs(one - other) < 1 for one, other in zip(edges[::2], edges[1::2], strict=True)), (
                    bar,
                    spans,
                )
        assert filled == len(links)


def test_steps_of_the_chart_leave_a_gap_where_nothing_is_known(opened: Open) -> None:
    tab = opened()
    bars = tab.locator('#time figure > .wide svg path[fill="url(#look-0)"]')
    assert bars.count() == 20
    gap = tab.locator('#time figure > .wide svg path[fill="url(#look-gap)"]').evaluate_all(
        "gaps => gaps.map(gap => gap.getBBox().width)"
    )
    width = bars.first.evaluate("bar => bar.getBBox().width")
    assert gap == [pytest.approx(4 * width, rel=0.01)]


def test_bars_of_the_chart_are_as_high_as_the_axis_says(opened: Open) -> None:
    """The first hour of the small report: 21 W of camera from 0 W on, 8.5 W of robot and 12.5 W unattributed above."""
    tab = opened("small")
    ticks = (
        tab.locator("#time figure > .wide svg .role-axis")
        .first.locator("text")
        .evaluate_all(
            "texts => texts.map(text => [Number(text.textContent), text.getBoundingClientRect()])"
            ".map(([watts, box]) => [watts, (box.top + box.bottom) / 2])"
        )
    )
    at = dict(ticks)
    scale = (at[0] - at[50]) / 50
    low = at[0]
    for look, watts in (("look-0", 21.0), ("look-1", 8.5), ("look-unattributed", 12.5)):
        # A bounding box on the screen would have the stroke and its miter in it.
        top, bottom = tab.locator(f'#time figure > .wide svg path[fill="url(#{look})"]').first.evaluate(
            "bar => [bar.getBBox(), bar.getScreenCTM()]"
            ".reduce((box, screen) => [box.y, box.y + box.height].map(y => y * screen.d + screen.f))"
        )
        assert bottom == pytest.approx(low, abs=1)
        assert bottom - top == pytest.approx(watts * scale, abs=1)
        low = top


def test_the_keyboard_reaches_the_content_and_sorts_a_table(opened: Open) -> None:
    tab = opened("small")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"
    energy = tab.locator("#table-applications thead th").nth(1)
    for _ in range(40):
        tab.keyboard.press("Tab")
        if energy.evaluate("cell => cell.contains(document.activeElement)"):
            break
    names = tab.locator("#table-applications tbody th")
    for key, order, wanted in (
        ("Enter", "descending", ["camera", "unattributed", "robot_2 & 3"]),
        ("Space", "ascending", ["robot_2 & 3", "unattributed", "camera"]),
    ):
        tab.keyboard.press(key)
        assert names.all_inner_texts() == wanted
        assert energy.get_attribute("aria-sort") == order
    assert tab.locator("#table-applications tfoot th").inner_text() == "total"


def test_a_value_that_is_not_known_is_sorted_last(opened: Open) -> None:
    tab = opened("small")
    tab.locator("#table-budgets thead button", has_text="Used J").click()
    rows = tab.locator("#table-budgets tbody tr")
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["camera-day", "robot-day"]
    tab.locator("#table-budgets thead button", has_text="Used J").click()
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["camera-day", "robot-day"]


def test_the_flow_opens_as_a_table_at_a_click(opened: Open) -> None:
    tab = opened("small")
    table = tab.locator("#table-flow-edges")
    assert not table.is_visible()
    tab.get_by_text("The flow as a table").click()
    assert table.is_visible()
    assert table.locator("tbody tr").count() == len(example.FLOW)


def test_without_script_everything_is_shown(opened: Open) -> None:
    tab = opened("small", java_script_enabled=False)
    for place in ("#flow figure svg", "#time figure svg", "#table-applications", "#method"):
        assert tab.locator(place).first.is_visible()
    assert tab.locator("button").count() == 0


def test_a_foreign_script_in_the_page_does_not_run(files: dict[str, Path], browser: Browser, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    text = files["small"].read_text(encoding="utf-8")
    other.write_text(text.replace("</body>", "<script>document.title = 'changed'</script></body>"), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(other.as_uri())
    assert "changed" not in tab.title()
    tab.close()


def test_print_is_on_a4_with_nothing_beyond_the_margins(opened: Open) -> None:
    tab = opened(width=688)  # 182 mm, the width between the margins
    paper = tab.pdf(prefer_css_page_size=True)
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper))
    assert [(round(float(x)), round(float(y))) for x, y in sizes] == [(595, 842)]
    assert 2 <= len(re.findall(rb"/Type /Page\b", paper)) <= 6
    tab.emulate_media(media="print")
    for box in tab.locator("table:visible, figure svg:visible").all():
        assert box.evaluate("box => box.getBoundingClientRect().right") <= 689
    assert not tab.locator("nav").is_visible()
    assert tab.locator("summary:visible").count() == 0
    breaks = tab.locator("tr:visible").evaluate_all("rows => rows.map(row => getComputedStyle(row).breakInside)")
    assert set(breaks) == {"avoid"}
