# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus over samples of the past, where a query can be asked at any millisecond."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from subprocess import DEVNULL, Popen

from joulepath_lab.run.ports import free_port
from tests.rules.world import Asked

Sample = tuple[str, float, float]
"""A series with its labels, a value and Unix time in seconds."""


@contextmanager
def served(prometheus: Path, promtool: Path, folder: Path, samples: Iterable[Sample], *options: str) -> Iterator[Asked]:
    """A server that has these samples; those of one name stand together."""
    text = []
    for name, of_one in groupby(samples, key=lambda sample: sample[0].partition("{")[0]):
        text += [f"# TYPE {name} gauge", *(f"{series} {value!r} {at!r}" for series, value, at in of_one)]
    (folder / "samples").write_text("\n".join([*text, "# EOF", ""]))
    words = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
    subprocess.run(words, cwd=folder, check=True, stdout=DEVNULL)
    (folder / "prometheus.yml").write_text("{}")
    port = free_port()
    words = [str(prometheus), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    words += ["--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y", *options]
    with (
        Popen(words, cwd=folder, stdout=DEVNULL, stderr=DEVNULL) as process,
        Asked(f"http://127.0.0.1:{port}") as asked,
    ):
        try:
            asked.await_ready()
            yield asked
        finally:
            process.terminate()
