# SPDX-License-Identifier: Apache-2.0
"""Devices of which single values or a MIB are published, but no recording is at hand: objects, values and meaning.

These are no recordings, and no profile counts as recorded by them. What may be mistaken for a value stands beside.
"""

from collections.abc import Mapping, Sequence

Published = tuple[str, Mapping[str, int | str], Mapping[tuple[str, str, str], float]]
"""sysObjectID, values by object (both below enterprises), and all readings by level, label and quantity.

Without a sysObjectID the device has none. Objects that begin with 1.3.6.1 are in full.
"""

CISCO = "9.9.402.1.2.1"
HPE = "11.2.14.11.1.9.1.1.1"
ARUBA = "47196.4.1.1.3.8.1.1.1"
CPDU = "318.1.1.32"
EPDU = "318.1.1.30"
ATS = "318.1.1.8"
AVOCENT = "10418.17.2.5"
APC_MODULAR = "318.1.1.22"
GEIST = "21239.2.25.1"
RARITAN = "13742.6"
CYBERPOWER = "3808.1.1.3"
CYBERPOWER2 = "3808.1.1.6"
EATON = "534.6.6.7.3"
EATON_RARITAN = "534.6.6.6.1"
HPE_MAPDU = "232.165.7"
HPE_IPDU = "232.165.5"
HPE_PDU3 = "232.165.11"
LIEBERT = "476.1.42.3.8"
LIEBERT_POWER = "476.1.42.3.5.2"
SENTRY3 = "1718.3.2"
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

