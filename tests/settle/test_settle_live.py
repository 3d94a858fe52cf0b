# SPDX-License-Identifier: Apache-2.0
"""From recorded hours in a real Prometheus and a source's replayed answers to blocks that the same Prometheus reads."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from joulepath_rules import settled as names
from joulepath_rules.history import BY_SITE, closes_after
from tests.rules.backfilled import Sample, served
from tests.settle.setup import GRAMS, HOUR, MEGAJOULES, START, TEXT, answer, plant

pytestmark = pytest.mark.long

AFTER = closes_after(plant())


def recorded() -> Iterator[Sample]:
    """The hours of energy as the rules record them."""
    for (application, segment, site), row in MEGAJOULES.items():
        labels = f'application="{application}",segment="{segment}",site="{site}",topology="plant"'
        for number, amount in enumerate(row):
            yield f"{BY_SITE}{{{labels}}}", amount * 1e6, START + (number + 1) * HOUR + AFTER + 20


@contextmanager
def source() -> Iterator[str]:
    """Answers as the source does."""
    body = json.dumps(answer()).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def settle(url: str, origin: str, folder: Path) -> list[str]:
    """Runs the command; the lines that it says beside its file."""
    (folder / "carbon.yaml").write_text(f"sources: {{uk: {{origin: '{origin}'}}}}\n")
    words = ["carbon", "settle", "topology.yaml", "--config", "carbon.yaml", "--prometheus", url]
    words += ["--from", str(START), "--to", str(START + 4 * HOUR), "--output", "settled.om"]
    command = [sys.executable, "-m", "joulepath", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


def test_settled_blocks_give_the_hand_sum(prometheus: Path, promtool: Path, tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text(TEXT)
    with source() as origin:
        with served(prometheus, promtool, tmp_path, recorded()) as server:
            told = settle(server.url, origin, tmp_path)
        assert told[0] == "4 of 4 hours are settled now, from 2026-11-01 00:00:00 to 2026-11-01 04:00:00"
        # promtool makes blocks of the file beside those that are there.
        with served(prometheus, promtool, tmp_path, list(_of(tmp_path / "settled.om"))) as server:
            query = f"sum by (application, segment, basis) (sum_over_time({names.GRAMS}[1d]))"
            answers = server.query(query, START + 5 * HOUR)
            told = settle(server.url, origin, tmp_path)
    found = {tuple(one.labels[name] for name in ("application", "segment", "basis")): one.value for one in answers}
    assert found.keys() == GRAMS.keys()
    for key, row in GRAMS.items():
        assert found[key] == pytest.approx(sum(row), rel=1e-3), key
    # Hours that are there already are not written again.
    assert told[0].startswith("0 of 4 hours are settled now")
    assert (tmp_path / "settled.om").read_text().splitlines()[-1] == "# EOF"
    assert not list(_of(tmp_path / "settled.om"))


def _of(file: Path) -> Iterator[Sample]:
    """The samples of a file."""
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            series, value, at = line.rsplit(" ", 2)
            yield series, float(value), float(at)
