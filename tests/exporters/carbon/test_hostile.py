# SPDX-License-Identifier: Apache-2.0
"""A source that fails, changes its form or means harm costs one line, and neither memory nor a factor."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import requests
import requests_mock
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.carbon import answer, mix
from joulepath.carbon.fetch import MOST_WAIT_SECONDS, Gate, retry_after
from joulepath.carbon.settings import Feed, Point, Secrets
from joulepath.carbon.source import CarbonSource, OwnThread
from joulepath.errors import JoulepathError
from tests.exporters.carbon.answers import (
    ELECTRICITY_MAPS,
    NOTHING,
    NOW,
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

QUESTION = question("uk", "GB")
FILLED = {"zone": "10Y1001A1001A82H", "boundary": "lifecycle"}
ENTSOE = question("entsoe", "DE-LU").provider
GENERATION = Feed("", values={"estimated": "generation"})


@pytest.fixture
def web() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


def is_one_line(error: Exception) -> bool:
    """Whether a fault can stand in a log."""
    return "\n" not in str(error) and len(str(error)) < 300


def fault_of(web: requests_mock.Mocker, **reply: object) -> str:
    """The one line of the fault that a reply makes."""
    web.get(requests_mock.ANY, **reply)  # type: ignore[arg-type]
    with pytest.raises(JoulepathError) as error:
        asyncio.run(source(QUESTION, most_bytes=10_000).read())
    line = str(error.value)
    assert line.startswith("uk/GB: ")
    assert is_one_line(error.value)
    return line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": [{**UK["data"][0], "intensity": {"forecast": 1}}]}, "data[0]: intensity.actual is absent"),
        ({"data": [{**UK["data"][0], "intensity": {"forecast": 1, "actual": "263"}}]}, "'263', not a number"),
        ({"data": [{**UK["data"][0], "intensity": {"forecast": 1, "actual": True}}]}, "True, not a number"),
        ({"data": [{**UK["data"][0], "intensity": {"forecast": 1, "actual": -1}}]}, "is -1, which is not possible"),
        ({"data": [{**UK["data"][0], "intensity": {"forecast": 1, "actual": 10**400}}]}, "is not a finite number"),
        ({"data": [{**UK["data"][0], "from": "2026-11-28 11:00"}]}, "not a time with its zone"),
        ({"data": [{**UK["data"][0], "from": 7}]}, "from is 7, not a time with its zone"),
        ({"data": {"from": 1}}, "data is not a list"),
        ({"error": {"code": "400 Bad Request"}}, "data is absent"),
        ([], "data is absent"),
        ({"data": [0]}, "data[0]: from is absent"),
        ({"data": []}, "has no value for now"),
    ],
)
def test_changed_format_is_one_line_that_says_where(web: requests_mock.Mocker, body: object, words: str) -> None:
    assert words in fault_of(web, json=body)


@pytest.mark.parametrize("text", ["", "<html>", "{", "[" * 5000, '{"data": NaN}', "9" * 5000])
def test_answer_that_is_not_json_is_a_fault(web: requests_mock.Mocker, text: str) -> None:
    assert "its answer is not in the known format: it is " in fault_of(web, text=text)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "has moved"),
        (400, "answers 400"),
        (401, "the key or the account is refused"),
        (403, "the key or the account is refused"),
        (404, "answers 404"),
        (429, "too many requests"),
        (500, "answers 500"),
        (503, "overloaded"),
    ],
)
def test_each_refusal_has_its_own_reason(web: requests_mock.Mocker, status: int, words: str) -> None:
    assert words in fault_of(web, status_code=status, headers={"Location": "https://elsewhere.example/"})
    assert len(web.request_history) == 1  # a redirect is not followed


def test_long_answer_is_given_up(web: requests_mock.Mocker) -> None:
    assert "answers with more than 0 MiB" in fault_of(web, content=b" " * 20_000)


def test_no_address_stands_in_a_fault(web: requests_mock.Mocker) -> None:
    web.get(requests_mock.ANY, exc=requests.ConnectionError("https://web-api.tp.entsoe.eu/api?securityToken=key"))
    with pytest.raises(JoulepathError) as error:
        asyncio.run(source(question("entsoe", "DE-LU")).read())
    assert str(error.value) == "entsoe/DE-LU: is not reached: is the network, or the proxy, up?"


KEY = "0123-4567-89ab-cdef"


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (
            {"text": NOTHING.replace("No matching", f"{KEY}&amp;x sees no matching")},
            r"has no data: \.\.\. sees no matching",
        ),
        ({"text": generation(series("B04", 1, zone=KEY))}, r"it is of the zone '\.\.\.', not"),
        ({"status_code": 500, "reason": f"{KEY} \x1b[31m" + "x" * 999}, r"answers 500 \.\.\.  \[31mx{30,40}$"),
    ],
)
def test_key_that_a_source_repeats_stays_hidden(web: requests_mock.Mocker, reply: dict[str, str], line: str) -> None:
    web.get(requests_mock.ANY, **reply)  # type: ignore[arg-type]
    asked = replace(question("entsoe", "DE-LU"), secrets=Secrets(KEY))
    with pytest.raises(JoulepathError, match=line) as error:
        asyncio.run(source(asked).read())
    assert KEY[:8] not in str(error.value)
    assert str(error.value).isprintable()


def test_slow_answer_ends_at_the_deadline(web: requests_mock.Mocker) -> None:
    clock = iter(range(0, 1000, 25))  # each look at the clock is 25 s later
    web.get(requests_mock.ANY, text=json.dumps(UK))
    one = source(QUESTION, clock=lambda: float(next(clock)))
    with pytest.raises(JoulepathError, match=r"^uk/GB: does not answer within 20 s$"):
        asyncio.run(one.read())


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_to_by_all_zones(web: requests_mock.Mocker, status: int) -> None:
    clock = [0.0]
    web.get(requests_mock.ANY, status_code=status, headers={"Retry-After": "120"})
    one = source(QUESTION, clock=lambda: clock[0])
    for moment, requests_so_far in ((0, 1), (1, 1), (119, 1), (121, 2)):
        clock[0] = moment
        with pytest.raises(JoulepathError, match="uk/GB: "):
            asyncio.run(one.read())
        assert len(web.request_history) == requests_so_far


def test_zone_that_waits_for_its_turn_keeps_to_the_pause(web: requests_mock.Mocker) -> None:
    web.get(requests_mock.ANY, status_code=429, headers={"Retry-After": "120"})
    gate = Gate(0.1)
    zones = [CarbonSource(QUESTION, gate, wall_clock=lambda: seconds(NOW)) for _ in range(3)]

    async def at_once() -> list[str]:
        return [str(fault) for fault in await asyncio.gather(*(one.read() for one in zones), return_exceptions=True)]

    first, *others = asyncio.run(at_once())
    assert first.endswith("answers 429, too many requests: it is not asked for the next 120 s")
    assert all("wants a pause, and is not asked for the next" in fault for fault in others), others
    assert len(web.request_history) == 1


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", 120),
        ("Sat, 28 Nov 2026 12:12:00 GMT", 120),
        ("Sat, 28 Nov 2026 12:00:00 GMT", 0),
        ("99999999999999999999", MOST_WAIT_SECONDS),
        ("Sat, 28 Nov 9999 12:00:00 GMT", MOST_WAIT_SECONDS),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, wait: float | None) -> None:
    assert retry_after(text, seconds(NOW)) == wait


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]><x>&a11;</x>', "declares a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "declares a document type"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1/">]><x>&a;</x>', "declares a document type"),
        ("<a>" * 100_000, "nested too deeply"),
        ("<a>", "it is not XML"),
        ("{}", "it is not XML"),
        ('<?xml version="1.0" encoding="nonsense"?><a/>', "it is not XML"),
        ("<Publication_MarketDocument/>", "it is a Publication_MarketDocument"),
        (generation(series("B04", 1, zone="10YFR-RTE------C")), "it is of the zone '10YFR-RTE------C'"),
        (generation(series("", 1)), "a series has no psrType"),
        (
            generation(series("B04", 1).replace("</MktPSRType>", "<psrType>B16</psrType></MktPSRType>")),
            "MktPSRType/psrType is absent, or is there twice",
        ),
        (generation(series("B04", 1).replace("inBidding", "bidding")), "it is of the zone '', not"),
        (generation(series("B04", 1).replace("Period>", "Era>")), "a series has no Period"),
        (generation(series("B04", 1, curve="A05")), "curveType is 'A05', not A01 or A03"),
        (generation(series("B04", 1, 2, positions=(1, 1))), "position 1 is there twice"),
        (generation(series("B04", 1), series("B04", 2)), "B04 has two values of one time"),
        (generation(series("B04", 1).replace("MAW", "MWH")), "its unit is 'MWH'"),
        (generation(series("B04", 1, resolution="P1D")), "resolution is 'P1D'"),
        (generation(series("B04", 1, end="2026-11-28T10:00Z")), "start and end do not fit"),
        (generation(series("B04", 1, end="2126-11-28T10:00Z")), "start and end do not fit"),
        (generation(series("B04", 1, start="2026-11-28T11:01Z")), "not a quarter of an hour"),
        (generation(series("B04", 1, start="2026-11-28T11:00")), "not a quarter of an hour in UTC"),
        (generation(series("B04", 1, start="x")), "'x' is not a time"),
        (generation(series("B04", 1, positions=(5,))), "position 5 is outside its period"),
        (generation(series("B04", 1, positions=(0,))), "position 0 is outside its period"),
        (generation(series("B04", 1e9)), "quantity 1e+09 is not possible"),
        (generation(series("B04", float("nan"))), "'nan' is not a number"),
        (generation(*[series("B04", 1, curve="A03", end="2027-01-06T00:00Z") for _ in range(70)]), "it has more than"),
    ],
)
def test_hostile_document_is_refused_at_once(document: str, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(answer.FormatError) as error:
        mix.points(ENTSOE, GENERATION, document.encode(), FILLED)
    assert words in str(error.value)
    assert time.process_time() - begun < 5


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(max_size=5), PLAIN, max_size=3)
PATHS = (
    ("uk", "GB", UK),
    ("rte", "FR", RTE),
    ("electricitymaps", "DK-DK2", ELECTRICITY_MAPS),
    ("watttime", "X", WATTTIME),
)


def swapped(document: object, choose: Callable[[int], int], other: object) -> object:
    """The document with something else at a place that `choose` leads to."""
    if isinstance(document, dict) and document and choose(4):
        key = list(document)[choose(len(document))]
        return {**document, key: swapped(document[key], choose, other)}
    if isinstance(document, list) and document and choose(4):
        number = choose(len(document))
        return [*document[:number], swapped(document[number], choose, other), *document[number + 1 :]]
    return other


def points_or_fault(parse: Callable[[], list[Point]], most: float) -> bool:
    """Whether an answer gives factors that are possible, or one fault."""
    try:
        found = parse()
    except JoulepathError as error:
        return is_one_line(error)
    return all(0 <= point.grams <= most for point in found)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS), st.data())
def test_any_change_of_an_answer_gives_points_or_one_fault(which: tuple[str, str, object], data: st.DataObject) -> None:
    name, zone, document = which
    provider = question(name, zone).provider
    feed = provider.live
    assert feed is not None
    changed = swapped(document, lambda most: data.draw(st.integers(0, most - 1)), data.draw(JSON))
    body = json.dumps(changed).encode()
    filled = {"zone": zone, "boundary": provider.boundaries[0]}
    assert points_or_fault(lambda: answer.points(provider, feed, body, filled), answer.MOST_GRAMS)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2000), st.integers(0, 60))
def test_any_damage_to_a_document_gives_points_or_one_fault(piece: bytes, place: int, cut: int) -> None:
    document = generation(series("B04", 100, 200, 300, 400), series("B14", 300, 300, 300, 300)).encode()
    place %= len(document)
    damaged = document[:place] + piece + document[place + cut :]
    assert points_or_fault(lambda: mix.points(ENTSOE, GENERATION, damaged, FILLED), 820)


TYPES = st.sampled_from(sorted(ENTSOE.factors))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TYPES, st.lists(st.floats(0, 1e5), min_size=4, max_size=4), min_size=1, max_size=6))
def test_factor_of_a_mix_lies_within_its_types(amounts: dict[str, list[float]]) -> None:
    document = generation(*(series(kind, *values) for kind, values in amounts.items())).encode()
    for point in mix.points(ENTSOE, GENERATION, document, FILLED):
        present = [ENTSOE.factors[kind] for kind in amounts]
        assert min(present) * (1 - 1e-9) <= point.grams <= max(present) * (1 + 1e-9)


def test_answer_without_end_holds_one_thread_and_nothing_else() -> None:
    ended = threading.Event()
    thread = OwnThread(seconds=0.05)

    async def ask_twice() -> None:
        with pytest.raises(JoulepathError, match=r"^does not answer within 0\.05 s$"):
            await thread.run(ended.wait)
        with pytest.raises(JoulepathError, match=r"^has not ended the answer before this one$"):
            await thread.run(ended.wait)
        ended.set()

    asyncio.run(ask_twice())
