# SPDX-License-Identifier: Apache-2.0
"""Each kind of model server in promtool: metrics as the server shows them, and watts worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from joulepath_topology.model_servers import SERVERS
from tests.rules.promtool import Case, grow, outlet, run, topology

pytestmark = pytest.mark.unit

PLANT = """
sites: {{s: {{}}}}
hosts: {{g: {{site: s, static_watts: 40, power: [{{pdu: p, outlets: ["1"]}}]}}}}
components: {{llm: {{role: model, host: g, policy: {policy}, requests: {requests}}}}}
applications: {{a: {{models: [llm]}}, b: {{models: [llm]}}}}
"""

# The metrics of each server after one second of one load; all values grow by as much each second. The model `llm` has
# for a 3 requests, 100 generated tokens and 900 of prompts, for b 1, 300 and 100. `another` is another model.
SHOWN = {
    "vllm": """
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="llm",application="a"} 2
vllm:request_success_total{engine="0",finished_reason="length",model_name="llm",application="a"} 1
vllm:request_success_total{engine="0",finished_reason="stop",model_name="llm",application="b"} 1
vllm:request_success_total{engine="0",finished_reason="stop",model_name="another",application="b"} 9
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="llm",application="a"} 100
vllm:generation_tokens_total{engine="0",model_name="llm",application="b"} 300
vllm:generation_tokens_total{engine="0",model_name="another",application="b"} 900
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="llm",application="a"} 900
vllm:prompt_tokens_total{engine="0",model_name="llm",application="b"} 100
""",
    # A server for each application, as relabelling names it; `instance` is that of Prometheus.
    "tgi": """
# TYPE tgi_request_success counter
tgi_request_success{instance="tgi-1",application="a"} 3
tgi_request_success{instance="tgi-1",application="b"} 1
tgi_request_success{instance="another",application="b"} 9
# TYPE tgi_request_generated_tokens histogram
tgi_request_generated_tokens_bucket{instance="tgi-1",application="a",le="+Inf"} 3
tgi_request_generated_tokens_sum{instance="tgi-1",application="a"} 100
tgi_request_generated_tokens_count{instance="tgi-1",application="a"} 3
tgi_request_generated_tokens_sum{instance="tgi-1",application="b"} 300
tgi_request_generated_tokens_count{instance="tgi-1",application="b"} 1
tgi_request_generated_tokens_sum{instance="another",application="b"} 900
# TYPE tgi_request_input_length histogram
tgi_request_input_length_sum{instance="tgi-1",application="a"} 900
tgi_request_input_length_count{instance="tgi-1",application="a"} 3
tgi_request_input_length_sum{instance="tgi-1",application="b"} 100
tgi_request_input_length_count{instance="tgi-1",application="b"} 1
""",
    "sglang": """
# TYPE sglang:num_requests_total counter
sglang:num_requests_total{application="a",engine_type="unified",is_streaming="true",model_name="llm"} 2
sglang:num_requests_total{application="a",engine_type="unified",is_streaming="false",model_name="llm"} 1
sglang:num_requests_total{application="b",engine_type="unified",is_streaming="true",model_name="llm"} 1
sglang:num_requests_total{application="b",engine_type="unified",is_streaming="true",model_name="another"} 9
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{application="a",engine_type="unified",model_name="llm"} 100
sglang:generation_tokens_total{application="b",engine_type="unified",model_name="llm"} 300
sglang:generation_tokens_total{application="b",engine_type="unified",model_name="another"} 900
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{application="a",engine_type="unified",model_name="llm"} 900
sglang:prompt_tokens_total{application="b",engine_type="unified",model_name="llm"} 100
""",
    "triton": """
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="llm",version="1",application="a"} 3
nv_inference_request_success{model="llm",version="1",application="b"} 1
nv_inference_request_success{model="another",version="1",application="b"} 9
""",
    "triton_vllm": """
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="llm",version="1",application="a"} 3
nv_inference_request_success{model="llm",version="1",application="b"} 1
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model="llm",version="1",application="a"} 100
vllm:generation_tokens_total{model="llm",version="1",application="b"} 300
vllm:generation_tokens_total{model="another",version="1",application="b"} 900
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{model="llm",version="1",application="a"} 900
vllm:prompt_tokens_total{model="llm",version="1",application="b"} 100
""",
    "triton_tensorrt_llm": """
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="ensemble",version="1",application="a"} 3
nv_inference_request_success{model="llm",version="1",application="a"} 3
nv_inference_request_success{model="llm",version="1",application="b"} 1
# TYPE nv_llm_output_token_len histogram
nv_llm_output_token_len_sum{model="llm",response_metric_type="total_output_tokens",version="1",application="a"} 100
nv_llm_output_token_len_count{model="llm",response_metric_type="total_output_tokens",version="1",application="a"} 3
nv_llm_output_token_len_sum{model="llm",response_metric_type="total_output_tokens",version="1",application="b"} 300
nv_llm_output_token_len_count{model="llm",response_metric_type="total_output_tokens",version="1",application="b"} 1
# TYPE nv_llm_input_token_len histogram
nv_llm_input_token_len_sum{model="llm",response_metric_type="total_input_tokens",version="1",application="a"} 900
nv_llm_input_token_len_count{model="llm",response_metric_type="total_input_tokens",version="1",application="a"} 3
nv_llm_input_token_len_sum{model="llm",response_metric_type="total_input_tokens",version="1",application="b"} 100
nv_llm_input_token_len_count{model="llm",response_metric_type="total_input_tokens",version="1",application="b"} 1
""",
    "llamacpp": """
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total{instance="llama-1",application="a"} 900
llamacpp:prompt_tokens_total{instance="llama-1",application="b"} 100
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total{instance="llama-1",application="a"} 100
llamacpp:tokens_predicted_total{instance="llama-1",application="b"} 300
llamacpp:tokens_predicted_total{instance="another",application="b"} 900
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total{instance="llama-1",application="a"} 77
""",
    "tensorrt_llm": """
