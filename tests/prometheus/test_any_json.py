# SPDX-License-Identifier: Apache-2.0
"""Whatever a server answers, a question gives typed data or one line, never another exception."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests_mock
from hypothesis import given
from hypothesis import strategies as st

from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import PrometheusError

pytestmark = pytest.mark.unit

URL = "http://one.example:9090"
ROW: dict[str, Any] = {"metric": {"job": "a"}, "value": [1.5, "2"], "histogram": [1, {}]}
RANGE: dict[str, Any] = {"metric": {"job": "a"}, "values": [[1.5, "2"], [2.5, "NaN"]], "histograms": []}
TARGET = {
    "labels": {"job": "a"},
    "scrapePool": "a",
    "scrapeUrl": "http://a/",
    "health": "up",
    "lastScrape": "2026-01-02T03:04:05.123456789Z",
    "lastScrapeDuration": 0.1,
}
RULE = {
    "name": "a:b",
    "query": "c",
    "type": "recording",
    "lastEvaluation": "2026-01-02T03:04:05Z",
    "labels": {"d": "e"},
}
Question = Callable[[Prometheus], Any]
QUESTIONS: dict[str, tuple[Question, Any]] = {
    "query": (lambda api: api.query("x"), {"resultType": "vector", "result": [ROW]}),
    "scalar": (lambda api: api.query("1"), {"resultType": "scalar", "result": [1.5, "2"]}),
    "samples": (lambda api: api.samples("x[1m]", 9), {"resultType": "matrix", "result": [RANGE]}),
    "range": (lambda api: api.query_range("x", 0, 9, 1), {"resultType": "matrix", "result": [RANGE]}),
    "series": (lambda api: api.series("x"), [{"job": "a"}]),
    "values": (lambda api: api.label_values("x"), ["a"]),
    "targets": (lambda api: api.targets(), {"activeTargets": [TARGET]}),
    "rules": (lambda api: api.rules(), {"groups": [{"name": "g", "interval": 15, "rules": [RULE]}]}),
    "metadata": (lambda api: api.metadata(), {"up": [{"type": "gauge", "help": "", "unit": ""}]}),
    "build": (lambda api: api.build_info(), {"version": "2.42.0"}),
    "flags": (lambda api: api.flags(), {"query.timeout": "2m"}),
    "retention": (lambda api: api.retention(), {"storageRetention": "15d"}),
}
"""Each question, and data that answer it."""
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**4000), 1e308])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1", "NaN", "+Inf", "1e999", "vector", "matrix", "scalar", "string", "streams", "\ud800"])
    | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-02T03:04:05", "2026-W01"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
STATUSES = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 404, 422, 500, 503])


def ask(question: Question, body: bytes, status: int = 200) -> None:
    """Asks a question of a server with this answer. A fault must be one line."""
    with requests_mock.Mocker() as server, Prometheus(URL) as api:
        server.register_uri(requests_mock.ANY, requests_mock.ANY, content=body, status_code=status)
        try:
            question(api)
        except PrometheusError as fault:
            (line,) = fault.messages
            assert line.startswith(f"{URL}: ")
            assert line.isprintable()
            assert len(line) < 700


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """The containers within `value`, each with the keys or indices of its entries."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@given(st.sampled_from(sorted(QUESTIONS)), st.data(), VALUES, STATUSES)
def test_any_json_within_an_answer_gives_data_or_one_line(
    name: str, data: st.DataObject, value: Any, status: int
) -> None:
    question, good = QUESTIONS[name]
    answer = {"status": "success", "data": copy.deepcopy(good), "warnings": ["a"], "infos": ["b"], "isPartial": False}
    holder, key = data.draw(st.sampled_from(list(places(answer))))
    holder[key] = value
    ask(question, json.dumps(answer).encode(), status)


@given(
    st.sampled_from(sorted(QUESTIONS)), VALUES | st.fixed_dictionaries({"status": VALUES, "error": VALUES}), STATUSES
)
def test_any_json_as_an_answer_gives_one_line(name: str, value: Any, status: int) -> None:
    ask(QUESTIONS[name][0], json.dumps(value).encode(), status)


@given(st.sampled_from(sorted(QUESTIONS)), st.binary(max_size=200), STATUSES)
def test_any_octets_as_an_answer_give_one_line(name: str, body: bytes, status: int) -> None:
    ask(QUESTIONS[name][0], body, status)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_unchanged_answers_succeed(name: str) -> None:
    question, good = QUESTIONS[name]
    with requests_mock.Mocker() as server, Prometheus(URL) as api:
        server.get(requests_mock.ANY, json={"status": "success", "data": good})
        assert question(api)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"status":"success","data":' * 5000,
        b'{"status":"success","data":["\\ud800"]}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1' + 5000 * b"0" + b',"1"]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[NaN,"1"]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":["1","1"]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1_0"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0x1"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"\xd9\xa1"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
        b'{"status":"success","data":{"resultType":"string","result":[1,"a"]}}',
        b'\xff\xfe{"status":"success"}',
    ],
)
def test_such_answers_hold_no_samples(body: bytes) -> None:
    with requests_mock.Mocker() as server, Prometheus(URL) as api:
        server.get(requests_mock.ANY, content=body)
        with pytest.raises(PrometheusError, match=r"^http://one.example:9090: answers with "):
            api.query("x")
