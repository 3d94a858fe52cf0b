# SPDX-License-Identifier: Apache-2.0
"""Each source's answer in its recorded form gives the factors worked out by hand, in the state that it says."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests_mock

from joulepath.carbon.settings import Point, Secrets, State
from joulepath.carbon.source import CarbonSource
from joulepath.errors import JoulepathError
from tests.exporters.carbon.answers import (
    ELECTRICITY_MAPS,
    NOTHING,
    RTE,
    UK,
    WATTTIME,
    generation,
    question,
    seconds,
    series,
    source,
)

pytestmark = pytest.mark.unit

EM = "https://api.electricitymaps.com/v3/carbon-intensity"
WT = "https://api.watttime.org"
DE = question("entsoe", "DE-LU")


@pytest.fixture
def web() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


def read(one: CarbonSource) -> Mapping[State, Point]:
    return asyncio.run(one.read()).points


def asked(web: requests_mock.Mocker, number: int = -1) -> Mapping[str, str]:
    """The parameters of a request. requests-mock gives them in lower case, hence from the address."""
    return {key: values[0] for key, values in parse_qs(urlsplit(web.request_history[number].url).query).items()}


def test_britain_has_the_last_actual_and_the_forecast_of_now(web: requests_mock.Mocker) -> None:
    web.get("https://api.carbonintensity.org.uk/intensity/2026-11-28T09:10Z/2026-11-28T12:10Z", json=UK)
    assert read(source(question("uk", "GB"))) == {
        "estimated": Point(seconds("2026-11-28T11:30Z"), 1800, "estimated", 210),
        "forecast": Point(seconds("2026-11-28T12:00Z"), 1800, "forecast", 266),
    }


def test_france_has_the_newest_row_of_the_present(web: requests_mock.Mocker) -> None:
    web.get(
        "https://odre.opendatasoft.com/api/explore/v2.1/catalog/datasets/eco2mix-national-tr/records",
        json=RTE,
    )
    assert read(source(question("rte", "FR"))) == {
        "estimated": Point(seconds("2026-11-28T11:30Z"), 1800, "estimated", 31)
    }
    assert asked(web)["where"] == (
        "taux_co2 is not null and date_heure >= date'2026-11-28T06:10:00Z' and date_heure <= date'2026-11-28T12:10:00Z'"
    )


@pytest.mark.parametrize(("estimated", "state"), [(True, "estimated"), (False, "settled")])
def test_electricity_maps_says_itself_what_is_estimated(
    web: requests_mock.Mocker, *, estimated: bool, state: State
) -> None:
    web.get(f"{EM}/latest", json={**ELECTRICITY_MAPS, "isEstimated": estimated})
    found = read(source(question("electricitymaps", "DK-DK2")))
    assert found == {state: Point(seconds("2026-11-28T12:00Z"), 3600, state, 75)}
    assert web.request_history[0].headers["auth-token"] == "key"
    assert asked(web) == {"zone": "DK-DK2", "emissionFactorType": "lifecycle", "disableCallerLookup": "true"}


def test_direct_emissions_are_asked_for_and_checked(web: requests_mock.Mocker) -> None:
    web.get(f"{EM}/latest", json={**ELECTRICITY_MAPS, "emissionFactorType": "direct", "carbonIntensity": 20})
    found = read(source(question("electricitymaps", "DK-DK2", "direct")))
    assert found["estimated"].grams == 20
    assert asked(web)["emissionFactorType"] == "direct"


def test_answer_for_another_zone_is_refused(web: requests_mock.Mocker) -> None:
    # Without a zone that it knows, the service answers for the place of whoever asks.
    web.get(f"{EM}/latest", json={**ELECTRICITY_MAPS, "zone": "DE"})
    with pytest.raises(JoulepathError, match=r"^electricitymaps/DK-DK2/lifecycle: .* zone is 'DE', not DK-DK2$"):
        read(source(question("electricitymaps", "DK-DK2")))


def test_watttime_is_converted_from_pounds(web: requests_mock.Mocker) -> None:
    web.get(f"{WT}/login", json={"token": "t0ken"})
    web.get(f"{WT}/v3/forecast", json=WATTTIME)
    one = source(question("watttime", "CAISO_NORTH"))
    # 1000 lb/MWh x 453.59237 g/lb / 1000 kWh/MWh; the points after the first one are a forecast
    (point,) = read(one).values()
    assert point.grams == pytest.approx(453.59237)
    assert (point.start, point.state) == (seconds("2026-11-28T12:10Z"), "estimated")
    assert asked(web) == {"region": "CAISO_NORTH", "signal_type": "co2_moer", "horizon_hours": "0"}
    assert web.request_history[0].headers["Authorization"] == "Basic dXNlcjpwYXNzd29yZA=="
    assert web.request_history[1].headers["Authorization"] == "Bearer t0ken"
    read(one)
    assert [request.path for request in web.request_history] == ["/login", "/v3/forecast", "/v3/forecast"]


def test_points_of_a_late_forecast_never_become_estimates(web: requests_mock.Mocker) -> None:
    web.get(f"{WT}/login", json={"token": "t0ken"})
    web.get(f"{WT}/v3/forecast", json=WATTTIME)
    # Ten minutes after it was made, its third point is of the present, and foretold.
    (point,) = read(source(question("watttime", "CAISO_NORTH"), now="2026-11-28T12:20:00+00:00")).values()
    assert point.start == seconds("2026-11-28T12:10Z")


def test_password_of_any_language_is_sent_as_utf8(web: requests_mock.Mocker) -> None:
    web.get(f"{WT}/login", json={"token": "t0ken"})
    web.get(f"{WT}/v3/forecast", json=WATTTIME)
    read(source(replace(question("watttime", "CAISO_NORTH"), secrets=Secrets("", "me", "日本"))))
    # RFC 7617, 2.1: base64 of the octets of "me:日本" in UTF-8
    assert web.request_history[0].headers["Authorization"] == "Basic bWU65pel5pys"


def test_token_that_ends_before_its_time_is_renewed(web: requests_mock.Mocker) -> None:
    web.get(f"{WT}/login", json={"token": "t0ken"})
    web.get(f"{WT}/v3/forecast", [{"status_code": 401}, {"json": WATTTIME}])
    one = source(question("watttime", "CAISO_NORTH"))
    with pytest.raises(JoulepathError, match="answers 401"):
        read(one)
    assert read(one)["estimated"].grams == pytest.approx(453.59237)


def test_token_of_a_login_is_renewed_before_it_ends(web: requests_mock.Mocker) -> None:
    web.get(f"{WT}/login", json={"token": "t0ken"})
    web.get(f"{WT}/v3/forecast", json=WATTTIME)
    clock = [0.0]
    one = source(question("watttime", "CAISO_NORTH"), clock=lambda: clock[0])
    read(one)
    clock[0] = 1501
    read(one)
    assert [request.path for request in web.request_history].count("/login") == 2


def test_generation_is_weighted_by_type(web: requests_mock.Mocker) -> None:
    web.get(
        "https://web-api.tp.entsoe.eu/api",
        text=generation(
            series("B04", 100, 200, 300, 400),
            series("B14", 300, 300, 300, 300),
            series("B19", 600, 500, 400, 300),
            series("B10", 50, 50, 50, 50),  # what a store gives was generated before
            series("B10", 90, 90, 90, 90, direction="out"),  # and what it takes is not generated
        ),
    )
    # 11:45: (400 x 490 + 300 x 12 + 300 x 11) / 1000 = 202.9
    assert read(source(DE)) == {"estimated": Point(seconds("2026-11-28T11:45Z"), 900, "estimated", 202.9)}
    assert asked(web) == {
        "documentType": "A75",
        "processType": "A16",
        "in_Domain": "10Y1001A1001A82H",
        "periodStart": "202611280400",
        "periodEnd": "202611281300",
        "securityToken": "key",
    }


def test_interval_that_lacks_a_type_waits_for_it(web: requests_mock.Mocker) -> None:
    late = series("B14", 500, end="2026-11-28T11:15Z")
    web.get("https://web-api.tp.entsoe.eu/api", text=generation(series("B04", 500, 700, 900, 999), late))
    # 11:00: (500 x 490 + 500 x 12) / 1000 = 251; without nuclear power later quarters would show 490
    assert read(source(DE)) == {"estimated": Point(seconds("2026-11-28T11:00Z"), 900, "estimated", 251)}


def test_hourly_values_hold_for_each_quarter(web: requests_mock.Mocker) -> None:
    hourly = series("B14", 400, resolution="PT60M")
    # Curve A03 leaves out what repeats: 100 MW hold in the second and third quarter, too.
    quarters = series("B04", 100, 400, positions=(1, 4), curve="A03")
    web.get("https://web-api.tp.entsoe.eu/api", text=generation(hourly, quarters))
    # 11:45: (400 x 12 + 400 x 490) / 800 = 251
    (point,) = read(source(DE)).values()
    assert (point.start, point.grams) == (seconds("2026-11-28T11:45Z"), 251)
    found = list(
        source(DE, now="2026-12-28T00:00Z").history(seconds("2026-11-28T11:00Z"), seconds("2026-11-28T12:00Z"))
    )
    # (400 x 12 + 100 x 490) / 500 = 107.6
    assert [one.grams for one in found] == [107.6, 107.6, 107.6, 251]
    assert {one.state for one in found} == {"settled"}


@pytest.mark.parametrize(("other", "grams"), [(100, 490), (101, None)])
def test_mix_with_a_tenth_unknown_has_a_factor(web: requests_mock.Mocker, other: float, grams: float | None) -> None:
    web.get(
        "https://web-api.tp.entsoe.eu/api",
        text=generation(
            series("B04", *[1000 - other] * 4),
            series("B20", *[other] * 4),
        ),
    )
    if grams is None:
        with pytest.raises(JoulepathError, match="entsoe/DE-LU: has no value for now"):
            read(source(DE))
    else:
        assert read(source(DE))["estimated"].grams == grams


def test_document_without_data_gives_its_own_reason(web: requests_mock.Mocker) -> None:
    web.get("https://web-api.tp.entsoe.eu/api", text=NOTHING)
    with pytest.raises(
        JoulepathError, match=r"^entsoe/DE-LU: has no data: No matching data found for Data item [^\n]*$"
    ):
        read(source(DE))


def test_part_of_a_history_without_data_leaves_the_others(web: requests_mock.Mocker) -> None:
    hour = series("B14", 1, 1, 1, 1, start="2026-11-08T00:00Z", end="2026-11-08T01:00Z")
    web.get("https://web-api.tp.entsoe.eu/api", [{"text": NOTHING}, {"text": generation(hour)}])
    one = source(DE, now="2026-12-28T00:00Z")
    found = list(one.history(seconds("2026-11-01T00:00Z"), seconds("2026-11-15T00:00Z")))
    assert [point.start for point in found] == [seconds(f"2026-11-08T00:{minute:02}Z") for minute in (0, 15, 30, 45)]


def test_history_is_fetched_in_parts_and_once_each(web: requests_mock.Mocker) -> None:
    rows = [
        {"carbonIntensity": 100 + hour, "datetime": f"2026-11-{day:02}T{hour:02}:00:00.000Z", "isEstimated": hour == 7}
        for day in range(1, 13)
        for hour in range(24)
    ]
    rows = [{**row, "emissionFactorType": "lifecycle"} for row in rows]
    web.get(f"{EM}/past-range", json={"zone": "FR", "temporalGranularity": "hourly", "data": rows})
    start, end = seconds("2026-11-01T00:00Z"), seconds("2026-11-13T00:00Z")
    found = list(source(question("electricitymaps", "FR")).history(start, end))
    assert len(found) == 12 * 23  # an hour that is still estimated is left out
    assert [one.start for one in found] == sorted({one.start for one in found})
    assert [asked(web, number)["start"] for number in (0, 1)] == ["2026-11-01T00:00:00Z", "2026-11-10T00:00:00Z"]
    assert len(web.request_history) == 2


def test_time_with_two_values_is_left_out(web: requests_mock.Mocker) -> None:
    # In France 02:30 came twice on 2026-10-25, and both stand as 00:30 UTC.
    rows = [("00:00", 20), ("00:30", 21), ("00:30", 25), ("01:00", 22), ("01:00", 22)]
    rows_of_source = [{"date_heure": f"2026-10-25T{time}:00+00:00", "taux_co2": grams} for time, grams in rows]
    web.get(requests_mock.ANY, json={"total_count": 5, "results": rows_of_source})
    found = source(question("rte", "FR")).history(seconds("2026-10-25T00:00Z"), seconds("2026-10-26T00:00Z"))
    assert [point.grams for point in found] == [20, 22]


def test_history_ends_where_the_source_may_still_correct(web: requests_mock.Mocker) -> None:
    web.get(requests_mock.ANY, json=UK)
    one = source(question("uk", "GB"), now="2026-11-29T12:00:00Z")  # settled until 24 hours before
    found = list(one.history(seconds("2026-11-28T11:00Z"), seconds("2026-11-28T13:00Z")))
    assert [(point.grams, point.state) for point in found] == [(180, "settled"), (210, "settled")]
    assert web.request_history[0].path.endswith("/2026-11-28t12:00z")


def test_average_of_a_year_needs_no_network() -> None:
    asked_for = question("ember", "DE")
    assert asked_for.provider.live is None
    with pytest.raises(JoulepathError, match=r"^ember/DE: "):
        read(source(asked_for))
