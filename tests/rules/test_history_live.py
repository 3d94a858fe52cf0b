# SPDX-License-Identifier: Apache-2.0
"""Closed hours on a real Prometheus, whose groups are evaluated at any second, not at full minutes as in promtool."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath_lab.ports import free_port
from joulepath_rules.history import COVERAGE, history
from tests.rules.promtool import topology
from tests.rules.recorded import TOPOLOGY, labels

pytestmark = pytest.mark.lab

# Full UTC hours. Rows come 7 s after each quarter of a minute, the group is evaluated 113.4 s after each 5 minutes.
START = 1_767_225_600
HOURS = 5
PHASE = 7
EVALUATED = 113.4

# Seconds: a row stands for the time half a window before it.
OURS = topology(TOPOLOGY.replace("interval: 1m", "interval: 15s").replace("window: 4m", "window: 2m"))
SHIFT = 60

WATTS = (100.0, 300.0, 60.0, 0.0, 25.0)


def rows() -> Iterator[str]:
    """Application a changes at each full hour; it is not known for 20 minutes of the third hour."""
    ours = labels(application="a", segment="network")
    yield "# TYPE application:power_watts gauge"
    for moment in range(START + PHASE, START + HOURS * 3600 + SHIFT, 15):
        hour, second = divmod(moment - SHIFT - START, 3600)
        if hour >= 0 and not (hour == 2 and second < 1200):
            yield f"application:power_watts{{{ours}}} {WATTS[hour]} {moment}"


def closed(moment: float) -> int:
    """The hour, from 0 on, that closed last."""
    return int((moment - 120 - START) // 3600) - 1


def known(hour: int) -> float:
    """The known part of an hour."""
    return 2 / 3 if hour == 2 else 1.0


def evaluations() -> Iterator[float]:
    """When the group is evaluated first after each hour closed, 2 minutes after its end, and at other times."""
    for hour in range(1, HOURS + 1):
        end = START + 3600 * hour
        yield from (end + 120, end + 120.001, end + EVALUATED + 300, end + 3719.9)


@pytest.fixture
def url(prometheus: Path, promtool: Path, tmp_path: Path) -> Iterator[str]:
    """A Prometheus with these rows, the clock and the coverage, as the group would have recorded them."""
    clock = [f"history:hour_end_seconds{{{labels()}}} 0 {moment}" for moment in evaluations()]
    ratio = [f"{COVERAGE}{{{labels(application='a')}}} {known(closed(moment))!r} {moment}" for moment in evaluations()]
    text = [*rows(), "# TYPE history:hour_end_seconds gauge", *clock, f"# TYPE {COVERAGE} gauge", *ratio, "# EOF", ""]
    (tmp_path / "rows").write_text("\n".join(text))
    words = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "rows", "data"]
    subprocess.run(words, cwd=tmp_path, check=True, stdout=DEVNULL)
    (tmp_path / "prometheus.yml").write_text("{}")
    port = free_port()
    words = [str(prometheus), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    words += ["--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y"]
    with Popen(words, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def ask(url: str, query: str, moment: float) -> list[float]:
    """The values that the query gives at that time, once the server is there."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query, 'time': moment})}"
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # http, on loopback
                return [float(row["value"][1]) for row in json.load(answer)["data"]["result"]]
        except OSError:
            time.sleep(0.1)
    raise AssertionError("Prometheus did not start")


def test_an_hour_is_a_utc_hour(url: str) -> None:
    """Whenever the group is evaluated: the hour that closed 2 minutes ago or more, and all of it."""
    rules = {rule.record: rule.expr for rule in history(OURS, frozenset({"carbon"}))}
    for moment in evaluations():
        hour = closed(moment)
        assert ask(url, rules[COVERAGE], moment) == pytest.approx([known(hour)], rel=1e-6)
        energy = ask(url, rules["application:energy_joules:1h"], moment)
        assert energy == pytest.approx([WATTS[hour] * 3600], rel=1e-6), moment
