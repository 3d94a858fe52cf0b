# SPDX-License-Identifier: Apache-2.0
"""Whatever was found, the topology that is written is valid, and names every reading once."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joulepath.ioam.config import read as read_ioam
from joulepath.tag.config import read as read_tag
from joulepath.tag.settings import MAX_FLOWS
from joulepath_init import files
from joulepath_init.asking import Questions
from joulepath_init.cores import SHARED
from joulepath_init.draft import Wishes, draft
from joulepath_init.found import WHOLE_LEVELS, CoreThere, Found, Gpu, Model, Node, Pod, Reading, Whole
from joulepath_topology.cores.catalogue import CORES
from joulepath_topology.meters import METERS
from joulepath_topology.model_servers import SERVERS

from .findings import PLUG, drafted

pytestmark = pytest.mark.unit


HOSTS = st.sampled_from(["edge-1", "edge-2.example.org", "EDGE_01", "10.0.0.4", "10.0.0.4:9100", "gpu-1", "upf", "on"])
NAMES = st.sampled_from([
    "upf", "cu-1", "robot", "edge-1 PSU A", "edge-1 PSU B", "Outlet 7", "", "1", "null", "yes", "unattributed",
    "Kühlung", "a\nb: {", "#5", '"quoted"', "{{x}}", "サーバ", "gpu-1", "x" * 250,
])  # fmt: skip
OUTLETS = st.builds(
    Reading, st.just("pdu"), st.sampled_from(["pdu-1", "pdu-2"]), st.sampled_from(["1", "2", "10", "load", "a/b"]),
    NAMES, st.sampled_from([None, 0.0, 40.0, 250.0]),
)  # fmt: skip
OTHERS = st.builds(
    Reading, st.sampled_from([kind for kind, meter in METERS.items() if meter.whole_server and kind != "pdu"]), HOSTS,
    watts=st.sampled_from([None, 0.0, 41.0, 247.0]),
)  # fmt: skip
WHOLES = st.builds(
    Whole, st.sampled_from(["pdu-1", "pdu-3", "gpu-1"]), st.sampled_from(WHOLE_LEVELS),
    st.sampled_from([("1",), ("1", "L2")]), st.sampled_from([None, 0.0, 320.0]),
)  # fmt: skip
NODES = st.builds(Node, HOSTS, st.sampled_from(["0.10", "0.9"]), st.frozensets(
    st.sampled_from(["package", "dram", "core", "psys"]), min_size=1
))  # fmt: skip
ANY_PODS = st.builds(
    Pod, st.sampled_from(["core", "ran", "kube-system"]),
    st.sampled_from([
        "upf-7d9f8c6b5-x2x4z", "upf-7d9f8c6b5-zzzzz", "upf-b-7d9f8c6b5-x2x4z", "du-0", "du-1", "amf", "vllm-qwen-0",
        "coredns-abcde", "robot-0", "upf",
    ]), HOSTS,
)  # fmt: skip
GPUS = st.builds(Gpu, st.sampled_from(["gpu", "dcgm"]), HOSTS, st.sampled_from(["0", "1"]))
MODELS = st.builds(
    lambda server, name, instance, applications: Model(
        server, name if SERVERS[server].model else "", instance, applications
    ),
    st.sampled_from(list(SERVERS)),
    st.sampled_from(["Qwen/Qwen2.5-VL-7B", "llava"]),
    HOSTS,
    st.frozensets(st.sampled_from(["camera", "robot", "bad name"])),
)


VALUES = st.lists(
    st.sampled_from(["camera", "robot", "5", "6", "1-000001", "unattributed", "a b", "x\n", "x" * 250, '"', "@"]),
    min_size=1, unique=True,
)  # fmt: skip
THERE = st.sampled_from(list(CORES)).flatmap(
    lambda core: st.builds(
        CoreThere, st.just(core), HOSTS,
        st.fixed_dictionaries({}, optional=dict.fromkeys(set(CORES[core].keys) & set(SHARED), VALUES)),
    )
)  # fmt: skip


def _once(readings: list[Reading]) -> list[Reading]:
    return list({(one.kind, one.instance, one.part): one for one in readings}.values())


FOUND = st.builds(
    Found,
    readings=st.lists(st.one_of(OUTLETS, OTHERS), max_size=6).map(_once),
    wholes=st.lists(WHOLES, max_size=2, unique_by=lambda whole: whole.instance),
    nodes=st.lists(NODES, max_size=3, unique_by=lambda node: node.name),
    pods=st.lists(ANY_PODS, max_size=6, unique=True),
    requesting=st.sampled_from([frozenset(), frozenset({("core", "upf"), ("ran", "du-0")})]),
    capacity=st.dictionaries(HOSTS, st.sampled_from([4.0, 16.0]), max_size=3),
    workloads=st.lists(
        st.tuples(HOSTS, st.sampled_from(["upf.service", "other", "ssh.service", "ran/du-0"])), max_size=4, unique=True
    ),
    gpus=st.lists(GPUS, max_size=3, unique_by=lambda gpu: (gpu.host, gpu.number)),
    models=st.lists(MODELS, max_size=3, unique_by=lambda model: (model.server, model.name, model.instance)),
    ioam_nodes=st.lists(st.tuples(st.integers(0, 9), HOSTS), max_size=3, unique=True),
    traces=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["4bf92f3577b34da6", "00" * 16, "all"])), max_size=3, unique=True
    ),
    flows=st.lists(
        st.sampled_from(["camera", "robot", "a@b:/", "@", "unattributed", "x" * 64]), max_size=3, unique=True
    ),
    cores=st.lists(THERE, max_size=3, unique_by=lambda one: (one.core, one.instance)),
)  # fmt: skip


@settings(max_examples=300)
@given(FOUND, st.booleans(), st.lists(st.sampled_from(["camera", "robot", "a b"]), unique=True))
@example(Found(readings=[Reading("pdu", "pdu-1", "1", "unattributed", 5.0)]), False, [])
@example(Found(readings=[PLUG], cores=[CoreThere("open5gs", "edge-1", {"qfi": ["64", "camera"]})]), False, [])
def test_any_findings_become_a_valid_topology(found: Found, kubernetes: bool, names: list[str]) -> None:
    if not found.any_power:
        return
    made = draft(found, Wishes(kubernetes, names), Questions(None))
    if not made.boxes:
        return
    made, topology = drafted(found, Wishes(kubernetes, names))
    assert set(topology.hosts) == {box.name for box in made.boxes}
    used = Counter(
        (source.kind, *labels.values())
        for host in topology.hosts.values()
        for source in (*host.power, *host.fallback)
        for labels in source.readings
    )
    assert not [reading for reading, count in used.items() if count > 1]


@settings(max_examples=30)
@given(st.lists(st.sampled_from([f"camera-{number}" for number in range(99)]), min_size=1, max_size=99, unique=True))
@example([f"camera-{number}" for number in range(99)])
@example(["x" * 128, "a b", "x" * 129])
def test_any_applications_become_files_that_their_exporters_read(names: list[str]) -> None:
    made, topology = drafted(Found(readings=[replace(PLUG, name="upf-1")]), Wishes(applications=names))
    assert made.traces is not None
    with tempfile.TemporaryDirectory() as folder:
        ioam, tag = Path(folder) / "ioam.yaml", Path(folder) / "tag.yaml"
        ioam.write_text(files.ioam(made.traces), encoding="utf-8")
        tag.write_text(files.tag(made.traces), encoding="utf-8")
        ids = {bytes.fromhex(entry.traces[0].id) for entry in topology.applications.values()}
        assert read_ioam(ioam).namespaces[123].ids == ids
        tagged = {flow.trace_id for flow in read_tag(tag).flows}
        assert tagged <= ids
        assert len(tagged) == min(len(ids), MAX_FLOWS)
