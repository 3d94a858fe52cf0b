# SPDX-License-Identifier: Apache-2.0
"""Every exporter's `metrics.py` keeps to the conventions that `docs/reference/metrics.md` promises."""

import importlib
import pkgutil

import pytest

import joulepath
from joulepath.metrics import TARGET_LABELS, Metric
from joulepath_rules.serving import metrics as serving

pytestmark = pytest.mark.unit

METRICS: list[Metric] = [
    metric
    for module in pkgutil.walk_packages(joulepath.__path__, "joulepath.")
    if module.name.endswith(".metrics") and module.name != "joulepath.metrics"
    for metric in importlib.import_module(module.name).METRICS
]
METRICS += serving.METRICS

UNITS = (
    "joules", "seconds", "watts", "voltamperes", "amperes", "volts", "ratio", "bytes", "packets",
    "grams_per_kilowatt_hour",
)  # fmt: skip


def test_metrics_are_found() -> None:
    assert len(METRICS) > 5


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_follows_the_naming_conventions(metric: Metric) -> None:
    assert not TARGET_LABELS & set(metric.labels)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.help.endswith(".")
    assert ":" not in metric.name
    assert metric.family().name == metric.name.removesuffix("_total")


def test_each_metric_name_is_used_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
