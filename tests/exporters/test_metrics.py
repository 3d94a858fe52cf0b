# SPDX-License-Identifier: Apache-2.0
"""Every exporter's `metrics.py` keeps to the conventions that `docs/reference/metrics.md` promises."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import joulepath
from joulepath.metrics import TARGET_LABELS, Metric
from joulepath_rules.serving import metrics as serving

pytestmark = pytest.mark.unit

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(joulepath.__path__, "joulepath.")
    if module.name.endswith(".metrics") and module.name != "joulepath.metrics"
] + [serving]
METRICS: list[Metric] = [metric for module in MODULES for metric in module.METRICS]

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


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_landing_page_shows_metrics_of_the_exporter_itself(module: ModuleType) -> None:
    assert len({shown.title for shown in module.SHOWN}) == len(module.SHOWN) > 0
    for shown in module.SHOWN:
        assert shown.metric in module.METRICS
        if shown.seconds is not None:
            assert shown.seconds in module.METRICS
            assert set(shown.seconds.labels) <= set(shown.metric.labels)
            assert shown.metric.kind == shown.seconds.kind == "counter"
