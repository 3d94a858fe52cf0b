# SPDX-License-Identifier: Apache-2.0
"""Each core in promtool: metrics as the core shows them, watts worked out by hand, and the trap that its table states.

A host of 100 W, 40 of them static. Where a core counts volume alone, the policy is `bytes`; of all traffic a has 1/4,
b has 5/8, and 1/8 belongs to others: 25 W, 62.5 W and 12.5 W. Where it counts packets, too, a has 1/2 of them and b
1/4: with the default policy a has 40 / 2 + 60 / 4 = 35 W, and b 40 / 4 + 60 * 5 / 8 = 47.5 W.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from joulepath_topology.cores.catalogue import CORES
from tests.rules.promtool import Case, grow, measured, outlet, run, topology, trace

pytestmark = pytest.mark.unit

PLANT = """
sites: {{s: {{}}}}
hosts: {{h: {{site: s, static_watts: 40, power: [{{pdu: p, outlets: ["1"]}}]}}}}
components: {{h: {{role: {role}, policy: {policy}, traffic: {{core: {core}, instances: [i-1]}}}}}}
applications:
  a: {{core: {a}, path: [h]}}
  b: {{core: {b}, path: [h]}}
"""

VOLUME = {"a": 25.0, "b": 62.5, "unattributed": 12.5}
BOTH = {"a": 35.0, "b": 47.5, "unattributed": 17.5}


@dataclass(frozen=True)
class Shown:
    """One core: its exposition after a second of load, the keys of both applications, and what must come out."""

    text: str
    a: str
    b: str
    policy: str = "bytes"
    role: str = "upf"
    watts: Mapping[str, float] = field(default_factory=lambda: VOLUME)
    bits: Mapping[str, float] = field(default_factory=lambda: {"a": 8 * 200.0, "b": 8 * 500.0})
    gauges: bool = False


# All values of counters grow by as much each second. Gauges stay as they are.
SHOWN = {
    "open5gs": Shown(
        """
# TYPE fivegs_ep_n3_gtp_indatavolumen3upf counter
fivegs_ep_n3_gtp_indatavolumen3upf{instance="i-1"} 300
# TYPE fivegs_ep_n3_gtp_outdatavolumen3upf counter
fivegs_ep_n3_gtp_outdatavolumen3upf{instance="i-1"} 500
# TYPE fivegs_ep_n3_gtp_indatapktn3upf counter
fivegs_ep_n3_gtp_indatapktn3upf{instance="i-1"} 3
# TYPE fivegs_ep_n3_gtp_indatavolumeqosleveln3upf counter
fivegs_ep_n3_gtp_indatavolumeqosleveln3upf{instance="i-1",qfi="1"} 100
fivegs_ep_n3_gtp_indatavolumeqosleveln3upf{instance="i-1",qfi="5"} 200
# TYPE fivegs_ep_n3_gtp_outdatavolumeqosleveln3upf counter
fivegs_ep_n3_gtp_outdatavolumeqosleveln3upf{instance="i-1",qfi="6"} 400
fivegs_ep_n3_gtp_outdatavolumeqosleveln3upf{instance="i-1",qfi="7"} 100
fivegs_ep_n3_gtp_outdatavolumeqosleveln3upf{instance="another",qfi="5"} 900
""",
        "{qfi: 5}",
        "{qfi: [6, 7]}",
    ),
    "sdcore": Shown(
        """
