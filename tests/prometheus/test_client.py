# SPDX-License-Identifier: Apache-2.0
"""The questions that the client asks, and the values that it reads from answers."""

import logging
import math
from typing import Any
from urllib.parse import parse_qsl

import pytest
from requests_mock import Mocker

from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import NoAnswerError, PrometheusError, RejectedQueryError
from joulepath_prometheus.results import Point, Sample, Series
from joulepath_prometheus.settings import Access

pytestmark = pytest.mark.unit

URL = "https://metrics.example/prometheus"
API = f"{URL}/api/v1"


def success(data: Any, **more: Any) -> dict[str, Any]:
    """An answer with data."""
    return {"status": "success", "data": data, **more}


def vector(*rows: Any) -> dict[str, Any]:
    """The data of an instant vector."""
    return {"resultType": "vector", "result": list(rows)}


@pytest.fixture
def api() -> Prometheus:
    """A client of a server with a prefix."""
    return Prometheus(f"{URL}/", Access({"X-Scope-OrgID": "plant"}), timeout=20)


def asked(requests_mock: Mocker) -> dict[str, str]:
    """The parameters of the only request."""
    (request,) = requests_mock.request_history
    return dict(parse_qsl(request.body or request.query))


def test_an_instant_has_every_kind_of_float(api: Prometheus, requests_mock: Mocker) -> None:
    values = {"a": "12.5", "b": "1e+06", "c": "+Inf", "d": "-Inf", "e": "NaN", "f": "-0", "g": "5e-324"}
    rows = [{"metric": {"x": name}, "value": [1700000000.123, text]} for name, text in values.items()]
    requests_mock.get(f"{API}/query", json=success(vector(*rows)))
    found = api.query("x", 1700000000.1234)
    assert [sample.labels for sample in found] == [{"x": name} for name in values]
    assert {sample.at for sample in found} == {1700000000.123}
    numbers = [sample.value for sample in found]
    assert numbers[:4] == [12.5, 1e6, math.inf, -math.inf]
    assert math.isnan(numbers[4])
    assert math.copysign(1, numbers[5]) == -1
    assert numbers[6] == 5e-324
    assert asked(requests_mock) == {"query": "x", "time": "1700000000.123", "timeout": "20.000"}
    assert requests_mock.request_history[0].headers["X-Scope-OrgID"] == "plant"


def test_a_scalar_is_a_sample_without_labels(api: Prometheus, requests_mock: Mocker) -> None:
    requests_mock.get(f"{API}/query", json=success({"resultType": "scalar", "result": [5, "2"]}))
    assert api.query("1+1") == [Sample({}, 5.0, 2.0)]
    assert asked(requests_mock) == {"query": "1+1", "timeout": "20.000"}


def test_stored_samples_keep_their_own_times(api: Prometheus, requests_mock: Mocker) -> None:
    rows = [{"metric": {"a": "1"}, "values": [[1, "2"], [1.5, "3"]]}, {"metric": {"a": "2"}, "values": [[2, "4"]]}]
    requests_mock.get(f"{API}/query", json=success({"resultType": "matrix", "result": rows}))
    assert api.samples("x[9s]", 9) == [Sample({"a": "1"}, 1, 2), Sample({"a": "1"}, 1.5, 3), Sample({"a": "2"}, 2, 4)]


def test_a_range_is_a_series_for_each_set_of_labels(api: Prometheus, requests_mock: Mocker) -> None:
    rows = [{"metric": {"a": "1"}, "values": [[0, "2"], [15, "NaN"]]}]
    requests_mock.get(f"{API}/query_range", json=success({"resultType": "matrix", "result": rows}))
    (found,) = api.query_range("x", 0, 30, 15)
    assert found.labels == {"a": "1"}
    assert found.points[0] == Point(0.0, 2.0)
    assert found.points[1].at == 15
    assert math.isnan(found.points[1].value)
    expected = {"query": "x", "start": "0.000", "end": "30.000", "step": "15.000", "timeout": "20.000"}
    assert asked(requests_mock) == expected


