# SPDX-License-Identifier: Apache-2.0
"""The kinds of model servers as data: what each counts, under which labels, and what to know about it.

A new kind is one more entry of SERVERS. The keys of `requests`, their checks, the queries of the rules and
docs/reference/model-servers.md follow from it. The facts come from the page or file that `source` names.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """A kind of model server. Its name is the key of the topology.

    A `:` in the name of a metric stands for `:` or `_`: clients turn it into `_` where the scraper asks for
    OpenMetrics.
    """

    title: str
    requests: str | None
    """Counter of finished requests."""
    tokens: str | None
    """Counter of generated tokens; of a histogram of tokens for each request it is the sum."""
    input_tokens: str | None
    """Counter of the prompts' tokens."""
    model: str | None
    """Label that holds the model; None where the metrics have none."""
    application: str
    """How a label can name the application, for the page."""
    version: str
    """Version or commit in which this was read."""
    source: str
    """Where this was read."""
    notes: str = ""
    """More facts for the page, one a line."""

    def metric(self, unit: str) -> str | None:
        """The counter of `requests`, `tokens` or `input_tokens`."""
        found: str | None = getattr(self, unit)
        return found

    @property
    def units(self) -> tuple[str, ...]:
        """Those of `requests`, `tokens` and `input_tokens` that it counts."""
        return tuple(unit for unit in ("requests", "tokens", "input_tokens") if self.metric(unit) is not None)


_BY_TARGET = "no label of its own: one server for each application, or the gateway"

SERVERS: Mapping[str, Server] = {
    "vllm": Server(
        "vLLM",
        "vllm:request_success_total",
        "vllm:generation_tokens_total",
        "vllm:prompt_tokens_total",
        "model_name",
        _BY_TARGET,
        "0.28.0",
        "https://docs.vllm.ai/en/stable/usage/metrics/",
        """\
`vllm:prompt_tokens_total` counts whole prompts, with the tokens that the prefix cache already holds \
(https://github.com/vllm-project/vllm/pull/56923).
Requests have a label `finished_reason`, and all counters a label `engine`; the rules add them.
""",
    ),
    "tgi": Server(
        "Text Generation Inference",
        "tgi_request_success",
        "tgi_request_generated_tokens_sum",
        "tgi_request_input_length_sum",
        None,
        _BY_TARGET,
        "3.3",
        "https://huggingface.co/docs/text-generation-inference/reference/metrics",
        """\
The counter of requests does not end in `_total`. Tokens are histograms with one value for each finished \
request, so a long answer counts when it ends.
A server has one model, which no label names: `instance` says which server it is.
""",
    ),
    "sglang": Server(
        "SGLang",
        "sglang:num_requests_total",
        "sglang:generation_tokens_total",
        "sglang:prompt_tokens_total",
        "model_name",
        "`--tokenizer-metrics-allowed-custom-labels application`: the gateway then sends the header"
        ' `x-custom-labels: {"application": "camera"}`',
        "0.5.19",
        "https://docs.sglang.io/references/production_metrics.html",
        """\
The server shows metrics with `--enable-metrics` only.
Names of labels are on a list that the operator writes, their values come from the header: let the gateway \
overwrite it.
With prefill and decode apart, both show a label `engine_type`; name the decode server as `instance`, or \
requests count twice.
""",
    ),
    "triton": Server(
        "Triton Inference Server",
        "nv_inference_request_success",
        None,
        None,
        "model",
        _BY_TARGET,
        "commit 067c1e9",
        "https://github.com/triton-inference-server/server/blob/main/docs/user_guide/metrics.md",
        """\
Triton itself counts no tokens: the component needs `policy: packets`.
Each model of an ensemble counts each request, and so does the ensemble: `model_name` names one of them.
""",
    ),
    "triton_vllm": Server(
        "Triton, vLLM backend",
        "nv_inference_request_success",
        "vllm:generation_tokens_total",
        "vllm:prompt_tokens_total",
        "model",
        _BY_TARGET,
        "commit 1e66a22",
        "https://github.com/triton-inference-server/vllm_backend/blob/main/src/utils/metrics.py",
        """\
The backend has vLLM's names of tokens with Triton's label `model`, and no `vllm:request_success_total`.
It shows them with `REPORT_CUSTOM_METRICS` in the model's parameters only.
""",
    ),
    "triton_tensorrt_llm": Server(
        "Triton, TensorRT-LLM backend",
        "nv_inference_request_success",
        "nv_llm_output_token_len_sum",
        "nv_llm_input_token_len_sum",
        "model",
        _BY_TARGET,
        "commit 89fd9b7",
        "https://github.com/NVIDIA/TensorRT-LLM/blob/main/triton_backend/inflight_batcher_llm/src/"
        "custom_metrics_reporter/custom_metrics_reporter.cc",
        """\
Tokens are histograms with one value for each finished request, and their model is the backend's, by default \
`tensorrt_llm`, not the ensemble's: `model_name: tensorrt_llm` fits both.
""",
    ),
    "llamacpp": Server(
        "llama.cpp server",
        None,
        "llamacpp:tokens_predicted_total",
        "llamacpp:prompt_tokens_total",
        None,
        _BY_TARGET,
        "commit 25d5b0c",
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        """\
It counts no requests: the component needs `policy: bytes`.
The server shows metrics with `--metrics` only. `llamacpp:prompt_tokens_total` leaves out the tokens that the \
prompt cache already holds.
No label names the model. In router mode each model is a scrape of its own, `/metrics?model=NAME`: give each an \
`instance` by relabelling.
""",
    ),
    "tensorrt_llm": Server(
        "TensorRT-LLM (`trtllm-serve`)",
        "trtllm_request_success_total",
        "trtllm_generation_tokens_total",
        "trtllm_prompt_tokens_total",
        "model_name",
        _BY_TARGET,
        "main, 2026",
        "https://github.com/NVIDIA/TensorRT-LLM/blob/main/tensorrt_llm/metrics/collector.py",
        """\
The path is `/prometheus/metrics`, and the server needs `return_perf_metrics: true`.
Version 1.1 has requests and no tokens, and no prefix `trtllm_`: write a `query` for it.
""",
    ),
}

WITHOUT_METRICS: Mapping[str, str] = {
    "Ollama": "has no metrics for Prometheus (https://github.com/ollama/ollama/issues/3144 is open)."
    " Its requests and tokens come from a gateway in front of it, such as LiteLLM.",
}
"""Servers that cannot be in the table, and why."""


def table() -> str:
    """The body of docs/reference/model-servers.md: a table of all names, then what to know of each server."""
    rows = ["| `requests` | requests | generated tokens | prompts' tokens | model |", "|---|---|---|---|---|"]
    for key, server in SERVERS.items():
        cells = [f"`{name}`" if name else "" for name in (server.requests, server.tokens, server.input_tokens)]
        rows.append("|" + "|".join(f" {cell} " if cell else " " for cell in (f"`{key}`", *cells, _model(server))) + "|")
    parts = ["\n".join(rows)]
    for key, server in SERVERS.items():
        notes = "".join(f"* {note}\n" for note in server.notes.splitlines())
        known = f"Read in <{server.source}> ({server.version})."
        parts.append(
            f"## {server.title}\n\n`requests: {key}`. {known}\n\n* Application: {server.application}.\n{notes}"
        )
    missing = "".join(f"* {name} {why}\n" for name, why in WITHOUT_METRICS.items())
    return "\n\n".join(part.rstrip("\n") for part in (*parts, f"## Without metrics\n\n{missing}")) + "\n"


def _model(server: Server) -> str:
    return f"`{server.model}`" if server.model else "none"
