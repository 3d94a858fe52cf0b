# SPDX-License-Identifier: Apache-2.0
"""Marginal power of applications in promtool, with numbers worked out by hand.

The factory's traffic at node 4 (see factory.py): a has 500 packets/s and 250,000 bytes/s, b 100 and 500,000.
    ru-1    does not follow traffic                             a 0                       b 0
    du-1    20 uJ for a byte (15 to 30)                         a 5 W (3.75 to 7.5)       b 10 W (7.5 to 15)
    upf-1   10 uJ for a byte (8 to 12), 10 mJ for a packet      a 2.5 + 5 = 7.5 W         b 5 + 1 = 6 W
            (9 to 12 mJ)                                          (2 + 4.5 to 3 + 6)        (4 + 0.9 to 6 + 1.2)
    in all                                                      a 12.5 W (10.25 to 16.5)  b 16 W (12.4 to 22.2)
"""

from pathlib import Path

import pytest

from tests.rules.factory import TOPOLOGY, A, everything
from tests.rules.promtool import Case, grow, outlet, run, topology
from tests.rules.test_policies import data, series
from tests.topology.examined import sound

pytestmark = pytest.mark.unit

RU = "ru-1: {role: ru, marginal: [{joules: 0, low: 0, high: 0, method: calibrated}],"
DU = "du-1: {role: du, marginal: [{per: bytes, joules: 2e-5, low: 1.5e-5, high: 3e-5, method: calibrated}],"
UPF = (
    "upf-1: {role: upf, marginal: [{per: bytes, joules: 1e-5, low: 8.0e-6, high: 1.2e-5, method: calibrated}, "
    "{per: packets, joules: 0.01, low: 0.009, high: 0.012, method: calibrated}],"
)
KNOWN = TOPOLOGY
for role, entry in (("ru", RU), ("du", DU), ("upf", UPF)):
    KNOWN = KNOWN.replace(f"{role}-1: {{role: {role},", entry)

MARGINAL, LOW, HIGH = (f"application:power_marginal{bound}_watts" for bound in ("", "_low", "_high"))
BOTH = f"{MARGINAL} or {LOW} or {HIGH}"


def labels(application: str, method: str = "calibrated", segment: str = "network") -> str:
    return f'application="{application}",method="{method}",segment="{segment}"'


def named(name: str, *args: str) -> str:
    return f'__name__="{name}",{labels(*args)}'


def test_traffic_times_its_slopes_is_what_an_application_adds(promtool: Path, tmp_path: Path) -> None:
    case = Case(
        "known",
        topology(KNOWN),
        everything(),
        {
            (4, MARGINAL): {labels("a"): 12.5, labels("b"): 16},
            (4, LOW): {labels("a"): 10.25, labels("b"): 12.4},
            (4, HIGH): {labels("a"): 16.5, labels("b"): 22.2},
            (4, 'application_component:traffic:rate{component="du-1",application="a"}'): {
                'application="a",component="du-1",by="count"': 500,
                'application="a",component="du-1",by="volume"': 250_000,
            },
            # Shares of the same hosts are as they were: the sum of the factory's table.
            (4, 'sum(application:power_watts{application!="unattributed"})'): {"": 123 + 88.5},
        },
    )
    run(promtool, tmp_path, [case])


def test_traffic_of_a_direction_is_known_where_power_follows_it(promtool: Path, tmp_path: Path) -> None:
    """Of the switch of tests/rules/test_policies.py, where rows of applications are beside directions, or not."""
    dynamic = {"uplink": 0.25, "downlink": 0.75}
    cases = []
    for static, more in (("packets", {"count": 500}), ("equal", {})):
        switch = data({"static": static, "dynamic": dynamic}, marginal=[{"per": "bytes", "joules": 1e-5}])
        rates = {"uplink": 180_000, "downlink": 20_000, "volume": 200_000, **more}
        rows = {f'application="a",by="{by}",component="sw"': rate for by, rate in rates.items()}
        known = 'application_component:traffic:rate{application="a"}'
        cases.append(Case(f"by-{static}", sound(switch), series(), {(4, known): rows}))
    run(promtool, tmp_path, cases)


def test_one_declared_number_makes_the_sum_declared_without_an_interval(promtool: Path, tmp_path: Path) -> None:
    text = KNOWN.replace(RU, "ru-1: {role: ru, marginal: [{joules: 0}],")
    expect = {labels("a", "declared"): 12.5, labels("b", "declared"): 16.0}
    run(promtool, tmp_path, [Case("declared", topology(text), everything(), {(4, MARGINAL): expect, (4, LOW): {}})])


