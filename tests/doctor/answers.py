# SPDX-License-Identifier: Apache-2.0
"""A server that answers the doctor's questions from a table, over the real client."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote

import requests_mock

from joulepath_prometheus.client import Prometheus

URL = "http://prometheus.example:9090"
NOW = 1_800_000_000.0

Rows = Sequence[tuple[Mapping[str, str], float]]
Course = Callable[[float], float]
"""A value by time [s] since the beginning of a range; NaN where it is missing."""


@contextmanager
def answering(
    queries: Mapping[str, Rows] | None = None,
    paths: Mapping[str, Any] | None = None,
    *,
    courses: Mapping[str, Course] | None = None,
    ahead: float = 0.0,
) -> Iterator[Prometheus]:
    """A server with rows for the queries that fit an expression, none for others, and data by path.

    A query over a range has a course in place of rows.

    Data that is a number is the status of a refusal. `ahead` [s] is its clock less NOW.
    """
    rows = {"^time\\(\\)$": [({}, NOW + ahead)], **(queries or {})}
    known = {"targets": {"activeTargets": []}, "rules": {"groups": []}, "series": [], **(paths or {})}

    def answer(request: Any, reply: Any) -> str:
        path = request.path.removeprefix("/api/v1/")
        form = parse_qs(unquote(request.query) if request.method == "GET" else request.text or "")
        data = known.get(path, [] if path.startswith("label/") else {"version": "2.42.0", "goVersion": "go1.19"})
        if path == "query":
            found = next((each for fit, each in rows.items() if re.search(fit, form["query"][0])), [])
            result = [
                {"metric": labels, "value": [NOW, "NaN" if math.isnan(value) else repr(value)]}
                for labels, value in found
            ]
            data = {"resultType": "vector", "result": result}
        if path == "query_range":
            begin, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
            times = [begin + number * step for number in range(int((end - begin) / step) + 1)]
            course = next((each for fit, each in (courses or {}).items() if re.search(fit, form["query"][0])), None)
            values = [(at, course(at - begin)) for at in times] if course else []
            result = [{"metric": {}, "values": [[at, repr(value)] for at, value in values if not math.isnan(value)]}]
            data = {"resultType": "matrix", "result": result}
        if isinstance(data, int):
            reply.status_code = data
            return json.dumps({"status": "error", "errorType": "bad_data", "error": "no"})
        return json.dumps({"status": "success", "data": data})

    with requests_mock.Mocker(case_sensitive=True) as mocker, Prometheus(URL) as server:
        mocker.register_uri(requests_mock.ANY, re.compile(f"^{URL}/"), text=answer)
        yield server


def clock(*times: float) -> Callable[[], float]:
    """A clock of this machine that shows these times, one after the other."""
    left = list(times)
    return lambda: left.pop(0)
