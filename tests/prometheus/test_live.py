# SPDX-License-Identifier: Apache-2.0
"""The client against real servers: Prometheus with a prefix, TLS and a login, in both versions; VictoriaMetrics."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import bcrypt
import pytest

from joulepath_lab.run.ports import free_port
from joulepath_lab.run.waiting import until
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import NoAnswerError, PrometheusError, RejectedQueryError
from joulepath_prometheus.settings import read
from tests.conftest import Monitoring
from tests.exporters.pki import Pki

pytestmark = pytest.mark.lab

RULES = """
groups:
  - name: quick
    interval: 1s
    rules:
      - {record: "job:up:count", expr: "count by (job) (up)", labels: {plant: a}}
      - {alert: Up, expr: "up == 1", for: 1h}
      - {record: broken, expr: "up + on () group_left () (vector(1) or label_replace(vector(1), 'a', 'b', '', ''))"}
"""


@pytest.fixture(scope="module")
def folder(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configuration of a server with TLS and a login, and of its clients."""
    made = tmp_path_factory.mktemp(monitoring.name)
    Pki(made).issue("server", "127.0.0.1")
    hashed = bcrypt.hashpw(b"hunter2", bcrypt.gensalt(4)).decode()
    web = {
        "tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"},
        "basic_auth_users": {"ann": hashed},
    }
    (made / "web.yml").write_text(json.dumps(web))
    (made / "password").write_text("hunter2\n")
    (made / "password").chmod(0o600)
    (made / "rules.yml").write_text(RULES)
    return made


@pytest.fixture(scope="module")
def url(monitoring: Monitoring, folder: Path) -> Iterator[str]:
    """A server that scrapes itself, behind a prefix."""
    address = f"127.0.0.1:{free_port()}"
    scrape = {
        "job_name": "self",
        "scheme": "https",
        "metrics_path": "/plant/metrics",
        "basic_auth": {"username": "ann", "password_file": "password"},
        "tls_config": {"ca_file": "ca.pem"},
        "static_configs": [{"targets": [address]}],
    }
    gone = {"job_name": "gone", "static_configs": [{"targets": [f"127.0.0.1:{free_port()}"]}]}
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [scrape, gone],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    words = [str(monitoring.prometheus), "--config.file=prometheus.yml", f"--web.listen-address={address}"]
    words += ["--storage.tsdb.path=data", "--web.config.file=web.yml", f"--web.external-url=https://{address}/plant/"]
    words += ["--query.max-samples=5000", "--storage.tsdb.retention.time=3d"]
    with Popen(words, cwd=folder, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            yield f"https://{address}/plant"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def api(folder: Path, url: str) -> Iterator[Prometheus]:
    """A client with the server's login, once both targets were scraped and the rules have run."""
    path = folder / "http.yml"
    path.write_text("basic_auth: {username: ann, password_file: password}\ntls_config: {ca_file: ca.pem}\n")
    with Prometheus(url, read(path), timeout=10) as client:
        until(client.ready)
        until(lambda: len(client.query("job:up:count")) == 2 and len(client.query("up == 1")) == 1)
        yield client


def test_values_come_as_they_were_computed(api: Prometheus) -> None:
    now = round(time.time(), 3)
    (found,) = api.query("vector(1e21 / 3)", now)
    assert (found.at, found.value) == (now, 1e21 / 3)
    assert [sample.value for sample in api.query("vector(1) / 0")] == [math.inf]
    assert math.isnan(api.query("0 / 0", now)[0].value)
    assert api.query("absent(up)") == []
    points = api.query_range("vector(time())", now - 30, now, 15)[0].points
    assert [point.at for point in points] == pytest.approx([now - 30, now - 15, now], abs=1e-3)
    assert [point.value for point in points] == pytest.approx([point.at for point in points], abs=1e-3)


def test_stored_samples_have_the_times_of_the_scrapes(api: Prometheus) -> None:
    until(lambda: len(api.samples('up{job="self"}[1m]', time.time())) >= 3)
    found = api.samples('up{job="self"}[1m]', time.time())
    assert {sample.value for sample in found} <= {0, 1}
    times = [sample.at for sample in found]
    assert times == sorted(times)
    assert all(abs(sample.at - time.time()) < 70 for sample in found)


def test_a_query_above_8_kib_is_answered(api: Prometheus) -> None:
    names = "|".join(f"job-{number:05}" for number in range(2000))
    query = f'count(up{{job!~"{names}"}})'
    assert len(query) > 16 << 10
    assert [sample.value for sample in api.query(query)] == [2]
    assert api.query_range(query, time.time() - 1, time.time(), 1)[-1].points[-1].value == 2
    assert len(api.series(f'up{{job!~"{names}"}}')) == 2


def test_series_labels_targets_and_rules(api: Prometheus) -> None:
    assert {labels["job"] for labels in api.series("up")} == {"self", "gone"}
    assert api.label_values("job", "up") == ["gone", "self"]
    assert "up" in api.label_values("__name__")
    targets = {target.scrape_pool: target for target in api.targets()}
    assert (targets["self"].health, targets["gone"].health) == ("up", "down")
    assert "refused" in targets["gone"].last_error
    assert targets["self"].scrape_interval == "1s"
    assert abs((targets["self"].last_scrape or 0) - time.time()) < 60
    assert targets["self"].scrape_url.endswith("/plant/metrics")
    (group,) = api.rules()
    assert (group.name, group.interval) == ("quick", 1)
    count, alert, broken = group.rules
    assert (count.type, count.query, count.labels) == ("recording", "count by (job) (up)", {"plant": "a"})
    assert (alert.type, alert.state, alert.duration) == ("alerting", "pending", 3600)
    assert broken.health == "err"
    assert "many-to-many" in broken.last_error
    assert abs((count.last_evaluation or 0) - time.time()) < 60


def test_the_server_describes_itself(api: Prometheus, monitoring: Monitoring) -> None:
    assert monitoring.version.startswith(api.build_info()["version"].partition("+")[0])
    assert api.flags()["query.max-samples"] == "5000"
    assert api.retention() == "3d"
    (build,) = api.metadata("prometheus_build_info")["prometheus_build_info"]
    assert build.type == "gauge"
    assert len(api.metadata()) > 50


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("up{", "parse error"),
        ("count_over_time(vector(1)[1h:1ms])", "too many samples into memory in query execution: ask for fewer series"),
        ("up + on () up", "many-to-many"),
    ],
)
def test_errors_carry_the_servers_own_words(api: Prometheus, query: str, words: str) -> None:
    with pytest.raises(RejectedQueryError) as raised:
        api.query(query)
    (line,) = raised.value.messages
    assert line.startswith(f"{api.url}: answers 4")
    assert words in line


