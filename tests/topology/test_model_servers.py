# SPDX-License-Identifier: Apache-2.0
"""Models of a topology: their kinds of servers, and the weights of their tokens."""

from typing import Any

import pytest
import yaml

from joulepath_topology.model_servers import SERVERS, WITHOUT_METRICS, table
from tests.topology.examined import lines, sound

pytestmark = pytest.mark.unit


def plant(**models: dict[str, Any]) -> dict[str, Any]:
    """A host for each model."""
    return {
        "sites": {"s": {}},
        "hosts": {name: {"site": "s", "power": [{"pdu": "p", "outlets": [name]}]} for name in models},
        "components": {name: {"role": "model", **entry} for name, entry in models.items()},
        "applications": {"a": {"models": list(models)}},
    }


@pytest.mark.parametrize("kind", SERVERS)
def test_a_kind_stands_alone_or_with_its_labels(kind: str) -> None:
    """The short form is the long one without anything in it."""
    policy = "packets" if "tokens" not in SERVERS[kind].units else "bytes"
    alone = sound(plant(m={"requests": kind, "policy": policy}))
    long = sound(plant(m={"requests": {kind: {}}, "policy": policy}))
    assert alone.hash == long.hash
    assert sound(plant(m={"requests": {kind: {"instance": "i"}}, "policy": policy})).hash != alone.hash


@pytest.mark.parametrize("kind", [kind for kind, server in SERVERS.items() if server.model is None])
def test_a_model_that_no_label_names_cannot_be_named(kind: str) -> None:
    found = lines(plant(m={"policy": "bytes", "requests": {kind: {"model_name": "m"}}}))
    title = SERVERS[kind].title
    assert found == [
        f"components.m.requests: {title} names no model in its metrics: leave out model_name, and name the instance"
    ]


@pytest.mark.parametrize("kind", [kind for kind, server in SERVERS.items() if server.model is None])
def test_two_models_of_one_server_without_names_count_twice(kind: str) -> None:
    """Nothing tells them apart but the instance."""
    model = {"policy": "bytes", "requests": kind}
    hint = f"{SERVERS[kind].title} names no model: give each its `instance`"
    assert lines(plant(m=model, n=model)) == [
        f"warning: components.n.requests: already counts for 'm': it would count twice ({hint})"
    ]
    assert len(lines(plant(m=model, n={**model, "requests": {kind: {"instance": "i"}}}))) == 1
    sound(plant(m={**model, "requests": {kind: {"instance": "h"}}}, n={**model, "requests": {kind: {"instance": "i"}}}))
    apart = {**model, "requests": {kind: {"instance": "i"}}}
    sound(plant(m=model | {"requests": {kind: {"instance": "j"}}}, n=apart))


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (
            {"requests": "llamacpp"},
            "requests: policy packets-bytes needs requests, which llama.cpp server does not count",
        ),
        ({"requests": "triton"}, "requests: policy packets-bytes needs tokens, which Triton Inference Server does not"),
        ({"tokens": {"input": 1, "output": 2}}, "tokens: weighs the tokens of `requests`: this component has none"),
        (
            {"requests": "triton", "policy": "packets", "tokens": {"input": 1, "output": 2}},
            "tokens: weighs generated tokens, which `requests` does not count",
        ),
        (
            {"requests": {"query": {"requests": "x", "tokens": "y"}}, "tokens": {"input": 1, "output": 2}},
            "tokens: weighs tokens of prompts, which `requests` does not count",
        ),
        ({"requests": "vllm", "tokens": {"input": 0, "output": 0}}, "tokens: one of the weights must be above 0"),
        ({"requests": "vllm", "tokens": {"input": 1}}, "tokens.output: is missing"),
        (
            {"requests": "vllm", "tokens": {"input": -1, "output": 1}},
            "tokens.input: must be greater than or equal to 0",
        ),
    ],
)
def test_an_amount_that_a_model_does_not_count_is_an_error(model: dict[str, Any], line: str) -> None:
    found = lines(plant(m=model))
    assert any(each.startswith(f"components.m.{line}") for each in found), found


def test_the_page_has_every_server_with_its_source() -> None:
    page = table()
    for server in SERVERS.values():
        assert server.source in page
        assert all(f"`{server.metric(unit)}`" in page for unit in server.units)
    assert all(name in page for name in WITHOUT_METRICS)


def test_all_kinds_may_stand_in_one_file() -> None:
    text = "{" + ", ".join(f"{kind}: {{requests: {kind}, policy: {_policy(kind)}}}" for kind in SERVERS) + "}"
    sound(plant(**yaml.safe_load(text)))


def _policy(kind: str) -> str:
    return "bytes" if "tokens" in SERVERS[kind].units else "packets"
