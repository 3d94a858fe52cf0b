# SPDX-License-Identifier: Apache-2.0
"""Each recipe of docs/guides/models.md in promtool, against the series that the program shows."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from joulepath_topology import Topology
from tests.conftest import ROOT
from tests.rules.promtool import Case, outlet, run
from tests.rules.test_model_servers import SHOWN, shown

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "guides" / "models.md").read_text(encoding="utf-8")
RECIPES: dict[str, str] = {
    title: block
    for title, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^```yaml\n(llm:.*?)^```", section, re.MULTILINE | re.DOTALL)
}

# Per second: camera 3 requests, 900 tokens of prompts and 100 generated, robot 1, 100 and 300. Failed requests and
# other models must not count.
SERIES = {
    "A server for each application": SHOWN["vllm"],
    "Input and output tokens": SHOWN["vllm"],
    "SGLang": SHOWN["sglang"],
    "Envoy AI Gateway": """
gen_ai_server_request_duration_seconds_count{gen_ai_request_model="llm",gen_ai_operation_name="chat",application="a"} 3
gen_ai_server_request_duration_seconds_count{gen_ai_request_model="llm",gen_ai_operation_name="chat",application="b"} 1
gen_ai_server_request_duration_seconds_count{gen_ai_request_model="llm",error_type="_OTHER",application="b"} 5
gen_ai_server_request_duration_seconds_count{gen_ai_request_model="another",application="b"} 9
gen_ai_client_token_usage_token_sum{gen_ai_request_model="llm",gen_ai_token_type="output",application="a"} 100
gen_ai_client_token_usage_token_sum{gen_ai_request_model="llm",gen_ai_token_type="output",application="b"} 300
gen_ai_client_token_usage_token_sum{gen_ai_request_model="llm",gen_ai_token_type="input",application="a"} 900
gen_ai_client_token_usage_token_sum{gen_ai_request_model="llm",gen_ai_token_type="input",application="b"} 100
gen_ai_client_token_usage_token_sum{gen_ai_request_model="llm",gen_ai_token_type="total",application="b"} 400
""",
    "LiteLLM": """
litellm_proxy_total_requests_metric_total{requested_model="llm",status_code="200",api_key_alias="a",team_alias="t"} 3
litellm_proxy_total_requests_metric_total{requested_model="llm",status_code="200",api_key_alias="b",team_alias="t"} 1
litellm_proxy_total_requests_metric_total{requested_model="llm",status_code="429",api_key_alias="b",team_alias="t"} 7
litellm_output_tokens_metric_total{requested_model="llm",model="openai/llm",api_key_alias="a",team_alias="t"} 100
litellm_output_tokens_metric_total{requested_model="llm",model="openai/llm",api_key_alias="b",team_alias="t"} 300
litellm_output_tokens_metric_total{requested_model="another",model="openai/x",api_key_alias="b",team_alias="t"} 900
litellm_input_tokens_metric_total{requested_model="llm",model="openai/llm",api_key_alias="a",team_alias="t"} 900
litellm_input_tokens_metric_total{requested_model="llm",model="openai/llm",api_key_alias="b",team_alias="t"} 100
""",
    "llm-d": """
llm_d_router_epp_request_total{fairness_id="a",model_name="chat",priority="0",target_model_name="llm"} 3
llm_d_router_epp_request_total{fairness_id="b",model_name="chat",priority="0",target_model_name="llm"} 1
llm_d_router_epp_request_total{fairness_id="b",model_name="chat",priority="0",target_model_name="another"} 9
llm_d_router_epp_output_tokens_sum{fairness_id="a",model_name="chat",priority="0",target_model_name="llm"} 100
llm_d_router_epp_output_tokens_sum{fairness_id="b",model_name="chat",priority="0",target_model_name="llm"} 300
llm_d_router_epp_input_tokens_sum{fairness_id="a",model_name="chat",priority="0",target_model_name="llm"} 900
llm_d_router_epp_input_tokens_sum{fairness_id="b",model_name="chat",priority="0",target_model_name="llm"} 100
""",
    "Istio": """
istio_requests_total{reporter="destination",source_workload="a",destination_service_name="llm",response_code="200"} 3
istio_requests_total{reporter="destination",source_workload="b",destination_service_name="llm",response_code="200"} 1
istio_requests_total{reporter="destination",source_workload="b",destination_service_name="llm",response_code="503"} 9
istio_requests_total{reporter="source",source_workload="b",destination_service_name="llm",response_code="200"} 1
""",
    "OpenTelemetry": """