def test_too_many_points_are_refused_with_a_remedy(api: Prometheus) -> None:
    with pytest.raises(RejectedQueryError, match=r"use a larger step$"):
        api.query_range("up", 0, time.time(), 1)


def test_a_query_that_takes_too_long_is_ended_by_the_server(api: Prometheus, folder: Path) -> None:
    # The server looks at its clock before each term; all of them take ten times the limit and more.
    slow = " + ".join(["max_over_time(max_over_time(max_over_time(vector(1)[10m:1s])[10m:1s])[10m:1s])"] * 2000)
    with Prometheus(api.url, read(folder / "http.yml"), timeout=0.1) as hasty:
        until(hasty.ready)
        # Both versions say both, by where the query is when its time is over.
        late = "(503: query timed out in .*|422: context deadline exceeded): ask for less, or allow more time$"
        with pytest.raises(PrometheusError, match=f"answers {late}"):
            hasty.query(slow)


def test_without_login_authority_or_prefix(api: Prometheus, folder: Path, url: str) -> None:
    bare = folder / "bare.yml"
    bare.write_text("tls_config: {ca_file: ca.pem}")
    with pytest.raises(PrometheusError, match=r"wants a login \(401\): Unauthorized: state auth"):
        Prometheus(url, read(bare)).query("up")
    with pytest.raises(PrometheusError, match="cannot be trusted"):
        Prometheus(url).query("up")
    with pytest.raises(PrometheusError, match=r"has nothing there \(404\)"):
        Prometheus(url.removesuffix("/plant"), read(folder / "http.yml")).query("up")
    with pytest.raises(PrometheusError, match=r"answers 400"):
        Prometheus(url.replace("https", "http")).query("up")
    with pytest.raises(NoAnswerError, match="Connection refused"):
        Prometheus(f"http://127.0.0.1:{free_port()}").query("up")


def test_victoria_metrics_answers_in_the_same_form(victoria_metrics: Path, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    words = [str(victoria_metrics), f"-storageDataPath={tmp_path}", f"-httpListenAddr={address}"]
    with Popen(words, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            with Prometheus(f"http://{address}") as api:
                until(lambda: process.poll() is None and answers(api))
                assert [sample.value for sample in api.query("vector(2)")] == [2]
                assert api.query_range("vector(2)", 0, 10, 5)[0].points[0].value == 2
                assert api.series("up") == []
                assert api.label_values("job") == []
                with pytest.raises(RejectedQueryError, match="answers 422: "):
                    api.query("up{")
        finally:
            process.terminate()


def answers(api: Prometheus) -> bool:
    """Whether the server takes questions."""
    try:
        return api.query("1") != []
    except NoAnswerError:
        return False