# TYPE upf_session_tx_bytes gauge
upf_session_tx_bytes{instance="i-1",fseid="7",pdr="1",ue_ip="10.250.0.1",direction="uplink"} 3000
upf_session_tx_bytes{instance="i-1",fseid="8",pdr="1",ue_ip="10.250.0.2",direction="uplink"} 1500
upf_session_tx_bytes{instance="i-1",fseid="8",pdr="2",ue_ip="10.250.0.2",direction="downlink"} 6000
upf_session_tx_bytes{instance="i-1",fseid="9",pdr="1",ue_ip="10.250.0.3",direction="uplink"} 1500
# TYPE upf_session_tx_packets gauge
upf_session_tx_packets{instance="i-1",fseid="7",pdr="1",ue_ip="10.250.0.1",direction="uplink"} 60
upf_session_tx_packets{instance="i-1",fseid="8",pdr="1",ue_ip="10.250.0.2",direction="uplink"} 10
upf_session_tx_packets{instance="i-1",fseid="8",pdr="2",ue_ip="10.250.0.2",direction="downlink"} 20
upf_session_tx_packets{instance="i-1",fseid="9",pdr="1",ue_ip="10.250.0.3",direction="uplink"} 30
""",
        '{ue: "10.250.0.1"}',
        "{session: 8}",
        "packets-bytes",
        watts=BOTH,
        bits={},
        gauges=True,
    ),
    "free5gc": Shown(
        """
# TYPE pdr_byte_count gauge
pdr_byte_count{instance="i-1",seid="1",pdrid="1",direction="UL"} 200
pdr_byte_count{instance="i-1",seid="1",pdrid="1",direction="DL"} 0
pdr_byte_count{instance="i-1",seid="2",pdrid="2",direction="DL"} 500
pdr_byte_count{instance="i-1",seid="3",pdrid="2",direction="DL"} 100
# TYPE pdr_packet_count gauge
pdr_packet_count{instance="i-1",seid="1",pdrid="1",direction="UL"} 4
pdr_packet_count{instance="i-1",seid="2",pdrid="2",direction="DL"} 2
pdr_packet_count{instance="i-1",seid="3",pdrid="2",direction="DL"} 2
""",
        "{session: 1}",
        "{session: 2}",
        "packets-bytes",
        watts=BOTH,
    ),
    "magma": Shown(
        """
# TYPE ue_traffic counter
ue_traffic{gatewayID="i-1",IMSI="IMSI001010000000001",session_id="IMSI001010000000001-10",direction="up"} 150
ue_traffic{gatewayID="i-1",IMSI="IMSI001010000000001",session_id="IMSI001010000000001-10",direction="down"} 50
ue_traffic{gatewayID="i-1",IMSI="IMSI001010000000002",session_id="IMSI001010000000002-20",direction="down"} 500
ue_traffic{gatewayID="i-1",IMSI="IMSI001010000000003",session_id="IMSI001010000000003-30",direction="up"} 100
ue_traffic{gatewayID="another",IMSI="IMSI001010000000001",session_id="IMSI001010000000001-10",direction="up"} 900
""",
        "{ue: IMSI001010000000001}",
        "{session: IMSI001010000000002-20}",
    ),
    # bit/s: an eighth of it in bytes/s.
    "srsran": Shown(
        """
# TYPE ue_dl_brate untyped
ue_dl_brate{instance="i-1",pci="1",rnti="17921"} 1200
ue_dl_brate{instance="i-1",pci="1",rnti="17922"} 4000
ue_dl_brate{instance="i-1",pci="1",rnti="17923"} 800
# TYPE ue_ul_brate untyped
ue_ul_brate{instance="i-1",pci="1",rnti="17921"} 400
ue_ul_brate{instance="i-1",pci="1",rnti="17922"} 0
ue_ul_brate{instance="i-1",pci="1",rnti="17923"} 0
""",
        "{ue: 17921}",
        "{ue: 17922}",
        role="du",
        gauges=True,
    ),
    "kpm_volume": Shown(
        """
# TYPE DRB_PdcpSduVolumeDL gauge
DRB_PdcpSduVolumeDL{instance="i-1",ue_id="1"} 150
DRB_PdcpSduVolumeDL{instance="i-1",ue_id="2"} 400
DRB_PdcpSduVolumeDL{instance="i-1",ue_id="3"} 100
DRB_PdcpSduVolumeDL{instance="i-1"} 650
# TYPE DRB_PdcpSduVolumeUL gauge
DRB_PdcpSduVolumeUL{instance="i-1",ue_id="1"} 50
DRB_PdcpSduVolumeUL{instance="i-1",ue_id="2"} 100
""",
        "{ue: 1}",
        "{ue: 2}",
        role="cu",
        bits={},
        gauges=True,
    ),
    "kpm_throughput": Shown(
        """
