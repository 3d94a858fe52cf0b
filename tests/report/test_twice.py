# SPDX-License-Identifier: Apache-2.0
"""Exporters that are scraped several times are named in the notes, where the topology reads them."""

from typing import Any

import pytest

from joulepath_report.twice import twice
from tests.doctor.answers import Rows, answering
from tests.rules import factory
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

PLANT = topology(f"name: plant\n{factory.TOPOLOGY}")
THERE: Rows = [({}, 1.0)]


def target(url: str, job: str) -> dict[str, Any]:
    return {"scrapePool": job, "scrapeUrl": url, "labels": {"job": job, "instance": "m:8000"}, "health": "up"}


def notes(queries: dict[str, Rows], targets: Any) -> list[str]:
    with answering(queries, {"targets": targets if isinstance(targets, int) else {"activeTargets": targets}}) as server:
        return list(twice(server, PLANT))


MODEL = [target("http://m:8000/metrics", "vllm"), target("http://m:8000/metrics", "models")]


def test_an_exporter_that_two_jobs_scrape_is_named() -> None:
    (note,) = notes({r'^group\(.*pdu_outlet_energy_joules_total.*instance="m:8000"': THERE}, MODEL)
    assert note.startswith("http://m:8000/metrics is scraped 2 times now, as vllm m:8000 and models m:8000: ")
    assert "`joulepath doctor`" in note


def test_an_exporter_that_the_topology_does_not_read_is_not_named() -> None:
    assert notes({'job="vllm"': THERE}, MODEL) == []


def test_different_exporters_and_unknown_targets_give_no_note() -> None:
    assert notes({"^group": THERE}, [MODEL[0], target("http://n:8000/metrics", "models")]) == []
    assert notes({"^group": THERE}, 404) == []
