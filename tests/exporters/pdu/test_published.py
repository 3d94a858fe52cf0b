# SPDX-License-Identifier: Apache-2.0
"""Devices of which single values or a MIB are published, but no recording is at hand: objects, values and meaning.

These are no recordings, and no profile counts as recorded by them. What may be mistaken for a value stands beside.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from joulepath.pdu.check import explained
from joulepath.pdu.layout import detect
from joulepath.pdu.schema import Profile
from joulepath.pdu.walk import WalkClient

pytestmark = pytest.mark.unit

Published = tuple[str, Mapping[str, int | str], Mapping[tuple[str, str, str], float | None]]
"""sysObjectID, values by object (both below enterprises), and readings by level, label and quantity.

Without a sysObjectID the device has none. Objects that begin with 1.3.6.1 are in full.
"""

CISCO = "9.9.402.1.2.1"
HPE = "11.2.14.11.1.9.1.1.1"
ARUBA = "47196.4.1.1.3.8.1.1.1"
CPDU = "318.1.1.32"
GEIST = "21239.2.25.1"
RARITAN = "13742.6"
CYBERPOWER = "3808.1.1.3.2.3.1.1"
RITTAL = "2606.7.4.2.2.1"
GUDE = "28507.81.1"
SCHLEIFENBAUER = "31034.12.1.1.2"
GATEWAY = "44568.1.1"
JANITZA = "34278"
TRIPPLITE = "850.1.1.3.1.3"
ATEN = "21317.1.3.2.2.2.1.99.1"
PANDUIT = "19536.10.1.5.1.1"
ENLOGIC = "38446.1"
E3METER = "21695.1.10"
UPS = "1.3.6.1.2.1.33.1"
POE = "1.3.6.1.2.1.105.1.3.1.1"
POWERTEK = "42610.1.4.4.1.6"
NETGEAR = "4526.11.15.1.1.1"
MIKROTIK = "14988.1.1"
SENSOR = "9.9.91.1.1.1.1"
ENTITY = "1.3.6.1.2.1.47.1.1.1.1"
GAUGES: Mapping[int, Sequence[int | str]] = {  # name, value, unit
    17: ("temperature", 41, 1),
    7001: ("power-consumption", 214, 5),
    7002: ("poe-out-consumption", 72, 5),
}
VARIABLES: Sequence[Sequence[int | str]] = [  # name, unit, scale, value
    ("Unit.Power.Active.Value", "W", 1, 1639),
    ("Unit.Energy.Active.Value", "kWh", -10, 76365),
    ("Phase L1.Voltage.Value", "V", -10, 2299),
    ("Phase L1.Current.Value", "A", -100, 445),
    ("Sockets.Socket 01.Power.Active.Value", "W", 1, 87),
]
DEVICES: Mapping[str, Published] = {
    "poe-cisco": (
        "9.1.1208",
        # Allocated, available, consumed, the most ever drawn.
        {f"{CISCO}.7.1.1": 15400, f"{CISCO}.8.1.1": 15400, f"{CISCO}.9.1.1": 6300, f"{CISCO}.10.1.1": 7100},
        {("outlet", "1.1", "power"): 6.3},
    ),
    "poe-hpe": (
        "11.2.3.7.11.79",
        {f"{HPE}.1.1.2": 37, f"{HPE}.2.1.2": 499, f"{HPE}.3.1.2": 1800, f"{HPE}.5.1.2": 17, f"{HPE}.7.1.2": 17},
        {
            ("outlet", "1.2", "power"): 1.8,
            ("outlet", "1.2", "current"): 0.037,
            ("outlet", "1.2", "voltage"): 49.9,
        },
    ),
    "poe-aruba-cx": (
        "47196.4.1.1.1.50",
        {f"{ARUBA}.4.1.193": 226, f"{ARUBA}.5.1.193": 547, f"{ARUBA}.6.1.193": 13920, f"{ARUBA}.7.1.193": 12369},
        {
            ("outlet", "1.193", "power"): 12.369,
            ("outlet", "1.193", "current"): 0.226,
            ("outlet", "1.193", "voltage"): 54.7,
        },
    ),
    "poe-huawei": (
        "2011.2.23.291",
        {
            "2011.5.25.195.3.1.9.5": 15400,
            "2011.5.25.195.3.1.10.5": 4240,
            "2011.5.25.195.3.1.11.5": 8745,
            "2011.5.25.195.3.1.13.5": "82",
            "2011.5.25.195.3.1.14.5": "53",
        },
        {("outlet", "5", "power"): 4.24, ("outlet", "5", "current"): 0.082, ("outlet", "5", "voltage"): 53},
    ),
    "apc-cpdu": (
        CPDU,
        {
            f"{CPDU}.1.2.1.11.1": "APDU10450SM",
            f"{CPDU}.2.4.1.4.1": 4583,
            f"{CPDU}.2.4.1.5.1": 4605,
            f"{CPDU}.3.4.1.5.1.1": 620,
            f"{CPDU}.3.4.1.7.1.1": 1431,
            f"{CPDU}.4.4.1.3.1.1": "B1",
            f"{CPDU}.4.4.1.3.1.2": "NA",
            f"{CPDU}.4.4.1.5.1.1": 231,
            f"{CPDU}.4.4.1.5.1.2": 0,
        },
        {
            ("inlet", "1", "power"): 4583,
            ("inlet", "1", "apparent_power"): 4605,
            ("phase", "1", "current"): 6.2,
            ("phase", "1", "power"): 1431,
            ("branch", "1", "current"): 2.31,
        },
    ),
    # PDU2-MIB: an inlet of three poles with decimal digits; the outlet's sensor is not available, and has a value of 0.
    "raritan-px2": (
        RARITAN,
        {
            f"{RARITAN}.3.3.4.1.7.1.1.5": 0,
            f"{RARITAN}.5.2.3.1.2.1.1.5": 1,
            f"{RARITAN}.5.2.3.1.4.1.1.5": 4310,
            f"{RARITAN}.3.3.6.1.7.1.1.2.1": 3,
            f"{RARITAN}.5.2.4.1.2.1.1.2.1": 1,
            f"{RARITAN}.5.2.4.1.4.1.1.2.1": 6250,
            f"{RARITAN}.5.2.4.1.4.1.1.3.1": 6300,  # without digits: an unknown step
            f"{RARITAN}.3.5.4.1.7.1.7.5": 0,
            f"{RARITAN}.5.4.3.1.2.1.7.5": 2,
            f"{RARITAN}.5.4.3.1.4.1.7.5": 0,
        },
        {("inlet", "1", "power"): 4310, ("phase", "1.2", "current"): 6.25},
    ),
    # A switched model: the load of the device in 0.1 A and nothing else.
    "cyberpower": (
        "3808.1.1.3",
        {f"{CYBERPOWER}.1.1": 1, f"{CYBERPOWER}.2.1": 8},
        {("phase", "1", "current"): 0.8},
    ),
    # RITTAL-CMC-III-MIB: name, unit, scale and value of a variable; a plug's number is written with a zero in front.
    "rittal-cmc3": (
        "2606.7",
        {
            f"{RITTAL}.3.2.70": "Plug 01.Power.Active.Value",
            f"{RITTAL}.5.2.70": "W",
            f"{RITTAL}.7.2.70": -10,
            f"{RITTAL}.11.2.70": 1234,
        },
        {("outlet", "1", "power"): 123.4},
    ),
    "geist-v3": (
        "21239.2",
        {f"{GEIST}.6.1": 230, f"{GEIST}.14.1": 231, f"{GEIST}.29.1": 5255, f"{GEIST}.30.1": 346},
        {
            ("inlet", "1", "power"): 346,
            ("inlet", "1", "meter_energy"): 5255 * 3.6e6,
            ("phase", "1.1", "voltage"): 230,
            ("phase", "1.2", "voltage"): 231,
        },
    ),
    # EPC8031: the meter's first line, and one that is not active.
    "gude-epc": (
        "28507.81",
        {
            **{f"{GUDE}.5.1.2.1.{column}.1": value for column, value in enumerate((1, 1109596, 18, 186, 230), 2)},
            f"{GUDE}.5.1.2.1.8.1": 424,
            f"{GUDE}.5.1.2.1.10.1": 42,
            f"{GUDE}.5.1.2.1.2.2": 0,
            f"{GUDE}.5.1.2.1.4.2": 0,
        },
        {
            ("inlet", "1", "meter_energy"): 1109596 * 3600,
            ("inlet", "1", "power"): 18,
            ("inlet", "1", "current"): 0.186,
            ("inlet", "1", "voltage"): 230,
            ("inlet", "1", "power_factor"): 0.424,
            ("inlet", "1", "apparent_power"): 42,
        },
    ),
    # Newer firmware: watts of a feed, of a phase, of a branch and of an outlet, whose current is not measured.
    "schleifenbauer": (
        "31034.12",
        {
            f"{SCHLEIFENBAUER}.6.1.1.5.1.1": 412,
            f"{SCHLEIFENBAUER}.6.1.1.9.1.1": 951,
            f"{SCHLEIFENBAUER}.6.1.1.10.1.1": 903,
            f"{SCHLEIFENBAUER}.7.2.1.5.1.3": -1,
            f"{SCHLEIFENBAUER}.7.2.1.11.1.3": 120,
            f"{SCHLEIFENBAUER}.10.1.1.10.1.2": 431,
            f"{SCHLEIFENBAUER}.11.1.1.2.1.1": 5120,
            f"{SCHLEIFENBAUER}.11.1.1.7.1.1": 2711,
        },
        {
            ("inlet", "1", "meter_energy"): 5120 * 3.6e6,
            ("inlet", "1", "power"): 2711,
            ("phase", "1", "current"): 4.12,
            ("phase", "1", "apparent_power"): 951,
            ("phase", "1", "power"): 903,
            ("branch", "2", "power"): 431,
            ("outlet", "3", "current"): None,
            ("outlet", "3", "power"): 120,
        },
    ),
    "schleifenbauer-gateway": (
        "44568.1",
        {
            f"{GATEWAY}.7.1.1.6.2.1": 90312,
            f"{GATEWAY}.7.1.1.7.2.1": 95120,
            f"{GATEWAY}.7.1.1.9.2.1": 9494,
            f"{GATEWAY}.7.1.1.11.2.1": 23080,
            f"{GATEWAY}.8.1.1.6.2.4": 12034,
            f"{GATEWAY}.9.1.1.4.2.1": 77,
        },
        {
            ("phase", "1", "power"): 903.12,
            ("phase", "1", "apparent_power"): 951.2,
            ("phase", "1", "power_factor"): 0.9494,
            ("phase", "1", "voltage"): 230.8,
            ("outlet", "4", "power"): 120.34,
            ("branch", "1", "meter_energy"): 77 * 3.6e6,
        },
    ),
    # UMG 604: three lines and a fourth one behind them, and the sum.
    "janitza-umg500": (
        f"{JANITZA}.10.1",
        {
            **{f"{JANITZA}.1.{column}.0": value for column, value in enumerate((2299, 2297, 2299, 2301), 1)},
            **{f"{JANITZA}.1.{column}.0": value for column, value in enumerate((218542, 210211, 223938, 9), 8)},
            **{f"{JANITZA}.1.{column}.0": value for column, value in enumerate((46363, 44088, 47530, 1), 12)},
            **{f"{JANITZA}.1.{column}.0": value for column, value in enumerate((50392, 48425, 51636, 2), 20)},
            **{f"{JANITZA}.1.{column}.0": value for column, value in enumerate((923, 913, 923, 999), 24)},
            f"{JANITZA}.2.1.0": 137982,
            f"{JANITZA}.2.3.0": 150454,
        },
        {
            **{("phase", str(line), "voltage"): value for line, value in enumerate((229.9, 229.7, 229.9), 1)},
            **{("phase", str(line), "current"): value for line, value in enumerate((218.542, 210.211, 223.938), 1)},
            **{("phase", str(line), "power"): value for line, value in enumerate((46363, 44088, 47530), 1)},
            **{("phase", str(line), "apparent_power"): value for line, value in enumerate((50392, 48425, 51636), 1)},
            **{("phase", str(line), "power_factor"): value for line, value in enumerate((0.923, 0.913, 0.923), 1)},
            ("inlet", "1", "power"): 137982,
            ("inlet", "1", "apparent_power"): 150454,
        },
    ),
    # A UPS, which has the tables of UPS-MIB too.
    "tripplite-poweralert": (
        "850.1.1.1",
        {
            f"{TRIPPLITE}.2.2.1.3.1.1": 2129,
            f"{TRIPPLITE}.3.2.1.2.1.1": 2125,
            f"{TRIPPLITE}.3.2.1.3.1.1": 140,
            f"{TRIPPLITE}.3.2.1.4.1.1": 307,
            f"{UPS}.4.4.1.4.1": 307,
        },
        {
            ("inlet", "1", "voltage"): 212.9,
            ("outlet", "1", "voltage"): 212.5,
            ("outlet", "1", "current"): 1.4,
            ("outlet", "1", "power"): 307,
        },
    ),
    # Many agents say 0 where they do not measure the input.
    "ups-mib": (
        "4555.1.1.1",
        {
            f"{UPS}.3.3.1.3.1": 230,
            f"{UPS}.3.3.1.4.1": 0,
            f"{UPS}.3.3.1.5.1": 0,
            f"{UPS}.4.4.1.2.1": 229,
            f"{UPS}.4.4.1.3.1": 21,
            f"{UPS}.4.4.1.4.1": 436,
        },
        {
            ("inlet", "1", "voltage"): 230,
            ("inlet", "1", "current"): None,
            ("inlet", "1", "power"): None,
            ("outlet", "1", "voltage"): 229,
            ("outlet", "1", "current"): 2.1,
            ("outlet", "1", "power"): 436,
        },
    ),
    # A model that meters its inlet alone.
    "aten-pdu": (
        "21317.1.3.2",
        {f"{ATEN}.{column}.1": value for column, value in enumerate((2460, 232700, 516810, 81713), 2)},
        {
            ("inlet", "1", "current"): 2.46,
            ("inlet", "1", "voltage"): 232.7,
            ("inlet", "1", "power"): 516.81,
            ("inlet", "1", "meter_energy"): 81713 * 3600,
        },
    ),
    # An outlet, and one that does not exist.
    "panduit": (
        "19536.10.1",
        {
            **{f"{PANDUIT}.{at}.1.1": value for at, value in ((1, 1), (5, 81), (13, 180), (14, 7512), (16, 97))},
            **{f"{PANDUIT}.{column}.1.2": 0 for column in (1, 5, 13, 14, 16)},
        },
        {
            ("outlet", "1", "current"): 0.81,
            ("outlet", "1", "power"): 180,
            ("outlet", "1", "meter_energy"): 7512 * 3600,
            ("outlet", "1", "power_factor"): 0.97,
        },
    ),
    "enlogic": (
        "38446",
        {
            f"{ENLOGIC}.2.4.1.4.1": 1120,
            f"{ENLOGIC}.4.4.1.3.1.1": "CB1",
            f"{ENLOGIC}.4.4.1.5.1.1": 244,
            f"{ENLOGIC}.4.4.1.3.1.2": "NA",
            f"{ENLOGIC}.4.4.1.5.1.2": 0,
        },
        {("inlet", "1", "power"): 1120, ("branch", "1", "current"): 2.44},
    ),
    # A line and the neutral, which has no power.
    "e3meter": (
        "21695.1",
        {
            **{f"{E3METER}.7.2.1.{column}.0": value for column, value in ((5, 412), (8, 229870), (9, 1920), (12, 0))},
            **{f"{E3METER}.7.2.1.{column}.3": value for column, value in ((5, 0), (8, 0), (9, 310), (12, 1))},
        },
        {("phase", "1", "power"): 412, ("phase", "1", "voltage"): 229.87, ("phase", "1", "current"): 1.92},
    ),
    "poe-netgear": (
        "4526.100.4.20",
        {f"{NETGEAR}.1.1.5": 30000, f"{NETGEAR}.2.1.5": 4100, f"{NETGEAR}.3.1.5": 78},
        {("outlet", "1.5", "power"): 4.1, ("outlet", "1.5", "current"): 0.078},
    ),
    # What the device takes and what all ports give stands between temperatures and fans.
    "poe-mikrotik": (
        "14988.1",
        {
            **{f"{MIKROTIK}.15.1.1.{column}.3": value for column, value in ((4, 234), (5, 158), (6, 37))},
            **{
                f"{MIKROTIK}.3.100.1.{column}.{row}": value
                for row, gauge in GAUGES.items()
                for column, value in enumerate(gauge, 2)
            },
        },
        {
            ("inlet", "1", "power"): 21.4,
            ("branch", "1", "power"): 7.2,
            ("outlet", "3", "voltage"): 23.4,
            ("outlet", "3", "current"): 0.158,
            ("outlet", "3", "power"): 3.7,
        },
    ),
    # Old firmware, whose columns of phases stand elsewhere; the second inlet does not exist.
    "starline-busway": (
        "42610.1.4.4",
        {
            **{f"{POWERTEK}.1.2.1.{column}.1": 0 for column in range(7, 21)},
            f"{POWERTEK}.1.2.1.2.1": 11114,
            f"{POWERTEK}.1.2.1.4.1": 10526559,
            f"{POWERTEK}.1.2.1.6.1": 526,
            f"{POWERTEK}.1.2.1.9.1": 2291,
            f"{POWERTEK}.1.2.1.12.1": 922,
            f"{POWERTEK}.1.2.1.15.1": 11114,
            **{f"{POWERTEK}.1.2.1.{column}.2": 0 for column in range(2, 18)},
        },
        {
            ("inlet", "1", "power"): 1111.4,
            ("inlet", "1", "meter_energy"): 10526559 * 3600,
            ("phase", "1.1", "current"): 5.26,
            ("phase", "1.1", "voltage"): 229.1,
            ("phase", "1.1", "power_factor"): 0.922,
            ("phase", "1.1", "power"): 1111.4,
        },
    ),
    # Currents are in tenths, though the recording holds zeros alone.
    "planet-ipm": (
        "10456.3",
        {f"10456.3.3.2.1.{column}.1": value for column, value in ((3, 231), (5, 14), (6, 301))},
        {("inlet", "1", "voltage"): 231, ("inlet", "1", "current"): 1.4, ("inlet", "1", "power"): 301},
    ),
    # A model that has watts, of which the MIB says watt-hours.
    "ipoman": (
        "2468.1.4.2.1",
        {f"2468.1.4.2.1.3.2.3.1.{column}.3": value for column, value in ((3, 510), (4, 134075), (5, 1093))},
        {
            ("outlet", "3", "current"): 0.51,
            ("outlet", "3", "power"): 109.3,
            ("outlet", "3", "meter_energy"): 134075 * 3600,
        },
    ),
    # The group's budget of 780 W stands beside.
    "poe-edgecore": ("259.10.1.24", {f"{POE}.2.1": 780000, f"{POE}.4.1": 4200}, {("branch", "1", "power"): 4.2}),
}

VARIANTS: Mapping[str, tuple[str, Published]] = {
    "Gude without sysObjectID": (
        "gude-epc",
        ("", {f"{GUDE}.5.1.2.1.2.1": 1, f"{GUDE}.5.1.2.1.4.1": 18}, {("inlet", "1", "power"): 18}),
    ),
    # EPC8226: each port has a meter; the second one's is not active.
    "Gude with metered ports": (
        "gude-epc",
        (
            "28507.58",
            {
                "28507.58.1.3.1.2.1.2.1": "Server",
                "28507.58.1.3.1.2.1.3.1": 1,
                **{f"28507.58.1.5.5.2.1.{column}.1": value for column, value in ((2, 1), (3, 8123), (4, 97), (5, 452))},
                **{f"28507.58.1.5.5.2.1.{column}.2": 0 for column in (2, 3, 4, 5)},
            },
            {
                ("outlet", "1", "meter_energy"): 8123 * 3600,
                ("outlet", "1", "power"): 97,
                ("outlet", "1", "current"): 0.452,
            },
        ),
    ),
    # Means of a concentrator's meter, whose serial number is the index; the fourth line is the neutral.
    "E3METER concentrator": (
        "e3meter",
        (
            "21695.1",
            {
                **{f"{E3METER}.4.1.{column}.5012.0": value for column, value in ((18, 512), (22, 540), (25, 230120))},
                f"{E3METER}.4.1.28.5012.0": 2347,
                f"{E3METER}.4.1.28.5012.3": 200,
                f"{E3METER}.4.1.31.5012.0": 95,
                f"{E3METER}.4.1.32.5012.0": 40123,
            },
            {
                ("phase", "1", "power"): 512,
                ("phase", "1", "apparent_power"): 540,
                ("phase", "1", "voltage"): 230.12,
                ("phase", "1", "current"): 2.347,
                ("phase", "1", "power_factor"): 0.95,
                ("phase", "1", "meter_energy"): 40123 * 3600,
            },
        ),
    ),
    # PDUs of the 7955 series; sockets stand below a folder.
    "Rittal 7955": (
        "rittal-cmc3",
        (
            "2606.7",
            {
                f"{RITTAL}.{column}.2.{row}": value
                for row, variable in enumerate(VARIABLES, 10)
                for column, value in zip((3, 5, 7, 11), variable, strict=True)
            },
            {
                ("inlet", "2", "power"): 1639,
                ("inlet", "2", "meter_energy"): 7636.5 * 3.6e6,
                ("phase", "1", "voltage"): 229.9,
                ("phase", "1", "current"): 4.45,
                ("outlet", "1", "power"): 87,
            },
        ),
    ),
    "MikroTik of old firmware": (
        "poe-mikrotik",
        ("14988.1", {f"{MIKROTIK}.3.12.0": 214}, {("inlet", "1", "power"): 21.4}),
    ),
    # A supply's input stands beside its output and a laser; the ports are fed from the output.
    "Cisco with PoE and supplies": (
        "poe-cisco",
        (
            "9.1.2494",
            {
                f"{CISCO}.9.1.1": 6300,
                **{f"{ENTITY}.7.{row}": name for row, name in enumerate(("PS1 POWin", "PS1 POWout", "Te1/1 Tx"), 1)},
                **{f"{SENSOR}.1.{row}": 6 for row in (1, 2, 3)},
                **{f"{SENSOR}.2.{row}": 9 for row in (1, 2, 3)},
                **{f"{SENSOR}.3.{row}": 0 for row in (1, 2, 3)},
                **{f"{SENSOR}.4.{row}": value for row, value in enumerate((412, 371, 1), 1)},
                **{f"{SENSOR}.5.{row}": 1 for row in (1, 2, 3)},
            },
            {("inlet", "1", "power"): 412, ("outlet", "1.1", "power"): 6.3},
        ),
    ),
    # Some agents have .0 behind the index. The second line gives nothing, and there is no third.
    "UPS with a longer index": (
        "ups-mib",
        (
            "99999.1",
            {
                **{f"{UPS}.4.4.1.{column}.1.0": value for column, value in ((2, 230), (3, 118), (4, 2700), (5, 45))},
                **{f"{UPS}.4.4.1.{column}.2.0": value for column, value in ((2, 230), (3, 0), (4, 0), (5, 0))},
                **{f"{UPS}.4.4.1.{column}.3.0": 0 for column in (2, 3, 4, 5)},
            },
            {
                ("outlet", "1", "voltage"): 230,
                ("outlet", "1", "current"): 11.8,
                ("outlet", "1", "power"): 2700,
                ("outlet", "2", "voltage"): 230,
                ("outlet", "2", "current"): 0,
                ("outlet", "2", "power"): 0,
            },
        ),
    ),
    "UPS without a meter": (
        "ups-mib",
        (
            "99999.1",
            {f"{UPS}.4.4.1.{column}.1": value for column, value in ((2, 237), (3, 0), (4, 0), (5, 8))},
            {("outlet", "1", "voltage"): 237, ("outlet", "1", "current"): None, ("outlet", "1", "power"): None},
        ),
    ),
    # Newer firmware: columns of banks stand between, the phase's own after them.
    "Powertek with metered outlets": (
        "starline-busway",
        (
            "42610.1.4.4",
            {
                **{
                    f"{POWERTEK}.1.2.1.{column}.1": value
                    for column, value in (
                        (2, 5600),
                        (6, 190),
                        (12, 260),
                        (15, 2305),
                        (24, 4100),
                        (30, 5600),
                        (42, 5990),
                    )
                },
                f"{POWERTEK}.2.1.3.1.2.11": "server",
                **{f"{POWERTEK}.2.1.2.1.{at}.11": value for at, value in ((3, 52), (4, 950), (5, 1139), (9, 1199))},
                f"{POWERTEK}.2.1.2.1.10.11": 2305,
                **{f"{POWERTEK}.2.1.2.1.{at}.12": 0 for at in (3, 4, 5, 9, 10)},
            },
            {
                ("inlet", "1", "power"): 560,
                ("phase", "1.1", "current"): 2.6,
                ("phase", "1.1", "voltage"): 230.5,
                ("phase", "1.1", "power"): 560,
                ("phase", "1.1", "apparent_power"): 599,
                ("outlet", "1.11", "current"): 0.52,
                ("outlet", "1.11", "power_factor"): 0.95,
                ("outlet", "1.11", "power"): 113.9,
                ("outlet", "1.11", "apparent_power"): 119.9,
                ("outlet", "1.11", "voltage"): 230.5,
            },
        ),
    ),
    # A switch that counts in milliwatts, of a vendor of which that is not known, and one in watts.
    "PoE in milliwatts": (
        "poe",
        (
            "99999.1",
            {f"{POE}.4.1": 62400, f"{POE}.4.2": 61},
            {("branch", "1", "power"): None, ("branch", "2", "power"): 61},
        ),
    ),
}

PUBLISHED: Mapping[str, tuple[str, Published]] = {**{name: (name, DEVICES[name]) for name in DEVICES}, **VARIANTS}


@pytest.mark.parametrize("device", PUBLISHED)
def test_published_values_mean_what_is_published_of_them(
    tmp_path: Path, profiles: Mapping[str, Profile], device: str
) -> None:
    name, (sys_object_id, objects, readings) = PUBLISHED[device]
    lines = [f"1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.{sys_object_id}"] if sys_object_id else []
    for oid, value in objects.items():
        full = oid if oid.startswith("1.3.6.1.") else f"1.3.6.1.4.1.{oid}"
        lines.append(f"{full}|{2 if isinstance(value, int) else 4}|{value}")
    (tmp_path / "walk.snmprec").write_text("\n".join(lines))

    async def asked() -> tuple[str, Mapping[tuple[str, str, str], float | None]]:
        client = WalkClient(tmp_path / "walk.snmprec")
        found = await detect(client, profiles)
        _, rows = await explained(client, found, profiles[found])
        return found, {(row.cell.level, row.cell.label, row.cell.quantity_name): row.value for row in rows}

    found, values = asyncio.run(asked())
    assert found == name
    assert values == pytest.approx(readings)