# TYPE DRB_UEThpDl gauge
DRB_UEThpDl{instance="i-1",ue_id="1"} 200
DRB_UEThpDl{instance="i-1",ue_id="2"} 500
DRB_UEThpDl{instance="i-1",ue_id="3"} 60
# TYPE DRB_UEThpUl gauge
DRB_UEThpUl{instance="i-1",ue_id="3"} 40
""",
        "{ue: 1}",
        "{ue: 2}",
        role="du",
        bits={},
        gauges=True,
    ),
    "kpm_prb": Shown(
        """
# TYPE RRU_PrbUsedDl gauge
RRU_PrbUsedDl{instance="i-1"} 70
RRU_PrbUsedDl{instance="i-1",ue_id="1"} 10
RRU_PrbUsedDl{instance="i-1",ue_id="2"} 50
RRU_PrbUsedDl{instance="i-1",ue_id="3"} 10
# TYPE RRU_PrbUsedUl gauge
RRU_PrbUsedUl{instance="i-1",ue_id="1"} 10
""",
        "{ue: 1}",
        "{ue: 2}",
        role="ru",
        bits={},
        gauges=True,
    ),
    "pfcp": Shown(
        """
# TYPE pfcp_usage_bytes_total counter
pfcp_usage_bytes_total{instance="smf",group="cameras",dnn="video",s_nssai="1-000001",upf="i-1",direction="uplink"} 200
pfcp_usage_bytes_total{instance="smf",group="cameras",dnn="internet",s_nssai="1-000001",upf="i-1",direction="uplink"} 50
pfcp_usage_bytes_total{instance="smf",group="robots",dnn="video",s_nssai="1-000002",upf="i-1",direction="downlink"} 500
pfcp_usage_bytes_total{instance="smf",group="",dnn="internet",s_nssai="1-000001",upf="i-1",direction="downlink"} 50
pfcp_usage_bytes_total{instance="smf",group="cameras",dnn="video",s_nssai="1-000001",upf="i-2",direction="uplink"} 900
# TYPE pfcp_usage_packets_total counter
pfcp_usage_packets_total{instance="smf",group="cameras",dnn="video",s_nssai="1-000001",upf="i-1",direction="uplink"} 4
pfcp_usage_packets_total{instance="smf",group="robots",dnn="video",s_nssai="1-000002",upf="i-1",direction="downlink"} 2
pfcp_usage_packets_total{instance="smf",group="",dnn="internet",s_nssai="1-000001",upf="i-1",direction="downlink"} 2
""",
        "{group: cameras, dnn: video}",
        "{slice: 1-000002}",
        "packets-bytes",
        watts=BOTH,
    ),
}


def shown(text: str, *, gauges: bool = False) -> dict[str, str]:
    """The series of an exposition: counters that grow by its values each second, or gauges that stay."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {series: f"{value}x40" if gauges else grow(float(value)) for series, _, value in lines}


def plant(kind: str) -> str:
    """The topology with this core."""
    one = SHOWN[kind]
    return PLANT.format(core=kind, policy=one.policy, role=one.role, a=one.a, b=one.b)


def case(kind: str) -> Case:
    one = SHOWN[kind]
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (4, "sum by (application) (application:power_watts)"): {
            f'application="{name}"': watts for name, watts in one.watts.items()
        },
        (4, "application:bits:rate"): {f'application="{name}"': bits for name, bits in one.bits.items()},
    }
    series = {**outlet("p", "1", 100), **shown(one.text, gauges=one.gauges)}
    if kind == "open5gs":
        series |= {'fivegs_ep_n3_gtp_outdatapktn3upf{instance="i-1"}': grow(5)}
    return Case(kind, topology(plant(kind)), series, expect)