gen_ai_client_operation_duration_seconds_count{gen_ai_request_model="llm",job="plant/a",instance="1"} 3
gen_ai_client_operation_duration_seconds_count{gen_ai_request_model="llm",job="b",instance="1"} 1
gen_ai_client_operation_duration_seconds_count{gen_ai_request_model="llm",error_type="timeout",job="b"} 5
gen_ai_client_token_usage_sum{gen_ai_request_model="llm",gen_ai_token_type="output",job="plant/a",instance="1"} 100
gen_ai_client_token_usage_sum{gen_ai_request_model="llm",gen_ai_token_type="output",job="b",instance="1"} 300
gen_ai_client_token_usage_sum{gen_ai_request_model="llm",gen_ai_token_type="input",job="plant/a",instance="1"} 900
gen_ai_client_token_usage_sum{gen_ai_request_model="llm",gen_ai_token_type="input",job="b",instance="1"} 100
""",
    "IOAM bytes, the last resort": """
ioam_trace_bytes_total{node_id="9",ioam_namespace="123",trace_id="0a",direction="uplink"} 10000
ioam_trace_bytes_total{node_id="9",ioam_namespace="123",trace_id="0a",direction="downlink"} 40000
ioam_trace_bytes_total{node_id="9",ioam_namespace="123",trace_id="0b",direction="uplink"} 150000
ioam_node_bytes_total{node_id="9",direction="uplink"} 200000
ioam_node_bytes_total{node_id="9",direction="downlink"} 50000
""",
}

# Of 100 W, 40 are static. By requests camera has 3/4 of them, by tokens 1/4; with weights 190/500 as the page has it.
BOTH = {"camera": 40 * 0.75 + 60 * 0.25, "robot": 40 * 0.25 + 60 * 0.75, "unattributed": 0.0}
WATTS: dict[str, dict[str, float]] = {
    "Istio": {"camera": 75.0, "robot": 25.0, "unattributed": 0.0},
    # 50, 150 and 50 of 250 kB/s.
    "IOAM bytes, the last resort": {"camera": 20.0, "robot": 60.0, "unattributed": 20.0},
    "Input and output tokens": {"camera": 30 + 22.8, "robot": 10 + 37.2, "unattributed": 0.0},
}
NAMES = {"a": "camera", "b": "robot"}


def named(text: str) -> str:
    """The exposition with the names of the page in place of a and b."""
    label = r'((?:application|api_key_alias|fairness_id|source_workload|job)="(?:plant/)?)([ab])"'
    return re.sub(label, lambda found: f'{found[1]}{NAMES[found[2]]}"', text)


def case(number: int, title: str, block: str, more: str = "") -> Case:
    """A topology with the recipe's model, and the watts of its applications."""
    plant = {
        "sites": {"s": {}},
        "hosts": {"gpu-1": {"site": "s", "static_watts": 40, "power": [{"pdu": "p", "outlets": ["1"]}]}},
        "components": yaml.safe_load(block),
        "applications": {name: {"models": ["llm"]} for name in NAMES.values()},
    }
    if more:
        plant["components"]["llm"] |= yaml.safe_load(more)
    watts = WATTS["Input and output tokens"] if more else WATTS.get(title, BOTH)
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (4, "sum by (application) (application:power_watts)"): {
            f'application="{name}"': value for name, value in watts.items()
        }
    }
    series = {**outlet("p", "1", 100), **shown(named(SERIES[title]))}
    return Case(f"recipe-{number}{'-weights' if more else ''}", Topology.model_validate(plant), series, expect)


def test_recipes_of_gateways_divide_the_watts(promtool: Path, tmp_path: Path) -> None:
    assert set(RECIPES) == set(SERIES)
    run(promtool, tmp_path, [case(number, *recipe) for number, recipe in enumerate(RECIPES.items())])


def test_recipes_with_prompts_take_weights(promtool: Path, tmp_path: Path) -> None:
    weights = "tokens: {input: 0.1, output: 1}"
    able = {title: block for title, block in RECIPES.items() if "input_tokens" in block}
    assert len(able) == 4
    run(promtool, tmp_path, [case(number, *recipe, weights) for number, recipe in enumerate(able.items())])


def test_both_names_of_the_gateway_s_tokens_are_read(promtool: Path, tmp_path: Path) -> None:
    title = "Envoy AI Gateway"
    found = case(0, title, RECIPES[title])
    renamed = {name.replace("usage_token_sum", "usage_sum"): values for name, values in found.series.items()}
    assert renamed != found.series
    run(promtool, tmp_path, [Case("renamed", found.topology, renamed, found.expect)])
