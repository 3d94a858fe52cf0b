# SPDX-License-Identifier: Apache-2.0
"""Prompts' and generated tokens with weights, in promtool, with numbers worked out by hand.

The host of `llm` has 100 W, 40 of them static. Weights are 0.1 for a token of a prompt and 1 for a generated one.
    a   3 requests/s, 900 and 100 tokens/s: 90 + 100 = 190 weighted     30 + 60 * 190/500 = 52.8 W
    b   1 request/s,  100 and 300 tokens/s: 10 + 300 = 310 weighted     10 + 60 * 310/500 = 47.2 W
A second model without weights has 50 W, all of them b's, for 25 generated tokens/s.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.promtool import Case, grow, outlet, run, topology

pytestmark = pytest.mark.unit

PLANT = """
sites: {s: {grams_per_kwh: 360}}
hosts:
  g: {site: s, static_watts: 40, power: [{pdu: p, outlets: ["1"]}]}
  h: {site: s, power: [{pdu: p, outlets: ["2"]}]}
components:
  llm: {role: model, host: g, requests: vllm, tokens: {input: 0.1, output: 1}}
  plain: {role: model, host: h, requests: vllm}
applications: {a: {models: [llm]}, b: {models: [llm, plain]}}
"""

A, B = 'application="a"', 'application="b"'
LOAD = {"a": (3.0, 900.0, 100.0), "b": (1.0, 100.0, 300.0)}
AT_MODEL = 'sum by (application) (application_component:power_watts{component="llm"})'
ERROR = "abs(host:conservation_error_watts) > 1e-9 or abs(component:conservation_error_watts) > 1e-9"


def served(model: str, application: str, requests: float, asked: float | None, told: float) -> dict[str, str]:
    """A model's own counters of one application."""
    labels = f'model_name="{model}",application="{application}"'
    rates = {"request_success": requests, "prompt_tokens": asked, "generation_tokens": told}
    return {f"vllm:{name}_total{{{labels}}}": grow(rate) for name, rate in rates.items() if rate is not None}


def series() -> dict[str, str]:
    """Both models with the load above."""
    found = {**outlet("p", "1", 100), **outlet("p", "2", 50), **served("plain", "b", 1, 5, 25)}
    for name, load in LOAD.items():
        found |= served("llm", name, *load)
    return found


def case(name: str, plant: str, more: dict[str, str] | None = None) -> Case:
    """The figures of the load above."""
    return Case(
        name,
        topology(plant),
        more or series(),
        {
            (4, AT_MODEL): {A: 52.8, B: 47.2, 'application="unattributed"': 0},
            (4, "application:token_power_watts"): {
                f'{A},by="input"': 52.8 * 90 / 190,
                f'{A},by="output"': 52.8 * 100 / 190,
                f'{B},by="input"': 47.2 * 10 / 310,
                f'{B},by="output"': 47.2 * 300 / 310,
            },
            (4, "application:weighted_tokens:rate"): {
                f'{A},by="input"': 900,
                f'{A},by="output"': 100,
                f'{B},by="input"': 100,
                f'{B},by="output"': 300,
            },
            (4, "application:joules_per_input_token"): {A: 52.8 * 0.1 / 190, B: 47.2 * 0.1 / 310},
            (4, "application:joules_per_output_token"): {A: 52.8 / 190, B: 47.2 / 310},
            # As without weights: all watts for each generated token of all models. 360 g/kWh are 0.0001 g/J.
            (4, "application:tokens:rate"): {A: 100, B: 325},
            (4, "application:joules_per_token"): {A: 0.528, B: 97.2 / 325},
            (4, "1e4 * application:co2_grams_per_token"): {
                f'{A},basis="location"': 0.528,
                f'{B},basis="location"': 97.2 / 325,
            },
            (4, "1e4 * application:co2_grams_per_inference"): {
                f'{A},basis="location"': 52.8 / 3,
                f'{B},basis="location"': 97.2 / 2,
            },
            (4, ERROR): {},
        },
    )


def by_query() -> Case:
    """The same by queries of other counters."""
    old = "llm: {role: model, host: g, requests: vllm,"
    new = (
        "llm: {role: model, host: g, requests: {query: {requests: 'rate(other_requests_total[$window])',"
        " tokens: 'rate(other_told_total[$window])', input_tokens: 'rate(other_asked_total[$window])'}},"
    )
    assert old in PLANT
    found = {name: values for name, values in series().items() if 'model_name="llm"' not in name}
    for name, rates in LOAD.items():
        for word, rate in zip(("requests", "asked", "told"), rates, strict=True):
            found[f'other_{word}_total{{application="{name}"}}'] = grow(rate)
    return case("query", PLANT.replace(old, new), found)


def test_power_follows_the_weighted_sum_of_tokens(promtool: Path, tmp_path: Path) -> None:
    run(promtool, tmp_path, [case("weights", PLANT), by_query()])


def test_only_the_ratio_of_the_weights_counts(promtool: Path, tmp_path: Path) -> None:
    run(promtool, tmp_path, [case("ratio", PLANT.replace("{input: 0.1, output: 1}", "{input: 25, output: 250}"))])


def test_a_model_with_one_kind_of_tokens_missing_is_a_gap(promtool: Path, tmp_path: Path) -> None:
    """Without the prompts of b its weighted sum is not known, and so neither is the whole."""
    found = {
        name: values
        for name, values in series().items()
        if not (name.startswith("vllm:prompt") and 'application="b"' in name and "llm" in name.partition("{")[2])
    }
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (4, AT_MODEL): {'application="unattributed"': 100},
        (4, "application:token_power_watts"): {},
        (4, "application:joules_per_output_token"): {},
        (4, 'application:weighted_tokens:rate{application="b",by="input"}'): {},
        (4, ERROR): {},
    }
    run(promtool, tmp_path, [Case("missing", topology(PLANT), found, expect)])


def test_a_weight_of_zero_leaves_its_tokens_without_energy(promtool: Path, tmp_path: Path) -> None:
    plant = PLANT.replace("{input: 0.1, output: 1}", "{input: 0, output: 1}")
    # a 30 + 60 * 100/400 = 45 W, b 10 + 60 * 300/400 = 55 W.
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (4, AT_MODEL): {A: 45.0, B: 55.0, 'application="unattributed"': 0.0},
        (4, "application:joules_per_input_token"): {A: 0.0, B: 0.0},
        (4, "application:joules_per_output_token"): {A: 0.45, B: 55 / 300},
    }
    run(promtool, tmp_path, [Case("zero", topology(plant), series(), expect)])