# By the profile that is to be found; behind a blank what is peculiar to the device.
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
            f"{CPDU}.2.4.1.9.1": 20,
            f"{CPDU}.3.4.1.5.1.1": 620,
            f"{CPDU}.3.4.1.6.1.1": 231,
            f"{CPDU}.3.4.1.7.1.1": 1431,
            f"{CPDU}.4.4.1.3.1.1": "B1",
            f"{CPDU}.4.4.1.3.1.2": "NA",
            f"{CPDU}.4.4.1.5.1.1": 231,
            f"{CPDU}.4.4.1.5.1.2": 0,
            f"{CPDU}.5.9.1.5.1.3": 231,
            f"{CPDU}.5.9.1.6.1.3": 530,
            f"{CPDU}.5.9.1.11.1.3": 7,
        },
        {
            ("inlet", "1", "power"): 4583,
            ("inlet", "1", "apparent_power"): 4605,
            ("inlet", "1", "meter_energy"): 2 * 3.6e6,
            ("phase", "1", "current"): 6.2,
            ("phase", "1", "voltage"): 231,
            ("phase", "1", "power"): 1431,
            ("branch", "1", "current"): 2.31,
            ("outlet", "3", "current"): 2.31,
            ("outlet", "3", "power"): 530,
            ("outlet", "3", "meter_energy"): 0.7 * 3.6e6,
        },
    ),
    # An EPDU1016M; reactive and apparent power are not measured.
    "apc-epdu": (
        "318.1.3.4.9",
        {
            f"{EPDU}.2.1.1.7.1": 785,
            f"{EPDU}.2.1.1.8.1": -1,
            f"{EPDU}.2.1.1.9.1": -1,
            f"{EPDU}.2.1.1.10.1": 965,
            f"{EPDU}.2.1.1.11.1": 9114157,
            f"{EPDU}.4.2.1.4.1": 2304,
            f"{EPDU}.4.2.1.5.1": 353,
            f"{EPDU}.4.2.1.6.1": 785,
            f"{EPDU}.4.2.1.8.1": -1,
            f"{EPDU}.4.2.1.9.1": 965,
            f"{EPDU}.4.2.1.10.1": 9114157,
        },
        {
            ("inlet", "1", "power"): 785,
            ("inlet", "1", "power_factor"): 0.965,
            ("inlet", "1", "meter_energy"): 9114157 * 3600,
            ("phase", "1", "voltage"): 230.4,
            ("phase", "1", "current"): 3.53,
            ("phase", "1", "power"): 785,
            ("phase", "1", "power_factor"): 0.965,
            ("phase", "1", "meter_energy"): 9114157 * 3600,
        },
    ),
    # An AP7724: the total and two banks; its watts are its volt-amperes.
    "apc-ats": (
        "318.1.3.11",
        {
            **{f"{ATS}.5.4.5.1.3.{bank}": bank for bank in (1, 2, 3)},
            f"{ATS}.5.4.5.1.4.1": 88,
            f"{ATS}.5.4.5.1.6.1": 215,
            **{f"{ATS}.5.4.5.1.9.{bank}": load for bank, load in enumerate((1883, 984, 898), 1)},
            f"{ATS}.5.4.5.1.15.1": 1883,
        },
        {
            ("inlet", "1", "current"): 8.8,
            ("inlet", "1", "voltage"): 215,
            ("inlet", "1", "apparent_power"): 1883,
            ("branch", "1", "apparent_power"): 984,
            ("branch", "2", "apparent_power"): 898,
        },
    ),
    # Modules of a PDPM277H: one with a three-phase connector, one with three outputs.
    "apc-modular": (
        "318.1.3.24.1",
        {
            **{f"{APC_MODULAR}.4.2.11.1.3.{phase}": tenths for phase, tenths in enumerate((494, 489, 658), 1)},
            f"{APC_MODULAR}.2.4.1.9.1.1": -1,
            f"{APC_MODULAR}.2.6.1.20.1.1": 17,
            f"{APC_MODULAR}.2.6.1.20.1.2": -1,
            f"{APC_MODULAR}.2.6.1.20.1.3": -1,
            **{f"{APC_MODULAR}.2.6.1.20.9.{row}": tenths for row, tenths in enumerate((2, 8, 2), 1)},
        },
        {
            ("phase", "1", "current"): 49.4,
            ("phase", "2", "current"): 48.9,
            ("phase", "3", "current"): 65.8,
            ("outlet", "1.1", "power"): 1700,
            ("outlet", "9.1", "power"): 200,
            ("outlet", "9.2", "power"): 800,
            ("outlet", "9.3", "power"): 200,
        },
    ),
    # PM-MIB: a unit whose power is measured, with outlets of which one is estimated and one has no meter.
    "avocent-pm": (
        "10418.17.1.7",
        {
            f"{AVOCENT}.3.1.50.1.1": 31,
            f"{AVOCENT}.3.1.60.1.1": 6870,
            f"{AVOCENT}.3.1.65.1.1": 2,
            f"{AVOCENT}.3.1.70.1.1": 238,
            f"{AVOCENT}.3.1.75.1.1": 2,
            f"{AVOCENT}.3.1.80.1.1": 93,
            f"{AVOCENT}.3.1.85.1.1": 2,
            f"{AVOCENT}.3.1.105.1.1": 123_456,
            **{f"{AVOCENT}.5.1.50.1.1.{row}": amperes for row, amperes in enumerate((16, 15, 0), 1)},
            **{f"{AVOCENT}.5.1.60.1.1.{row}": watts for row, watts in enumerate((3600, 3450, 0), 1)},
            **{f"{AVOCENT}.5.1.65.1.1.{row}": kind for row, kind in enumerate((2, 1, 0), 1)},
        },
        {
            ("inlet", "1", "current"): 3.1,
            ("inlet", "1", "power"): 687,
            ("inlet", "1", "voltage"): 238,
            ("inlet", "1", "power_factor"): 0.93,
            ("inlet", "1", "meter_energy"): 123_456 * 3600,
            ("outlet", "1", "current"): 1.6,
            ("outlet", "1", "power"): 360,
            ("outlet", "2", "current"): 1.5,
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
    # A PX4-5730 in wye: an inlet has the volts between lines, a pole both, and its power goes with those to neutral.
    "raritan-px2 wye": (
        RARITAN,
        {
            f"{RARITAN}.3.3.4.1.7.1.1.5": 0,
            f"{RARITAN}.3.3.4.1.7.1.1.4": 0,
            f"{RARITAN}.5.2.3.1.4.1.1.4": 394,
            f"{RARITAN}.5.2.3.1.4.1.1.5": 590,
            f"{RARITAN}.3.3.6.1.7.1.1.2.4": 0,
            f"{RARITAN}.3.3.6.1.7.1.1.2.5": 0,
            f"{RARITAN}.3.3.6.1.7.1.1.2.25": 0,
            f"{RARITAN}.5.2.4.1.4.1.1.2.4": 394,
            f"{RARITAN}.5.2.4.1.4.1.1.2.5": 281,
            f"{RARITAN}.5.2.4.1.4.1.1.2.25": 228,
        },
        {
            ("inlet", "1", "voltage"): 394,
            ("inlet", "1", "power"): 590,
            ("phase", "1.2", "voltage"): 228,
            ("phase", "1.2", "power"): 281,
        },
    ),
    # A switched model: the load of the device in 0.1 A and nothing else.
    "cyberpower": (
        CYBERPOWER,
        {f"{CYBERPOWER}.2.3.1.1.1.1": 1, f"{CYBERPOWER}.2.3.1.1.2.1": 8},
        {("phase", "1", "current"): 0.8},
    ),
    # A chain of two by both trees of the MIB: only the newer knows the second, and the same phase is not counted twice.
    "cyberpower chain": (
        CYBERPOWER2,
        {
            f"{CYBERPOWER}.2.3.1.1.1.1": 1,
            f"{CYBERPOWER}.2.3.1.1.4.1": 1,
            f"{CYBERPOWER}.2.3.1.1.5.1": 0,
            f"{CYBERPOWER}.2.3.1.1.7.1": 216,
            f"{CYBERPOWER2}.2.2.1.9.1": "PDU81005",
            f"{CYBERPOWER2}.2.2.1.9.2": "PDU81005",
            f"{CYBERPOWER2}.3.4.1.2.1": 1,
            f"{CYBERPOWER2}.3.4.1.2.2": 2,
            f"{CYBERPOWER2}.3.4.1.9.2": 31,
            f"{CYBERPOWER2}.3.4.1.18.1": 216,
            f"{CYBERPOWER2}.3.4.1.18.2": 120,
            f"{CYBERPOWER2}.4.4.1.2.1": 1,
            f"{CYBERPOWER2}.4.4.1.2.2": 2,
            f"{CYBERPOWER2}.4.4.1.3.1": 1,
            f"{CYBERPOWER2}.4.4.1.3.2": 1,
            f"{CYBERPOWER2}.4.4.1.5.2": 11,
            f"{CYBERPOWER2}.4.4.1.6.2": 2290,
            f"{CYBERPOWER2}.4.4.1.7.1": 216,
            f"{CYBERPOWER2}.4.4.1.7.2": 120,
            f"{CYBERPOWER2}.6.2.4.1.2.9": 2,
            f"{CYBERPOWER2}.6.2.4.1.3.9": 1,
            f"{CYBERPOWER2}.6.2.4.1.7.9": 82,
        },
        {
            ("inlet", "1", "power"): 216,
            ("inlet", "2", "power"): 120,
            ("inlet", "2", "meter_energy"): 3.1 * 3.6e6,
            ("phase", "1.1", "power"): 216,
            ("phase", "2.1", "power"): 120,
            ("phase", "2.1", "current"): 1.1,
            ("phase", "2.1", "voltage"): 229,
            ("outlet", "2.1", "power"): 82,
        },
    ),
    # A transfer switch, which has the newer tree alone.
    "cyberpower-epdu2": (
        "3808.1.1.5",
        {
            f"{CYBERPOWER2}.4.4.1.2.1": 1,
            f"{CYBERPOWER2}.4.4.1.3.1": 1,
            f"{CYBERPOWER2}.4.4.1.5.1": 11,
            f"{CYBERPOWER2}.4.4.1.7.1": 224,
        },
        {("phase", "1", "current"): 1.1, ("phase", "1", "power"): 224},
    ),
    # Outlets of the older tree: one with a meter, whose register has a beginning, and one without.
    "cyberpower outlets": (
        CYBERPOWER,
        {
            f"{CYBERPOWER}.2.3.1.1.1.1": 1,
            f"{CYBERPOWER}.2.3.1.1.2.1": 8,
            f"{CYBERPOWER}.3.5.1.1.7.1": 8,
            f"{CYBERPOWER}.3.5.1.1.8.1": 91,
            f"{CYBERPOWER}.3.5.1.1.8.2": 0,
            f"{CYBERPOWER}.3.5.1.1.13.1": 15,
            f"{CYBERPOWER}.3.5.1.1.14.1": "01/02/2020 13:26:52",
            f"{CYBERPOWER}.3.5.1.1.14.2": "",
        },
        {
            ("phase", "1", "current"): 0.8,
            ("outlet", "1", "current"): 0.8,
            ("outlet", "1", "power"): 91,
            ("outlet", "1", "meter_energy"): 1.5 * 3.6e6,
        },
    ),
    # EATON-EPDU-MIB, three phases in wye with a row for the neutral wire, without the table of totals.
    "eaton-epdu wye": (
        "534.6.6.7",
        {
            **{f"{EATON}.2.1.2.0.1.{row}": row + 1 for row in (1, 2, 3)},
            **{f"{EATON}.2.1.3.0.1.{row}": 230_000 + row for row in (1, 2, 3)},
            **{f"{EATON}.3.1.2.0.1.{row}": kind for row, kind in enumerate((3, 4, 5, 2), 1)},
            **{f"{EATON}.3.1.4.0.1.{row}": 4_000 + row for row in (1, 2, 3, 4)},
            **{f"{EATON}.4.1.2.0.1.{row}": row for row in (1, 2, 3, 4)},
            **{f"{EATON}.4.1.4.0.1.{row}": watts for row, watts in enumerate((900, 910, 920, 2730), 1)},
        },
        {
            ("inlet", "1", "power"): 2730,
            **{("phase", f"1.{row}", "voltage"): 230 + row / 1000 for row in (1, 2, 3)},
            **{("phase", f"1.{row}", "current"): 4 + row / 1000 for row in (1, 2, 3)},
            **{("phase", f"1.{row}", "power"): 890 + 10 * row for row in (1, 2, 3)},
        },
    ),
    # The same in delta: voltages are those between lines.
    "eaton-epdu delta": (
        "534.6.6.7",
        {
            **{f"{EATON}.2.1.2.0.1.{row}": row + 4 for row in (1, 2, 3)},
            **{f"{EATON}.2.1.3.0.1.{row}": 208_000 + row for row in (1, 2, 3)},
        },
        {
            ("phase", "1.1-2", "voltage"): 208.001,
            ("phase", "1.2-3", "voltage"): 208.002,
            ("phase", "1.3-1", "voltage"): 208.003,
        },
    ),
    # The volts of this agent are mV by the MIB; a recorded one has whole volts.
    "eaton-raritan": (
        "534.6.6.6",
        {f"{EATON_RARITAN}.2.2.1.6.0": 230_400, f"{EATON_RARITAN}.2.2.1.7.0": 150, f"{EATON_RARITAN}.2.2.1.6.1": 0},
        {("outlet", "1", "voltage"): 230.4, ("outlet", "1", "power"): 150, ("outlet", "2", "voltage"): 0},
    ),
    # CPQPOWER-MIB pdu2: rows of phases beside the neutral wire, a breaker and an outlet with a register.
    "hpe-mapdu": (
        HPE_MAPDU,
        {
            f"{HPE_MAPDU}.2.1.1.4.0": 990,
            f"{HPE_MAPDU}.2.1.1.5.0": 958,
            f"{HPE_MAPDU}.2.1.1.6.0": 1000,
            f"{HPE_MAPDU}.2.2.1.2.0.1": 2,
            f"{HPE_MAPDU}.2.2.1.3.0.1": 230_100,
            f"{HPE_MAPDU}.2.2.1.9.0.1": 3,
            f"{HPE_MAPDU}.2.2.1.9.0.4": 2,
            f"{HPE_MAPDU}.2.2.1.11.0.1": 4_300,
            f"{HPE_MAPDU}.2.2.1.11.0.4": 500,
            f"{HPE_MAPDU}.2.2.1.20.0.1": 990,
            f"{HPE_MAPDU}.2.2.1.22.0.1": -1,
            f"{HPE_MAPDU}.3.1.1.12.0.2": 4_300,
            f"{HPE_MAPDU}.3.1.1.21.0.2": 958,
            f"{HPE_MAPDU}.5.1.1.15.0.7": 40,
        },
        {
            ("inlet", "0", "apparent_power"): 990,
            ("inlet", "0", "power"): 958,
            ("inlet", "0", "meter_energy"): 3.6e6,
            ("phase", "1", "voltage"): 230.1,
            ("phase", "1", "current"): 4.3,
            ("phase", "1", "apparent_power"): 990,
            ("branch", "2", "current"): 4.3,
            ("branch", "2", "power"): 958,
            ("outlet", "7", "meter_energy"): 40 * 3600,
        },
    ),
    # CPQPOWER-MIB mpdu: the values of its descriptions; an outlet of an extension bar, and a load segment without one.
    "hpe-ipdu": (
        HPE_IPDU,
        {
            f"{HPE_IPDU}.1.2.1.3.1": "HP Intelligent Modular PDU",
            f"{HPE_IPDU}.1.2.1.38.1": 612,
            f"{HPE_IPDU}.2.1.1.6.1.2": 2095,
            f"{HPE_IPDU}.2.1.1.7.1.2": 175,
            f"{HPE_IPDU}.2.1.1.9.1.2": 359,
            f"{HPE_IPDU}.2.1.1.9.1.3": -1,
            f"{HPE_IPDU}.2.1.1.10.1.2": 98,
            f"{HPE_IPDU}.2.1.1.13.1.2": 1000,
            f"{HPE_IPDU}.4.1.1.5.1.2.4": 2098,
            f"{HPE_IPDU}.4.1.1.6.1.2.4": 127,
            f"{HPE_IPDU}.4.1.1.7.1.2.4": 261,
            f"{HPE_IPDU}.4.1.1.8.1.2.4": 98,
        },
        {
            ("inlet", "1", "power"): 612,
            ("branch", "2", "voltage"): 209.5,
            ("branch", "2", "current"): 1.75,
            ("branch", "2", "power"): 359,
            ("branch", "2", "power_factor"): 0.98,
            ("branch", "2", "meter_energy"): 3.6e6,
            ("outlet", "2.4", "voltage"): 209.8,
            ("outlet", "2.4", "current"): 1.27,
            ("outlet", "2.4", "power"): 261,
            ("outlet", "2.4", "power_factor"): 0.98,
        },
    ),
    # CPQPOWER-MIB pdu3, a P9S18A: phases and groups that it does not have repeat the apparent power.
    "hpe-pdu3": (
        HPE_PDU3,
        {
            f"{HPE_PDU3}.2.1.1.4.1": 922,
            f"{HPE_PDU3}.2.1.1.5.1": 900,
            f"{HPE_PDU3}.2.1.1.9.1": 97,
            **{f"{HPE_PDU3}.2.2.1.1.1.{row}": number for row, number in enumerate((1, 0, 0), 1)},
            f"{HPE_PDU3}.2.2.1.3.1.1": 2286,
            f"{HPE_PDU3}.2.2.1.11.1.1": 398,
            **{f"{HPE_PDU3}.2.2.1.19.1.{row}": 921 for row in (1, 2, 3)},
            f"{HPE_PDU3}.2.2.1.20.1.1": 899,
            **{f"{HPE_PDU3}.3.1.1.4.1.{row}": kind for row, kind in enumerate((1, 1, 0), 1)},
            f"{HPE_PDU3}.3.1.1.12.1.1": 187,
            f"{HPE_PDU3}.3.1.1.12.1.3": 0,
            f"{HPE_PDU3}.5.1.1.1.1.1": 1,
            f"{HPE_PDU3}.5.1.1.5.1.1": 36,
            f"{HPE_PDU3}.5.1.1.13.1.1": 84,
        },
        {
            ("inlet", "1", "apparent_power"): 922,
            ("inlet", "1", "power"): 900,
            ("inlet", "1", "power_factor"): 0.97,
            ("phase", "1", "voltage"): 228.6,
            ("phase", "1", "current"): 3.98,
            ("phase", "1", "apparent_power"): 921,
            ("phase", "1", "power"): 899,
            ("branch", "1", "current"): 1.87,
            ("outlet", "1", "current"): 0.36,
            ("outlet", "1", "power"): 84,
        },
    ),
    # LIEBERT-GP-PDU-MIB: a source of three lines without neutral (3) is measured between lines; coarse columns only.
    "liebert-mph2 delta": (
        "476.1.42",
        {
            f"{LIEBERT}.30.20.1.25.1.1": 3,
            f"{LIEBERT}.30.20.1.65.1.1": 1500,
            f"{LIEBERT}.30.40.1.19.1.1.2": 0,
            f"{LIEBERT}.30.40.1.21.1.1.2": 42,
            f"{LIEBERT}.30.40.1.61.1.1.2": 2081,
            f"{LIEBERT}.30.40.1.63.1.1.2": 0,
            f"{LIEBERT}.30.40.1.64.1.1.2": 498,
        },
        {
            ("inlet", "1", "power"): 1500,
            ("phase", "1.2", "voltage"): 208.1,
            ("phase", "1.2", "current"): 4.2,
            ("phase", "1.2", "power"): 498,
        },
    ),
    # Sentry3-MIB: a line of a three-phase cord, its phase, and a branch.
    "servertech-sentry3": (
        "1718.3",
        {
            f"{SENTRY3}.2.1.2.1.1": "AA",
            f"{SENTRY3}.2.1.7.1.1": 1039,
            f"{SENTRY3}.2.1.11.1.1": 2080,
            f"{SENTRY3}.2.1.12.1.1": 712,
            f"{SENTRY3}.2.1.18.1.1": 1200,
            f"{SENTRY3}.2.1.19.1.1": 600,
            f"{SENTRY3}.7.1.2.1.1.1": "AA1",
            f"{SENTRY3}.7.1.7.1.1.1": 520,
            f"{SENTRY3}.7.1.7.1.1.2": -1,
        },
        {
            ("inlet", "AA", "current"): 10.39,
            ("inlet", "AA", "voltage"): 208,
            ("inlet", "AA", "power"): 712,
            ("phase", "AA", "voltage"): 120,
            ("phase", "AA", "current"): 6,
            ("branch", "AA1", "current"): 5.2,
        },
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
        {
            f"{GEIST}.6.1": 230,
            f"{GEIST}.14.1": 231,
            f"{GEIST}.29.1": 5255,
            f"{GEIST}.30.1": 346,
            # Two outlets: one whose register stands at 0 has no meter.
            "21239.2.16.1.14.4": 12,
            "21239.2.16.1.15.4": 80,
            "21239.2.16.1.14.5": 0,
            "21239.2.16.1.15.5": 0,
        },
        {
            ("inlet", "1", "power"): 346,
            ("inlet", "1", "meter_energy"): 5255 * 3.6e6,
            ("phase", "1.1", "voltage"): 230,
            ("phase", "1.2", "voltage"): 231,
            ("outlet", "4", "power"): 80,
            ("outlet", "4", "meter_energy"): 12 * 3.6e6,
        },
    ),
    "geist-v3-wye": (
        "21239.2",
        {"21239.2.14.1.5.1": 120, "21239.2.14.1.9.1": 410, "21239.2.14.1.21.1": 35, "21239.2.14.1.23.1": 400},
        {
            ("phase", "1.1", "voltage"): 120,
            ("phase", "1.1", "power"): 410,
            ("phase", "1.3", "current"): 3.5,
            ("phase", "1.3", "power"): 400,
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
    "gude-epc without sysObjectID": (
        "",
        {f"{GUDE}.5.1.2.1.2.1": 1, f"{GUDE}.5.1.2.1.4.1": 18},
        {("inlet", "1", "power"): 18},
    ),
    # EPC8226: each port has a meter; the second one's is not active.
    "gude-epc with metered ports": (
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
    # Means of a concentrator's meter, whose serial number is the index; the fourth line is the neutral.
    "e3meter concentrator": (
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
    # PDUs of the 7955 series; sockets stand below a folder.
    "rittal-cmc3 7955": (
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
    "poe-mikrotik of old firmware": ("14988.1", {f"{MIKROTIK}.3.12.0": 214}, {("inlet", "1", "power"): 21.4}),
    # A supply's input stands beside its output and a laser; the ports are fed from the output.
    "poe-cisco with supplies": (
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
    # Some agents have .0 behind the index. The second line gives nothing, and there is no third.
    "ups-mib with a longer index": (
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
    "ups-mib without a meter": (
        "99999.1",
        {f"{UPS}.4.4.1.{column}.1": value for column, value in ((2, 237), (3, 0), (4, 0), (5, 8))},
        {("outlet", "1", "voltage"): 237},
    ),
    # Newer firmware: columns of banks stand between, the phase's own after them.
    "starline-busway with metered outlets": (
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
    # A switch that counts in milliwatts, of a vendor of which that is not known, and one in watts.
    "poe in milliwatts": (
        "99999.1",
        {f"{POE}.4.1": 62400, f"{POE}.4.2": 61},
        {("branch", "2", "power"): 61},
    ),
}