# TYPE trtllm_request_success_total counter
trtllm_request_success_total{engine_type="trtllm",finished_reason="stop",model_name="llm",application="a"} 3
trtllm_request_success_total{engine_type="trtllm",finished_reason="stop",model_name="llm",application="b"} 1
trtllm_request_success_total{engine_type="trtllm",finished_reason="stop",model_name="another",application="b"} 9
# TYPE trtllm_generation_tokens_total counter
trtllm_generation_tokens_total{engine_type="trtllm",model_name="llm",application="a"} 100
trtllm_generation_tokens_total{engine_type="trtllm",model_name="llm",application="b"} 300
# TYPE trtllm_prompt_tokens_total counter
trtllm_prompt_tokens_total{engine_type="trtllm",model_name="llm",application="a"} 900
trtllm_prompt_tokens_total{engine_type="trtllm",model_name="llm",application="b"} 100
""",
}

# Without a label of the model, the server is named.
INSTANCES = {"tgi": "tgi-1", "llamacpp": "llama-1"}

# Of 100 W, 40 are static. By requests a has 3/4 of them, by tokens 1/4.
WATTS = {
    "packets-bytes": {"a": 40 * 0.75 + 60 * 0.25, "b": 40 * 0.25 + 60 * 0.75},
    "packets": {"a": 75.0, "b": 25.0},
    "bytes": {"a": 25.0, "b": 75.0},
}


def shown(text: str) -> dict[str, str]:
    """The series of an exposition, as counters that grow by its values each second."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {series: grow(float(value)) for series, _, value in lines}


def policy_of(kind: str) -> str:
    """The default policy, or the one for a server that counts requests or tokens only."""
    units = SERVERS[kind].units
    return "packets-bytes" if {"requests", "tokens"} <= set(units) else "packets" if "requests" in units else "bytes"


def case(kind: str, text: str, label: str = "application") -> Case:
    """The topology with this kind of server, and what must come out."""
    words = {"instance": INSTANCES[kind]} if kind in INSTANCES else {}
    if label != "application":
        words["application_label"] = label
    inner = ", ".join(f"{key}: {value}" for key, value in words.items())
    policy = policy_of(kind)
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (4, "sum by (application) (application:power_watts)"): {
            f'application="{name}"': watts for name, watts in {**WATTS[policy], "unattributed": 0.0}.items()
        }
    }
    counted = {
        "application:inferences:rate": ("requests", {"a": 3.0, "b": 1.0}),
        "application:tokens:rate": ("tokens", {"a": 100.0, "b": 300.0}),
    }
    for series, (unit, rows) in counted.items():
        used = rows if unit in SERVERS[kind].units else {}
        expect[4, series] = {f'application="{name}"': rate for name, rate in used.items()}
    requests = f"{{{kind}: {{{inner}}}}}" if inner else kind
    plant = topology(PLANT.format(policy=policy, requests=requests))
    return Case(f"{kind}-{label}", plant, {**outlet("p", "1", 100), **shown(text)}, expect)


def test_each_kind_of_server_gives_its_applications_their_watts(promtool: Path, tmp_path: Path) -> None:
    assert set(SHOWN) == set(SERVERS)
    run(promtool, tmp_path, [case(kind, text) for kind, text in SHOWN.items()])


def test_a_colon_may_be_an_underscore(promtool: Path, tmp_path: Path) -> None:
    colons = {kind: text for kind, text in SHOWN.items() if ":" in text}
    assert {"vllm", "sglang", "llamacpp"} <= set(colons)
    run(promtool, tmp_path, [case(kind, text.replace(":", "_")) for kind, text in colons.items()])


def test_the_label_of_the_application_may_have_any_name(promtool: Path, tmp_path: Path) -> None:
    cases = [case(kind, text.replace("application=", "user="), "user") for kind, text in SHOWN.items()]
    run(promtool, tmp_path, cases)