def test_a_component_without_a_slope_leaves_the_application_out(promtool: Path, tmp_path: Path) -> None:
    """The slope of the DU is known for a alone; b has none."""
    text = KNOWN.replace(DU, DU.replace("per: bytes,", "per: bytes, application: a,"))
    assert text != KNOWN
    case = Case(
        "one", topology(text), everything(), {(4, MARGINAL): {labels("a"): 12.5}, (4, LOW): {labels("a"): 10.25}}
    )
    run(promtool, tmp_path, [case, Case("none", topology(TOPOLOGY), everything(), {(4, MARGINAL): {}})])


def test_traffic_that_is_not_counted_leaves_the_application_out(promtool: Path, tmp_path: Path) -> None:
    """Without the trace of a its traffic is not known; without the node that of both is not."""
    untraced = {name: values for name, values in everything().items() if A not in name}
    blind = {name: values for name, values in everything().items() if not name.startswith("ioam_node_measured")}
    run(
        promtool,
        tmp_path,
        [
            Case("untraced", topology(KNOWN), untraced, {(4, MARGINAL): {labels("b"): 16}}),
            Case("blind", topology(KNOWN), blind, {(4, BOTH): {}}),
        ],
    )


def test_traffic_counts_by_the_time_in_which_it_was_measured(promtool: Path, tmp_path: Path) -> None:
    """A node that is measured for three quarters of the time counts three quarters of the packets: rates are true."""
    series = {
        name: grow(float(values.removeprefix("0+").removesuffix("x40")) / 15 * 0.75)
        if name.startswith("ioam_")
        else values
        for name, values in everything().items()
    }
    expect = {labels("a"): 12.5, labels("b"): 16.0}
    run(promtool, tmp_path, [Case("partly", topology(KNOWN), series, {(4, MARGINAL): expect})])


PLANT = """
sites: {s: {}}
hosts:
  c: {site: s, power: [{pdu: p, outlets: ["3"]}]}
  e: {site: s, power: [{pdu: p, outlets: ["1"]}]}
  g: {site: s, pool: gpus, power: [{pdu: p, outlets: ["2"]}]}
components:
  cell:
    role: gnb
    host: e
    marginal: [{per: packets, joules: 0.5}]
    traffic: {query: {bytes: 'rate(cell_bytes_total[$window])', packets: 'rate(cell_packets_total[$window])'}}
  amf: {role: core-control, host: c, marginal: [{joules: 0}], supports: [cell]}
  llm:
    role: model
    pool: gpus
    requests: vllm
    tokens: {input: 0.1, output: 1}
    marginal:
      - {per: tokens, joules: 0.3}
      - {per: tokens, joules: 0.2, application: a}
      - {per: requests, joules: 2, application: a}
applications: {a: {path: [cell], models: [llm]}, b: {path: [cell], models: [llm]}, c: {path: [cell]}}
"""


def plant() -> dict[str, str]:
    """a sends 10 packets/s and asks 3 times a second; b sends 4 and asks once; c does not send."""
    found = {**outlet("p", "1", 100), **outlet("p", "2", 200), **outlet("p", "3", 10)}
    for name, packets in (("a", 10), ("b", 4)):
        found[f'cell_packets_total{{application="{name}"}}'] = grow(packets)
        found[f'cell_bytes_total{{application="{name}"}}'] = grow(packets * 100)
    for name, (requests, asked, told) in {"a": (3, 900, 100), "b": (1, 100, 300)}.items():
        rates = {"request_success": requests, "prompt_tokens": asked, "generation_tokens": told}
        for word, rate in rates.items():
            found[f'vllm:{word}_total{{model_name="llm",application="{name}"}}'] = grow(rate)
    return found


def test_models_queries_and_supporting_functions_have_slopes_too(promtool: Path, tmp_path: Path) -> None:
    """Weighted tokens/s: a 0.1 * 900 + 100 = 190, b 0.1 * 100 + 300 = 310. The policy of an undivided host counts bytes
    alone, and the slope is one of packets."""
    ours = {
        labels("a", "declared"): 10 * 0.5,
        labels("b", "declared"): 4 * 0.5,
        labels("c", "declared"): 0,
        labels("a", "declared", "model"): 190 * 0.2 + 3 * 2,
        labels("b", "declared", "model"): 310 * 0.3,
        labels("a", "declared", "support"): 0,
        labels("b", "declared", "support"): 0,
        labels("c", "declared", "support"): 0,
    }
    # Scaled to none: no process counts, and the hosts of the pool are off.
    idle = {name: values for name, values in plant().items() if "vllm" not in name}
    idle |= outlet("p", "2", 0)
    off = {row: 0 if 'segment="model"' in row else value for row, value in ours.items()}
    run(
        promtool,
        tmp_path,
        [
            Case("plant", topology(PLANT), plant(), {(4, MARGINAL): ours}),
            Case("off", topology(PLANT), idle, {(4, MARGINAL): off}),
        ],
    )
