# SPDX-License-Identifier: Apache-2.0
"""The landing page as a browser and a reader without one see it."""

import base64
import gzip
import hashlib
import http.client
import re
from collections.abc import Callable, Iterable, Sequence
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric

from joulepath import __version__
from joulepath.exporter import Condition
from joulepath.log import Line
from joulepath.metrics import Shown, gauge
from joulepath.pdu.metrics import SHOWN as PDU
from joulepath.serving.telemetry import Telemetry
from joulepath.web.landing import KEPT_SECONDS, MOST_ROWS, Landing
from tests.exporters.web.things import ENERGY, MEASURED, NOW, POWER, Racks, Things, get, serving

pytestmark = pytest.mark.unit

_VOID = {"meta", "link", "!doctype"}


class Cells(HTMLParser):
    """The rows of the page's tables, and whether each element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # the base class's own
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def landing(
    things: Things, warnings: Sequence[Line] = (), *, reloaded: bool = True, clock: Callable[[], float] = float
) -> Landing:
    telemetry = Telemetry("thing", lambda: reloaded, lambda: ())
    return Landing(things, telemetry.collect, lambda: warnings, clock, lambda: NOW)


def cells(page: bytes) -> Cells:
    return Cells(page.decode())


def test_each_target_has_a_row_and_those_that_fail_come_first() -> None:
    page = cells(landing(Racks(("one", "two", "three"))).page())
    assert page.rows == [
        ["target", "state", "outlets [W]", "last read", "series", "last fault"],
        ["three", "down", "\N{EN DASH}", "\N{EN DASH}", "metrics", "2 h ago: no answer"],
        ["one", "up", "1,240.0", "0.4 s ago", "metrics", ""],
        ["two", "up", "1,240.0", "0.4 s ago", "metrics", ""],
    ]
    assert "2 of 3 answer." in page.text


def test_a_target_has_a_page_with_each_of_its_readings() -> None:
    things = Racks(("one", "two"))
    with serving(things) as server:
        things.probed.clear()
        status, _, body = get(server, "/?target=one")
        assert status == 200
        assert things.probed == ["one"]
        assert ["outlets", "outlet 2", "1,200.0", "W"] in cells(body).rows
        assert b'href="/probe?target=one"' in body
        assert b'href="/"' in body


def test_a_reading_has_the_name_that_the_device_gives_it() -> None:
    info = gauge("thing_outlet_info", "The name of an outlet.", "outlet", "name")

    class Named(Racks):
        shown = (Shown("outlets", "W", POWER, names=info),)

        def probe(self, target: str) -> Iterable[Metric]:
            family = info.family()
            family.add_metric(["1", "1"], 1.0)
            family.add_metric(["2", "<b>robot"], 1.0)
            return [*super().probe(target), family]

    page = cells(landing(Named(("one", "two"))).page("one"))
    assert [row[1] for row in page.rows if row[0] == "outlets"] == ["outlet 1", "outlet 2 (<b>robot)"]


def test_the_page_of_a_pdu_has_the_names_of_its_outlets() -> None:
    (outlet,) = [shown for shown in PDU if shown.names is not None]
    assert outlet.names is not None
    assert (outlet.title, outlet.names.name) == ("outlet", "pdu_outlet_info")
    assert set(outlet.metric.labels) | {"name"} == set(outlet.names.labels)


@pytest.mark.parametrize("path", ["/?target=three", "/?target=one%20"])
def test_the_page_of_an_unconfigured_target_is_not_found(path: str) -> None:
    things = Racks(("one", "two"))
    with serving(things) as server:
        assert get(server, path)[0] == 404
    assert things.probed == []


def test_an_only_target_has_its_readings_on_the_first_page() -> None:
    class Host(Things):
        targets = ()
        shown = (Shown("sensor", "W", ENERGY, MEASURED),)

        def _families(self) -> Iterable[Metric]:
            energy, measured = ENERGY.family(), MEASURED.family()
            for outlet, joules in (("1", 90.0), ("2", 30.0)):
                energy.add_metric([outlet], joules)
                measured.add_metric([outlet], 30.0)
            return [energy, measured]

    page = cells(landing(Host()).page())
    assert page.rows[1][:3] == ["this thing", "up", "4.0"]
    assert page.rows[3:] == [["sensor", "outlet 1", "3.0", "W"], ["sensor", "outlet 2", "1.0", "W"]]
    assert "Rates are means since the exporter's start" in page.text


def test_the_page_says_what_runs_since_when_and_whether_its_files_hold() -> None:
    text = cells(landing(Things()).page()).text
    assert __version__ in text
    assert "2023-11-14 22:13:20 UTC" in text
    assert "running since" in text
    assert "its present files are in use" in text
    lines = [Line(NOW - 90, "pdu.yaml: targets: is missing"), Line(NOW - 3, "rack: no answer")]
    text = cells(landing(Things(), lines, reloaded=False).page()).text
    assert "an older one is in use: its files have a mistake" in text
    assert text.index("3.0 s ago: rack: no answer") < text.index("90 s ago: pdu.yaml: targets: is missing")


def test_a_target_that_was_never_read_is_not_called_down() -> None:
    class Begun(Things):
        ready = False

        def condition(self, target: str = "") -> Condition:
            return Condition(target)

    page = cells(landing(Begun()).page())
    assert [row[1] for row in page.rows[1:]] == ["not read yet", "not read yet"]
    assert "0 of 2 answer, 2 not read yet." in page.text
    assert "not ready" in page.text


@given(st.text(), st.text())
def test_no_word_of_a_device_or_a_file_is_taken_for_markup(name: str, fault: str) -> None:
    name, fault = f'<b>"{name}', f"<script>{fault}</script>&amp;"
    page = landing(Racks((name, name + "x"), fault), [Line(NOW, fault)]).page().decode()
    parsed = Cells(page)
    assert not {"b", "script"} & set(parsed.tags)
    assert parsed.rows[2][0][:4] == '<b>"'
    assert "<script>" in parsed.rows[1][5]
    assert all(character.isprintable() or character == "\n" for character in page)


def test_a_device_that_talks_without_end_does_not_fill_the_page() -> None:
    assert len(landing(Racks(("one", "two"), "x" * 10_000)).page()) < 5000


def test_a_fault_of_several_lines_is_one_line() -> None:
    page = cells(landing(Racks(("one", "two"), "one: no answer\n\ttwo: neither")).page())
    assert page.rows[1][-1] == "2 h ago: one: no answer two: neither"


def test_of_many_rows_the_largest_are_shown_and_the_rest_counted() -> None:
    class Wide(Racks):
        def probe(self, target: str) -> Iterable[Metric]:
            self.probed.append(target)
            family = POWER.family()
            for number in range(MOST_ROWS + 5):
                family.add_metric([str(number)], float(number))
            return [family]

    page = cells(landing(Wide(("one", "two"))).page("one"))
    shown = [row[1] for row in page.rows if row[0] == "outlets"]
    assert shown == [f"outlet {number}" for number in range(MOST_ROWS + 4, 4, -1)]
    assert "5 more are on /metrics." in page.text


def test_five_hundred_targets_stay_one_small_page() -> None:
    things = Racks(tuple(f"rack-{number:03}" for number in range(500)))
    with serving(things) as server:
        _, headers, body = get(server, "/", **{"Accept-Encoding": "gzip"})
        assert headers["content-encoding"] == "gzip"
        assert len(body) < 20_000
        page = cells(gzip.decompress(body))
    assert len(page.rows) == 501
    assert "499 of 500 answer." in page.text


def test_a_page_is_made_once_for_many_that_ask_at_once() -> None:
    things = Racks(("one", "two"))
    now = [100.0]
    pages = landing(things, clock=lambda: now[0])
    first = pages.page()
    things.watts = 50.0
    now[0] += KEPT_SECONDS - 0.1
    assert pages.page() == first
    now[0] += 0.1
    assert pages.page() != first


def test_the_style_is_the_only_thing_that_a_browser_may_run_or_load() -> None:
    with serving(Things()) as server:
        _, headers, body = get(server, "/")
    style = re.search(r"<style>(.*?)</style>", body.decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "script" not in body.decode()
    assert not re.search(r'(?:src|href)="(?:https?:)?//', body.decode())
    assert headers["cache-control"] == "private, max-age=2"


def test_head_gives_the_length_and_no_page() -> None:
    with serving(Things()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=5)
        connection.request("HEAD", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        assert int(answer.headers["content-length"]) > 500
        assert answer.read() == b""
        connection.close()