def test_each_core_gives_its_applications_their_watts(promtool: Path, tmp_path: Path) -> None:
    assert set(SHOWN) == {name for name, core in CORES.items() if core.divides}
    run(promtool, tmp_path, [case(kind) for kind in SHOWN])


def watts(kind: str, name: str, series: Mapping[str, str], rows: Mapping[str, float], minute: float = 4) -> Case:
    """A case with other series of a core: `rows` are the watts of the applications, an absent one is a gap."""
    query = "sum by (application) (application_component:power_watts)"
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (minute, query): {f'application="{one}"': value for one, value in rows.items()}
    }
    return Case(name, topology(plant(kind)), {**outlet("p", "1", 100), **series}, expect)


def test_a_second_reader_takes_of_all_sessions_alike(promtool: Path, tmp_path: Path) -> None:
    """Every second read is half, since another one came between: the parts stay, and bits/s are not recorded."""
    half = {
        series: " ".join(f"{float(value.removesuffix('x40')) / (1 + step % 2)}" for step in range(40))
        for series, value in shown(SHOWN["sdcore"].text, gauges=True).items()
    }
    run(promtool, tmp_path, [watts("sdcore", "shared", half, BOTH)])


def test_counters_that_are_off_give_nothing_to_applications(promtool: Path, tmp_path: Path) -> None:
    """Open5GS shows its totals as 0 and no QFI: all watts are unattributed, and the doctor says why."""
    names = ("indatavolumen3upf", "outdatavolumen3upf", "indatapktn3upf", "outdatapktn3upf")
    off = {f'fivegs_ep_n3_gtp_{name}{{instance="i-1"}}': "0x40" for name in names}
    run(promtool, tmp_path, [watts("open5gs", "off", off, {"a": 0.0, "b": 0.0, "unattributed": 100.0})])


def test_keys_that_select_the_same_traffic_share_no_more_than_all(promtool: Path, tmp_path: Path) -> None:
    """Of 600 bytes/s, 400 are of a's DNN and of b's slice, 100 of the DNN alone, 50 of the slice alone.

    a has 500 and b 450, together more than all: they divide the 100 W in this proportion, and the sum is kept.
    """
    series = {
        f'pfcp_usage_{unit}_total{{upf="i-1",group="",dnn="{dnn}",s_nssai="{name}"}}': grow(value / size)
        for unit, size in (("bytes", 1), ("packets", 100))
        for dnn, name, value in (("video", "1", 400), ("video", "2", 100), ("other", "1", 50), ("other", "2", 50))
    }
    text = PLANT.format(core="pfcp", policy="packets-bytes", role="upf", a="{dnn: video}", b="{slice: '1'}")
    rows = {'application="a"': 100 * 500 / 950, 'application="b"': 100 * 450 / 950, 'application="unattributed"': 0.0}
    query = "sum by (application) (application_component:power_watts)"
    expect: dict[tuple[float, str], Mapping[str, float]] = {(4, query): rows}
    run(promtool, tmp_path, [Case("twice", topology(text), {**outlet("p", "1", 100), **series}, expect)])


def test_a_core_that_is_gone_is_a_gap_and_not_0_watts(promtool: Path, tmp_path: Path) -> None:
    """Each core ends after two minutes: at four the applications are gaps, whatever kind its series are of."""
    gone = [
        watts(kind, f"{kind}-gone", {name: f"{text[: text.rindex('x')]}x8" for name, text in ended.items()}, rest)
        for kind, rest in (("sdcore", {"unattributed": 100.0}), ("srsran", {"unattributed": 100.0}))
        for ended in [shown(SHOWN[kind].text, gauges=True)]
    ]
    run(promtool, tmp_path, gone)


