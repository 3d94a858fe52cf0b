# SPDX-License-Identifier: Apache-2.0
"""Answers of sources in the form that each is known to give, and questions to them at one fixed moment."""

from collections.abc import Callable
from datetime import datetime

from joulepath.carbon.catalogue import providers
from joulepath.carbon.fetch import Fetcher, Gate
from joulepath.carbon.settings import Boundary, Question, Secrets
from joulepath.carbon.source import CarbonSource

NOW = "2026-11-28T12:10:00+00:00"
SECRETS = Secrets("key", "user", "password")

UK = {
    "data": [
        {
            "from": "2026-11-28T11:00Z",
            "to": "2026-11-28T11:30Z",
            "intensity": {"forecast": 190, "actual": 180, "index": "moderate"},
        },
        {
            "from": "2026-11-28T11:30Z",
            "to": "2026-11-28T12:00Z",
            "intensity": {"forecast": 200, "actual": 210, "index": "moderate"},
        },
        {
            "from": "2026-11-28T12:00Z",
            "to": "2026-11-28T12:30Z",
            "intensity": {"forecast": 266, "actual": None, "index": "high"},
        },
        {
            "from": "2026-11-28T12:30Z",
            "to": "2026-11-28T13:00Z",
            "intensity": {"forecast": 270, "actual": None, "index": "high"},
        },
    ]
}
RTE = {
    "total_count": 2,
    "results": [
        {"date_heure": "2026-11-28T11:30:00+00:00", "taux_co2": 31},
        {"date_heure": "2026-11-28T11:15:00+00:00", "taux_co2": 30},
    ],
}
ELECTRICITY_MAPS = {
    "zone": "DK-DK2",
    "carbonIntensity": 75,
    "datetime": "2026-11-28T12:00:00.000Z",
    "updatedAt": "2026-11-28T11:46:21.123Z",
    "createdAt": "2026-11-25T12:44:09.921Z",
    "emissionFactorType": "lifecycle",
    "isEstimated": True,
    "estimationMethod": "FORECASTS_HIERARCHY",
}
WATTTIME = {
    "data": [
        {"point_time": "2026-11-28T12:10:00+00:00", "value": 1000},
        {"point_time": "2026-11-28T12:15:00+00:00", "value": 1050.5},
        {"point_time": "2026-11-28T12:20:00+00:00", "value": 1100.25},
    ],
    "meta": {
        "data_point_period_seconds": 300,
        "region": "CAISO_NORTH",
        "warnings": [],
        "signal_type": "co2_moer",
        "model": {"date": "2026-03-01"},
        "units": "lbs_co2_per_mwh",
        "generated_at_period_seconds": 300,
        "generated_at": "2026-11-28T12:10:00+00:00",
    },
}


def seconds(text: str) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def series(
    kind: str,
    *megawatts: float,
    direction: str = "in",
    resolution: str = "PT15M",
    start: str = "2026-11-28T11:00Z",
    end: str = "2026-11-28T12:00Z",
    curve: str = "A01",
    zone: str = "10Y1001A1001A82H",
    positions: tuple[int, ...] = (),
) -> str:
    """One TimeSeries of ENTSO-E's generation by type."""
    places = positions or range(1, len(megawatts) + 1)
    points = "".join(
        f"<Point><position>{position}</position><quantity>{amount}</quantity></Point>"
        for position, amount in zip(places, megawatts, strict=True)
    )
    return f"""<TimeSeries><mRID>1</mRID><businessType>A01</businessType><objectAggregation>A08</objectAggregation>
      <{direction}BiddingZone_Domain.mRID codingScheme="A01">{zone}</{direction}BiddingZone_Domain.mRID>
      <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>{curve}</curveType>
      <MktPSRType><psrType>{kind}</psrType></MktPSRType>
      <Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>
      <resolution>{resolution}</resolution>{points}</Period></TimeSeries>"""


def generation(*parts: str) -> str:
    """ENTSO-E's document of generation by type."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">
  <mRID>a</mRID><revisionNumber>1</revisionNumber><type>A75</type><process.processType>A16</process.processType>
  <createdDateTime>2026-11-28T12:05:00Z</createdDateTime>
  <time_Period.timeInterval><start>2026-11-28T11:00Z</start><end>2026-11-28T12:00Z</end></time_Period.timeInterval>
  {"".join(parts)}
</GL_MarketDocument>"""


NOTHING = """<?xml version="1.0" encoding="UTF-8"?>
<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">
  <mRID>0985f391-49af-4</mRID><createdDateTime>2026-11-28T12:05:00Z</createdDateTime>
  <Reason><code>999</code><text>No matching data found for Data item AGGREGATED_GENERATION_PER_TYPE_R3 [16.1.B&amp;C].
  </text></Reason>
</Acknowledgement_MarketDocument>"""


def question(name: str, zone: str, boundary: Boundary | None = None) -> Question:
    """A question to a source of the catalogue."""
    provider = providers()[name]
    return Question(provider, zone, boundary or provider.boundaries[0], provider.refresh_seconds, SECRETS)


def source(
    asked: Question,
    *,
    now: str = NOW,
    clock: Callable[[], float] = lambda: 0.0,
    least_seconds: float = 0.0,
    most_bytes: int = 8 << 20,
) -> CarbonSource:
    """The source at a fixed moment, without pauses between its requests."""
    gate = Gate(least_seconds, clock)
    fetcher = Fetcher(gate, clock=clock, wall_clock=lambda: seconds(now), most_bytes=most_bytes)
    return CarbonSource(asked, gate, fetcher=fetcher, clock=clock, wall_clock=lambda: seconds(now))
