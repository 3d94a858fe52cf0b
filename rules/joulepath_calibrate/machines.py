# SPDX-License-Identifier: Apache-2.0
"""The machine that a power model is fitted on: as node_exporter says it, or this one."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from joulepath.workload.places import Places
from joulepath.workload.power import machine
from joulepath_calibrate.errors import RefusedError
from joulepath_prometheus.client import Prometheus
from joulepath_topology.promql import quote

Stated = Mapping[str, Any]
"""The keys of `machine` in a power model, without those that are not known."""


def this(places: Places | None = None) -> Stated:
    """This machine. Raises RefusedError where its processor is not known."""
    found = {name: value for name, value in asdict(machine.read(places or Places())).items() if value is not None}
    if "cpu_model" not in found:
        raise RefusedError("/proc/cpuinfo does not name the processor of this machine")
    return _whole(found)


def of_host(prometheus: Prometheus, host: str) -> Stated:
    """The machine of a host now. Raises PrometheusError and RefusedError."""
    own = f"instance={quote(host)}"
    models = {sample.labels.get("model_name", "") for sample in prometheus.query(f"node_cpu_info{{{own}}}")} - {""}
    cpus = prometheus.query(f'count(node_cpu_seconds_total{{{own},mode="idle"}})')
    if len(models) != 1 or not cpus:
        raise RefusedError(
            f"has no single processor in node_cpu_info{{{own}}}: start its node_exporter with --collector.cpu.info, or "
            "run this on the host itself with --this-machine"
        )
    found: dict[str, Any] = {"cpu_model": models.pop(), "cpus": int(cpus[0].value)}
    if memory := prometheus.query(f"node_memory_MemTotal_bytes{{{own}}}"):
        found["memory_bytes"] = memory[0].value
    for key, query, label in (
        ("product_name", f"node_dmi_info{{{own}}}", "product_name"),
        ("governor", f"node_cpu_scaling_governor{{{own}}} == 1", "governor"),
    ):
        values = {sample.labels.get(label, "") for sample in prometheus.query(query)} - {""}
        if len(values) == 1:
            found[key] = values.pop()
    return _whole(found)


def _whole(found: dict[str, Any]) -> Stated:
    """Bytes without a decimal point."""
    return {key: int(value) if isinstance(value, float) else value for key, value in found.items()}