def test_native_histograms_are_left_out_with_one_line(
    api: Prometheus, requests_mock: Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    histogram = [9, {"count": "3", "sum": "1", "buckets": []}]
    rows = [{"metric": {"a": "1"}, "histogram": histogram}, {"metric": {"a": "2"}, "value": [9, "1"]}]
    requests_mock.get(f"{API}/query", json=success(vector(*rows)))
    ranges = [{"metric": {"a": "1"}, "histograms": [histogram]}]
    ranges.append({"metric": {"a": "2"}, "histograms": [histogram], "values": [[9, "1"]]})
    requests_mock.get(f"{API}/query_range", json=success({"resultType": "matrix", "result": ranges}))
    assert api.query("x") == [Sample({"a": "2"}, 9, 1)]
    assert api.query("x") == [Sample({"a": "2"}, 9, 1)]
    assert api.query_range("x", 0, 9, 1) == [Series({"a": "2"}, [Point(9, 1)])]
    assert [record.message for record in caplog.records] == [
        f"{URL}: 1 series have native histograms, which are left out: query floats",
        f"{URL}: 2 series have native histograms, which are left out: query floats",
    ]


@pytest.mark.parametrize(("length", "method"), [(1900, "GET"), (9000, "POST")])
def test_a_long_query_is_posted(api: Prometheus, requests_mock: Mocker, length: int, method: str) -> None:
    requests_mock.register_uri(method, f"{API}/query", json=success(vector()))
    query = "+".join(["1"] * (length // 4))  # a plus sign takes three characters of an address
    assert api.query(query) == []
    assert asked(requests_mock)["query"] == query
    assert ("?" in requests_mock.request_history[0].url) is (method == "GET")


def test_labels_of_series_and_values_of_a_label(api: Prometheus, requests_mock: Mocker) -> None:
    requests_mock.get(f"{API}/series", json=success([{"__name__": "up", "job": "pdu"}]))
    requests_mock.get(f"{API}/label/job/values", json=success(["bmc", "pdu"]))
    assert api.series("up", "x{a=~'1|2'}", begin=1, end=2) == [{"__name__": "up", "job": "pdu"}]
    assert api.label_values("job") == ["bmc", "pdu"]
    series, label = requests_mock.request_history
    assert parse_qsl(series.url.partition("?")[2]) == [
        ("match[]", "up"),
        ("match[]", "x{a=~'1|2'}"),
        ("start", "1.000"),
        ("end", "2.000"),
    ]
    assert "?" not in label.url


def test_a_name_cannot_leave_its_place_in_the_address(api: Prometheus, requests_mock: Mocker) -> None:
    requests_mock.get(f"{API}/label/..%2F..%2Fadmin%3Fx/values", json=success([]))
    assert api.label_values("../../admin?x") == []


def test_null_stands_for_an_empty_list(api: Prometheus, requests_mock: Mocker) -> None:
    requests_mock.get(f"{API}/label/job/values", json=success(None))
    requests_mock.get(f"{API}/targets", json=success({"activeTargets": None}))
    requests_mock.get(f"{API}/rules", json=success({"groups": [{"name": "g", "interval": 1, "rules": None}]}))
    assert api.label_values("job") == []
    assert list(api.targets()) == []
    assert [list(group.rules) for group in api.rules()] == [[]]


def test_targets_and_rules_have_times_in_unix_seconds(api: Prometheus, requests_mock: Mocker) -> None:
    target = {
        "discoveredLabels": {"__address__": "a:1"},
        "labels": {"job": "pdu", "instance": "a:1"},
        "scrapePool": "pdu",
        "scrapeUrl": "http://a:1/metrics",
        "globalUrl": "http://a:1/metrics",
        "lastError": "connection refused",
        "lastScrape": "2026-01-02T03:04:05.123456789+01:00",
        "lastScrapeDuration": 0.25,
        "health": "down",
        "scrapeInterval": "15s",
        "scrapeTimeout": "10s",
    }
    never = {"scrapePool": "b", "scrapeUrl": "http://b/", "labels": {}, "health": "unknown"}
    never["lastScrape"] = "0001-01-01T00:00:00Z"
    requests_mock.get(f"{API}/targets", json=success({"activeTargets": [target, never], "droppedTargets": []}))
    first, second = api.targets()
    # 2026-01-02 02:04:05 UTC: 20,455 days after 1970.
    assert first.last_scrape == pytest.approx(20455 * 86400 + 2 * 3600 + 4 * 60 + 5.123456, abs=1e-6)
    assert (first.scrape_pool, first.health, first.last_error) == ("pdu", "down", "connection refused")
    assert (first.scrape_interval, first.last_scrape_duration) == ("15s", 0.25)
    assert first.labels == {"job": "pdu", "instance": "a:1"}
    assert second.last_scrape is None

    rule: dict[str, Any] = {
        "name": "a:b",
        "query": "sum(b)",
        "health": "err",
        "lastError": "many-to-many",
        "type": "recording",
    }
    rule |= {"evaluationTime": 0.5, "lastEvaluation": "1970-01-01T00:00:10Z"}
    alert = {"name": "Late", "query": "x > 1", "type": "alerting", "state": "firing", "duration": 300, "alerts": []}
    group = {"name": "g", "file": "r.yaml", "interval": 15, "rules": [rule, alert], "evaluationTime": 0.75}
    requests_mock.get(f"{API}/rules", json=success({"groups": [group]}))
    (found,) = api.rules()
    assert (found.name, found.file, found.interval, found.evaluation_time) == ("g", "r.yaml", 15, 0.75)
    recorded, alerting = found.rules
    assert (recorded.last_evaluation, recorded.evaluation_time, recorded.last_error) == (10, 0.5, "many-to-many")
    assert (alerting.type, alerting.state, alerting.duration) == ("alerting", "firing", 300)


def test_the_server_describes_itself_and_its_metrics(api: Prometheus, requests_mock: Mocker) -> None:
    requests_mock.get(f"{API}/status/buildinfo", json=success({"version": "2.42.0", "goVersion": "go1.19"}))
    requests_mock.get(f"{API}/status/flags", json=success({"query.max-samples": "50000000"}))
    requests_mock.get(f"{API}/status/runtimeinfo", json=success({"storageRetention": "15d", "CWD": "/", "GOGC": ""}))
    requests_mock.get(f"{API}/metadata", json=success({"up": [{"type": "gauge", "help": "h", "unit": ""}]}))
    assert api.build_info()["version"] == "2.42.0"
    assert api.flags() == {"query.max-samples": "50000000"}
    assert api.retention() == "15d"
    (up,) = api.metadata("up")["up"]
    assert (up.type, up.help, up.unit) == ("gauge", "h", "")
    assert requests_mock.request_history[-1].qs == {"metric": ["up"]}


def test_notes_about_an_answer_are_logged_once(
    api: Prometheus, requests_mock: Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    notes = {"warnings": ["store b:\x1b[31m timed\nout"], "infos": ["PromQL info: not a counter"], "isPartial": True}
    requests_mock.get(f"{API}/query", json=success(vector(), **notes))
    api.query("a")
    api.query("b")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", f"{URL}: store b: [31m timed out"),
        ("WARNING", f"{URL}: the answer is partial: a storage node is missing"),
        ("INFO", f"{URL}: PromQL info: not a counter"),
    ]
    assert {record.name.partition(".")[0] for record in caplog.records} == {"joulepath"}


def failure(kind: str, words: str) -> str:
    """Prometheus' own answer to a question that it refuses."""
    return f'{{"status":"error","errorType":"{kind}","error":"{words}"}}'


SAMPLES = "query processing would load too many samples into memory in query execution"
STEPS = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (200, "<!doctype html><title>Login</title>", PrometheusError, "answers with HTML: that is not the API of"),
        (200, "", PrometheusError, "answers with broken JSON"),
        (200, '{"status":"success"}', PrometheusError, "answers with JSON of another form (data: is missing)"),
        (200, failure("internal", "odd"), RejectedQueryError, "answers 200: odd"),
        (400, failure("bad_data", "1:3: parse error"), RejectedQueryError, "answers 400: 1:3: parse error"),
        (400, failure("bad_data", STEPS), RejectedQueryError, "(?step=XX): use a larger step"),
        (422, failure("execution", SAMPLES), RejectedQueryError, "query execution: ask for fewer series or a shorter"),
        (
            503,
            failure("timeout", "query timed out in expression evaluation"),
            NoAnswerError,
            "ask for less, or allow more time",
        ),
        (503, "Service Unavailable", NoAnswerError, "is not ready (503): Service Unavailable: wait until"),
        (502, "<html>Bad Gateway</html>", NoAnswerError, "a proxy cannot reach it (502)"),
        (504, "", NoAnswerError, "a proxy waits in vain for it (504)"),
        (429, "too many outstanding requests", NoAnswerError, "is asked too often (429)"),
        (401, "no org id", PrometheusError, "wants a login (401): no org id: state the tenant as X-"),
        (401, "Unauthorized", PrometheusError, "wants a login (401): Unauthorized: state authorization"),
        (403, "<html>", PrometheusError, "refuses this login (403)"),
        (404, "404 page not found", PrometheusError, "does the address lack a prefix, such as /prometheus?"),
        (405, "", PrometheusError, "takes no POST (405)"),
        (418, "", PrometheusError, "answers 418: look at its log"),
        (
            500,
            failure("internal", "expanding series: i/o error"),
            RejectedQueryError,
            "answers 500: expanding series: i/o",
        ),
    ],
)
def test_a_refusal_is_one_line_with_the_url_and_a_remedy(
    requests_mock: Mocker, status: int, body: str, kind: type[PrometheusError], text: str
) -> None:
    api = Prometheus(URL)
    requests_mock.get(f"{API}/query", status_code=status, text=body)
    with pytest.raises(PrometheusError) as raised:
        api.query("x")
    assert type(raised.value) is kind
    (line,) = raised.value.messages
    assert line.startswith(f"{URL}: ")
    assert text in line
    assert "\n" not in line


def test_a_servers_words_cannot_write_to_the_terminal(api: Prometheus, requests_mock: Mocker) -> None:
    words = "a\\u001b]0;title\\u0007\\nb\\u2028c" + "d" * 1000
    requests_mock.get(f"{API}/query", status_code=400, text=failure("bad_data", words))
    with pytest.raises(RejectedQueryError) as raised:
        api.query("x")
    (line,) = raised.value.messages
    assert line.isprintable()
    assert "a ]0;title b cddd" in line
    assert len(line) < 400


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_a_server_that_is_not_ready_says_so(api: Prometheus, requests_mock: Mocker, status: int, ready: bool) -> None:
    requests_mock.get(f"{URL}/-/ready", status_code=status)
    assert api.ready() is ready
