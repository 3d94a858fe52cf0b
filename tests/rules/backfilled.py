# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus over samples of the past, where a query can be asked at any millisecond."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from subprocess import DEVNULL, Popen

from joulepath_lab.run.ports import free_port

Sample = tuple[str, float, float]
"""A series with its labels, a value and Unix time in seconds."""


@contextmanager
def served(prometheus: Path, promtool: Path, folder: Path, samples: Iterable[Sample]) -> Iterator[str]:
    """The URL of a server that has these samples; those of one name stand together."""
    text = []
    for name, of_one in groupby(samples, key=lambda sample: sample[0].partition("{")[0]):
        text += [f"# TYPE {name} gauge", *(f"{series} {value!r} {at!r}" for series, value, at in of_one)]
    (folder / "samples").write_text("\n".join([*text, "# EOF", ""]))
    words = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
    subprocess.run(words, cwd=folder, check=True, stdout=DEVNULL)
    (folder / "prometheus.yml").write_text("{}")
    port = free_port()
    words = [str(prometheus), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    words += ["--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y"]
    with Popen(words, cwd=folder, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def ask(url: str, query: str, moment: float) -> list[float]:
    """The values that the query gives at that time, once the server is there."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query, 'time': moment})}"
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # http, on loopback
                return [float(row["value"][1]) for row in json.load(answer)["data"]["result"]]
        except urllib.error.HTTPError as refused:
            if refused.code != 503:  # which is its answer while it starts
                raise AssertionError(refused.read().decode()) from None
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("Prometheus did not answer")