def test_a_user_who_left_counts_for_the_time_before(promtool: Path, tmp_path: Path) -> None:
    """UE 17922 goes in the middle of the window of minute 4: of 9 steps it was there in 5, so b has 5/9 of 500 bytes/s.

    The total is 300 + 500 * 5/9 = 5200/9 bytes/s: b has 2500/5200 of 100 W, a 1800/5200.
    """
    series = {
        name: "".join((value.removesuffix("x40"), "x12 stale" if "17922" in name else "x40"))
        for name, value in shown(SHOWN["srsran"].text, gauges=True).items()
    }
    rows = {"a": 1800 / 52, "b": 2500 / 52, "unattributed": 900 / 52}
    run(promtool, tmp_path, [watts("srsran", "left", series, rows)])


BESIDE = """
sites: {{s: {{}}}}
hosts: {{h: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}}}
components: {{h: {{role: upf, policy: {policy}, traffic: {{ioam: 4, core: {core}, instances: [i-1]}}}}}}
applications: {{a: {{traces: [{{ioam_namespace: 123, id: "0a"}}], path: [h]}}}}
"""

# The trace has 3 packets/s and 300 bytes/s; the UPF has 8 packets/s and 1,200 bytes/s.
WHOLE = {
    "eupf": """
upf_xdp_tx{instance="i-1"} 2
upf_xdp_redirect{instance="i-1"} 6
upf_xdp_pass{instance="i-1"} 90
upf_xdp_redirect{instance="another"} 90
""",
    "ella": """
app_uplink_bytes{instance="i-1"} 200
app_downlink_bytes{instance="i-1"} 1000
app_xdp_action_total{instance="i-1",interface="n3",action="XDP_TX"} 3
app_xdp_action_total{instance="i-1",interface="n6",action="XDP_REDIRECT"} 5
app_xdp_action_total{instance="i-1",interface="n3",action="XDP_DROP"} 90
""",
}


@pytest.mark.parametrize(
    ("kind", "policy", "part"), [("eupf", "packets", 3 / 8), ("ella", "packets", 3 / 8), ("ella", "bytes", 1 / 4)]
)
def test_a_core_of_totals_alone_leaves_the_rows_to_ioam(
    kind: str, policy: str, part: float, promtool: Path, tmp_path: Path
) -> None:
    series = {**outlet("p", "1", 100), **shown(WHOLE[kind]), **trace("0a", 4, 3, 300), **measured(4)}
    rows = {'application="a"': 100 * part, 'application="unattributed"': 100 * (1 - part)}
    expect: dict[tuple[float, str], Mapping[str, float]] = {(4, "sum by (application) (application:power_watts)"): rows}
    beside = topology(BESIDE.format(core=kind, policy=policy))
    run(promtool, tmp_path, [Case(f"{kind}-{policy}", beside, series, expect)])


def rules(text: str) -> list[Rule]:
    return [rule for group in generate(topology(text)) for rule in group.rules if isinstance(rule, Rule)]


@pytest.mark.parametrize("kind", SHOWN)
def test_a_gauge_never_becomes_a_rate(kind: str) -> None:
    """No rule of any group reads a rate, an increase or resets of it, whatever the amount."""
    read = " ".join(rule.expr for rule in rules(plant(kind)))
    for amount in CORES[kind].amounts.values():
        for series in amount.parts:
            rated = re.search(rf"\b(rate|irate|increase|resets|deriv|delta)\({series.metric}\b", read) is not None
            assert rated == (amount.kind == "counter" and series.metric in read)


@pytest.mark.parametrize("kind", SHOWN)
def test_no_recorded_series_names_a_subscriber(kind: str) -> None:
    """A key of the topology stands in selectors alone, never in a label or a grouping."""
    values = {value for one in (SHOWN[kind].a, SHOWN[kind].b) for value in re.findall(r"[\w.-]{5,}", one)}
    labels = set(CORES[kind].keys.values())
    for rule in rules(plant(kind)):
        assert not values & set(rule.labels.values())
        assert not labels & set(rule.labels)
        for grouped in re.findall(r"\b(?:by|on|group_left|without|ignoring) \(([^)]*)\)", rule.expr):
            assert not labels & set(grouped.replace(" ", "").split(","))
        assert "count_values" not in rule.expr or "adapter" not in rule.record
