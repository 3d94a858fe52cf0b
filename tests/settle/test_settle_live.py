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
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from joulepath_rules import settled as names
from joulepath_rules.history import BY_SITE, closes_after
from tests.rules.backfilled import Sample, served
from tests.settle.setup import GRAMS, HALVES, HOUR, MEGAJOULES, START, TEXT, answer, plant

pytestmark = pytest.mark.long

AFTER = closes_after(plant())


def recorded() -> Iterator[Sample]:
    """The hours of energy as the rules record them."""
    for (application, segment, site), row in MEGAJOULES.items():
        labels = f'application="{application}",segment="{segment}",site="{site}",topology="plant"'
        for number, amount in enumerate(row):
            yield f"{BY_SITE}{{{labels}}}", amount * 1e6, START + (number + 1) * HOUR + AFTER + 20


@contextmanager
def source(halves: dict[float, float | None] = HALVES) -> Iterator[str]:
    """Answers as the source does."""
    body = json.dumps(answer(halves)).encode()

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


def test_corrected_hours_are_settled_again_after_they_are_deleted(
    prometheus: Path, promtool: Path, tmp_path: Path
) -> None:
    (tmp_path / "topology.yaml").write_text(TEXT)
    with source() as origin, served(prometheus, promtool, tmp_path, recorded()) as server:
        settle(server.url, origin, tmp_path)
    # Later the source knows the last half hour, and corrects the second hour from 200 to 160 g/kWh: by a fifth.
    with (
        source({**HALVES, 1: 100, 1.5: 220, 3.5: 110}) as origin,
        served(prometheus, promtool, tmp_path, list(_of(tmp_path / "settled.om")), "--web.enable-admin-api") as server,
    ):
        told = settle(server.url, origin, tmp_path)
        assert told[-1] == (
            "mast: the source has corrected settled hours (1, by up to 20.0%): to write them again, "
            "delete start=2026-11-01T02:00:00Z&end=2026-11-01T03:00:00Z first (docs/guides/carbon.md)"
        )
        assert _hours(tmp_path / "settled.om") == {3}
        match = f'{{__name__=~"{names.GRAMS}|{names.FACTOR}",topology="plant"}}'
        period = told[-1].partition("delete ")[2].partition(" first")[0]
        deletion = f"{server.url}/api/v1/admin/tsdb/delete_series?match[]={quote(match)}&{period}"
        assert urlopen(Request(deletion, method="POST")).status == 204  # this test's own server
        told = settle(server.url, origin, tmp_path)
        assert len(told) == 1
        assert _hours(tmp_path / "settled.om") == {1, 3}
    with served(prometheus, promtool, tmp_path, list(_of(tmp_path / "settled.om"))) as server:
        query = f'sum by (application) (sum_over_time({names.GRAMS}{{basis="location"}}[1d]))'
        found = {one.labels["application"]: one.value for one in server.query(query, START + 5 * HOUR)}
    # The mast: 1.5 x 195, 160, 150 and 100 g/kWh. Camera: 1, 2, 0.1 and 1 kWh there, 2, 0.5, 1 and 1 kWh in the room.
    assert found == pytest.approx(
        {
            "camera": 292.5 + 480 + 22.5 + 150 + 4.5 * 200,
            "robot": 146.25 + 0 + 225 + 150,
        },
        rel=1e-3,
    )


def test_live_shares_and_overheads_count_as_means_of_the_hour(prometheus: Path, promtool: Path, tmp_path: Path) -> None:
    text = TEXT.replace("share: 0.25", "watts: inverter_watts").replace("share: 0.75, ", "")
    (tmp_path / "topology.yaml").write_text(text.replace("overhead: 1.25", "overhead: {query: pue}"))

    def minutes(series: str, values: tuple[float, ...]) -> Iterator[Sample]:
        """A row for each minute; it stands for the time half a window before."""
        for number in range(60):
            yield series, values[number * len(values) // 60], START + 90 + 60 * number

    room = 'site="room",topology="plant"'
    samples = [
        *recorded(),
        *minutes(f'supply:share:ratio{{{room},supply="panels"}}', (0.2, 0.6)),
        *minutes(f'supply:share:ratio{{{room},supply="grid"}}', (0.8, 0.4)),
        *minutes(f"site:overhead:ratio{{{room}}}", (1.1, 1.2, 1.3)),
    ]
    with source() as origin, served(prometheus, promtool, tmp_path, samples) as server:
        settle(server.url, origin, tmp_path)
    found = {
        (series.partition("{")[0], series.partition('segment="')[2][:5]): value
        for series, value, at in _of(tmp_path / "settled.om")
        if 'basis="location"' in series
        and ('site="room"' in series or 'segment="model"' in series)
        and at < START + 2 * HOUR
    }
    # 1.2 x (0.4 x 40 + 0.6 x 200) = 163.2 g/kWh, of which the model uses 2 kWh; the other hours are not known.
    assert found == pytest.approx({(names.FACTOR, ""): 163.2 / 3.6e6, (names.GRAMS, "model"): 326.4}, rel=1e-3)
    assert all("room" not in series for series, _, at in _of(tmp_path / "settled.om") if at > START + 2 * HOUR)


def _hours(file: Path) -> set[int]:
    """The numbers of the hours that a file has."""
    return {round((at - AFTER - START) / HOUR) - 1 for *_, at in _of(file)}


def _of(file: Path) -> Iterator[Sample]:
    """The samples of a file."""
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            series, value, at = line.rsplit(" ", 2)
            yield series, float(value), float(at)
