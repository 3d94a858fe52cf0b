# SPDX-License-Identifier: Apache-2.0
"""The landing page: what an exporter reads, from where, and whether it can. One shape for all, without a script."""

import base64
import hashlib
import html
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from urllib.parse import quote

from prometheus_client.core import Metric

from joulepath import __version__
from joulepath.exporter import Condition, Served
from joulepath.log import Line
from joulepath.web.overview import Numbers, Overview
from joulepath.web.words import GAP, ago, duration, instant, safe

KEPT_SECONDS = 2.0
"""The page of all targets is made at most so often, however many ask for it."""
MOST_ROWS = 200
"""Rows of one kind of reading, the largest ones; all of them are on `/metrics`."""

_STYLE = """
:root{color-scheme:light dark;--line:#8886;--bad:light-dark(#a40000,#ff9a8a)}
html{background:Canvas;color:CanvasText}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:80rem}
h1{font-size:1.5rem;margin:0}
nav ul{display:flex;flex-wrap:wrap;gap:0 1rem;list-style:none;margin:.5rem 0;padding:0}
h2{font-size:1.15rem;margin:1.5rem 0 .25rem}p{margin:.25rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;margin:.75rem 0}dd{margin:0}
.wide{overflow-x:auto}table{border-collapse:collapse;min-width:min(100%,44rem)}
thead th{white-space:nowrap}li{overflow-wrap:anywhere}ul{margin:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.2rem .75rem .2rem 0;border-bottom:1px solid var(--line)}
tbody th{font-weight:inherit}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.s{white-space:nowrap}.f{min-width:16rem;overflow-wrap:anywhere}.bad{color:var(--bad);font-weight:600}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": f"private, max-age={KEPT_SECONDS:.0f}",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


class Landing:
    """Makes the pages of one exporter: of all its targets, and of each."""

    def __init__(
        self,
        exporter: Served,
        telemetry: Callable[[], Iterable[Metric]],
        warnings: Callable[[], Sequence[Line]],
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._exporter = exporter
        self._telemetry = telemetry
        self._warnings = warnings
        self._overview = Overview(exporter, clock)
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._made: tuple[float, bytes] | None = None

    def page(self, target: str = "") -> bytes:
        """The page of all targets, or of one. Raises KeyError for a name that is not configured."""
        if target and target not in self._exporter.targets:
            raise KeyError(target)
        if target:
            return _document(self._exporter, self._one(target, self._wall_clock()))
        with self._lock:
            now = self._clock()
            if self._made is None or now - self._made[0] >= KEPT_SECONDS:
                self._made = (now, _document(self._exporter, self._all(self._wall_clock())))
            return self._made[1]

    def _one(self, target: str, now: float) -> Iterable[str]:
        condition, numbers = self._overview.target(target)
        yield _links([("/", "all targets"), (_probe(target), "metrics of this target")])
        yield _targets(self._exporter, [(condition, numbers)], now)
        yield _readings(numbers)

    def _all(self, now: float) -> Iterable[str]:
        yield _links(
            [
                ("/metrics", "metrics of the exporter" if self._exporter.targets else "metrics"),
                ("/targets", "targets, for Prometheus' http_sd_configs"),
                ("/-/healthy", "health"),
                ("/-/ready", "readiness"),
            ]
        )
        yield self._about(now)
        targets = list(self._overview.targets())
        yield _warnings(self._warnings(), now)
        yield _targets(self._exporter, targets, now)
        yield (_readings(targets[0][1]) if len(targets) == 1 else "") or _readings(self._overview.numbers())

    def _about(self, now: float) -> str:
        own = {sample.name: sample.value for family in self._telemetry() for sample in family.samples}
        facts = {"version": safe(__version__), "as of": instant(now)}
        if (start := own.get("process_start_time_seconds")) is not None:
            facts["running since"] = f"{instant(start)}, {duration(now - start)}"
        if "joulepath_config_last_reload_successful" in own:
            taken = own["joulepath_config_last_reload_successful"] == 1
            facts["configuration"] = (
                "its present files are in use"
                if taken
                else '<span class="bad">an older one is in use</span>: its files have a mistake, see the warnings'
            )
        if not self._exporter.ready:
            facts["state"] = "not ready: some targets have not been read for the first time"
        items = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
        return f"<dl>\n{items}\n</dl>\n"


def _document(exporter: Served, parts: Iterable[str]) -> bytes:
    title, reads = safe(f"joulepath {exporter.name}"), safe(exporter.reads)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">\n'
        f"<style>{_STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n<p>{reads}</p>\n"
        f"{''.join(parts)}</main></body></html>\n"
    ).encode()


def _links(links: Iterable[tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="{html.escape(path)}">{safe(text)}</a></li>\n' for path, text in links)
    return f"<nav><ul>\n{items}</ul></nav>\n"


def _warnings(lines: Sequence[Line], now: float) -> str:
    items = "".join(f"<li>{ago(line.timestamp, now)}: {safe(line.text)}</li>\n" for line in reversed(lines))
    return f"<h2>Latest warnings</h2>\n<ul>\n{items}</ul>\n" if lines else ""


def _targets(exporter: Served, targets: Sequence[tuple[Condition, Numbers]], now: float) -> str:
    """Those that do not answer first."""
    totals = [(condition, {each: numbers.total(each) for each in exporter.shown}) for condition, numbers in targets]
    columns = [each for each in exporter.shown if any(found[each] is not None for _, found in totals)]
    head = [
        "target",
        "state",
        *(f"{each.title} [{each.unit}]" for each in columns),
        "last read",
        "series",
        "last fault",
    ]
    rows = [
        f'<tr><th scope="row" class="s">{_name(exporter, condition)}</th>{_state(condition)}'
        f"{''.join(_number(found[each], each.unit) for each in columns)}"
        f'<td class="s">{ago(condition.read_timestamp, now)}</td><td>{_series(exporter, condition)}</td>'
        f"{_fault(condition, now)}</tr>\n"
        for condition, found in sorted(totals, key=lambda row: (row[0].up is not False, row[0].name))
    ]
    words = [_summary([condition for condition, _ in totals])]
    words += (
        [f"Each number is the sum of all such readings of the target. {GAP} means: not measured."] if columns else []
    )
    return _table("Targets", words, head, range(2, 2 + len(columns)), rows)


def _summary(conditions: Sequence[Condition]) -> str:
    if len(conditions) == 1:
        return ""
    failing = sum(condition.up is False for condition in conditions)
    unread = sum(condition.up is None for condition in conditions)
    text = f"{len(conditions) - failing - unread} of {len(conditions)} answer"
    return f"{text}, {unread} not read yet." if unread else f"{text}."


def _readings(numbers: Numbers) -> str:
    """Each series, by kind; the largest ones where there are many."""
    rows: list[str] = []
    left_out = 0
    for shown, values in numbers.values.items():
        chosen = list(values.items())
        if len(chosen) > MOST_ROWS:
            chosen = sorted(chosen, key=lambda row: -row[1])[:MOST_ROWS]
        left_out += len(values) - len(chosen) + numbers.omitted.get(shown, 0)
        for series, value in chosen:
            pairs = zip(shown.metric.labels, series, strict=True)
            labels = ", ".join(f"{label} {text}" for label, text in pairs if text)
            name = numbers.names.get(shown, {}).get(series, "")
            labels += f" ({name})" if name and name not in series else ""
            rows.append(
                f'<tr><th scope="row">{safe(shown.title)}</th><td>{safe(labels)}</td>'
                f"{_number(value, shown.unit)}<td>{safe(shown.unit)}</td></tr>\n"
            )
    words = [_span(numbers.seconds)] if any(shown.metric.kind == "counter" for shown in numbers.values) else []
    words += [f"{left_out:,} more are on /metrics."] if left_out else []
    return _table("Readings", words, ["reading", "of", "value", "unit"], [2], rows) if rows or words else ""


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "Rates are means since the exporter's start; load the page again for those of now."
    return f"Rates are means since an earlier look at this page, {duration(seconds)} ago."


def _table(title: str, words: Sequence[str], head: Sequence[str], numeric: Collection[int], rows: Iterable[str]) -> str:
    cells = "".join(
        f'<th scope="col"{_numeric(is_number=index in numeric)}>{safe(text)}</th>' for index, text in enumerate(head)
    )
    return (
        f'<h2 id="{title.lower()}">{title}</h2>\n<p>{" ".join(words)}</p>\n'
        f'<div class="wide" role="region" tabindex="0" aria-labelledby="{title.lower()}">'
        f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody></table></div>\n"
    )


def _numeric(*, is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def _name(exporter: Served, condition: Condition) -> str:
    name = safe(condition.name)
    own = html.escape(f"/?target={quote(condition.name, safe='')}")
    return f'<a href="{own}">{name}</a>' if condition.name in exporter.targets else name


def _series(exporter: Served, condition: Condition) -> str:
    place = _probe(condition.name) if condition.name in exporter.targets else "/metrics"
    return f'<a href="{html.escape(place)}">metrics</a>'


def _probe(name: str) -> str:
    return f"/probe?target={quote(name, safe='')}"


def _state(condition: Condition) -> str:
    if condition.up is None:
        return '<td class="s">not read yet</td>'
    return '<td class="s">up</td>' if condition.up else '<td class="s bad">down</td>'


def _fault(condition: Condition, now: float) -> str:
    if condition.fault_timestamp is None:
        return "<td></td>"
    return f'<td class="f">{ago(condition.fault_timestamp, now)}: {safe(condition.fault)}</td>'


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return f'<td class="n">{GAP}</td>'
    places = 1 if unit in ("W", "packets/s") else 0 if value == int(value) else 3
    return f'<td class="n">{value:,.{places}f}</td>'
