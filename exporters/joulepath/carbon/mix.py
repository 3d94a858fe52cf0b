# SPDX-License-Identifier: Apache-2.0
"""Points from ENTSO-E's document of generation by type (GL_MarketDocument): the mix, weighted with a factor per type.

A document type declaration is refused before anything in it is read, so no entity is ever expanded.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from xml.etree import ElementTree as ET

from joulepath.carbon.answer import FormatError
from joulepath.carbon.settings import Feed, Point, Provider
from joulepath.errors import JoulepathError

MOST_DEPTH = 16
MOST_UNKNOWN = 0.1
"""The largest share of generation without a factor; of the rest the mean is taken."""
STEP = 900
"""Seconds of one interval; a value of a longer one holds for each part of it."""
RESOLUTIONS = {"PT15M": 900, "PT30M": 1800, "PT60M": 3600, "PT1H": 3600}
MOST_STEPS = 40 * 96
"""Of one series: forty days."""
MOST_OF_ALL = 60 * MOST_STEPS
"""Of all series of a document; the largest have some twenty types."""
MOST_MEGAWATTS = 1e7

Generation = Mapping[str, Mapping[int, float]]
"""Megawatts by type, by the start of an interval of STEP [s since the epoch]."""


class NoDataError(JoulepathError):
    """The source says that it has nothing of the time that was asked for."""


class Builder(ET.TreeBuilder):
    """Builds a tree of bounded depth, without a document type."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, *_: object) -> None:
        """Called before the declaration's content is read."""
        raise FormatError("it declares a document type, which is refused")

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        """Begins an element."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise FormatError("it is nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        """Ends an element."""
        self._depth -= 1
        return super().end(tag)


def points(provider: Provider, feed: Feed, body: bytes, filled: Mapping[str, str]) -> list[Point]:
    """The points of a document. Raises JoulepathError."""
    (state,) = feed.values
    generation = megawatts(body, filled["zone"])
    return [
        Point(float(start), float(STEP), state, grams)
        for start, grams in intensities(generation, provider.factors, provider.left_out)
    ]


def intensities(
    generation: Generation, factors: Mapping[str, float], left_out: frozenset[str]
) -> Iterator[tuple[int, float]]:
    """Grams for each kWh, for each interval in which every type of the document has a value.

    The types come in one after the other: an interval that still lacks one would show a wrong mix.
    """
    counted = {kind: values for kind, values in generation.items() if kind not in left_out}
    if not counted:
        return
    for start in sorted(set.intersection(*(set(values) for values in counted.values()))):
        # A plant that stands still may take a little power, which is then reported as negative generation.
        given = {kind: max(values[start], 0.0) for kind, values in counted.items()}
        total = sum(given.values())
        known = sum(amount for kind, amount in given.items() if kind in factors)
        if known > 0 and total - known <= MOST_UNKNOWN * total:
            yield start, sum(amount * factors[kind] for kind, amount in given.items() if kind in factors) / known


def megawatts(body: bytes, zone: str) -> Generation:
    """The generation in a document for a zone, by its EIC code. Raises JoulepathError."""
    root = _root(body)
    if _name(root) == "Acknowledgement_MarketDocument":
        reasons = [text for element in root.iter() if _name(element) == "text" and (text := element.text)]
        raise NoDataError(f"has no data: {' '.join(' '.join(reasons).split())[:200] or 'no reason given'}")
    if _name(root) != "GL_MarketDocument":
        raise FormatError(f"it is a {_name(root)[:40]}")
    generation: dict[str, dict[int, float]] = defaultdict(dict)
    steps = 0
    for series in _children(root, "TimeSeries"):
        domain = _texts(series, "inBiddingZone_Domain.mRID")
        if not domain and _texts(series, "outBiddingZone_Domain.mRID"):  # this is what storage and plants take
            continue
        if domain != [zone]:
            raise FormatError(f"it is of the zone {', '.join(domain)[:40]!r}, not {zone}")
        if (unit := _texts(series, "quantity_Measure_Unit.name")) not in ([], ["MAW"]):
            raise FormatError(f"its unit is {unit[0][:40]!r}, not MAW")
        kind, curve = _text(series, "MktPSRType", "psrType"), _texts(series, "curveType")
        if not kind:
            raise FormatError("a series has no psrType")
        if curve not in ([], ["A01"], ["A03"]):
            raise FormatError(f"curveType is {', '.join(curve)[:40]!r}, not A01 or A03")
        if not (periods := _children(series, "Period")):
            raise FormatError("a series has no Period")
        for period in periods:
            # Curve type A03 leaves out a value that is the one before it.
            values = _period(period, repeats=curve == ["A03"])
            steps += len(values)
            if steps > MOST_OF_ALL:
                raise FormatError(f"it has more than {MOST_OF_ALL} values")
            known = generation[kind]
            if any(known.get(start, value) != value for start, value in values.items()):
                raise FormatError(f"{kind[:40]} has two values of one time")
            known.update(values)
    return generation


def _period(period: ET.Element, *, repeats: bool) -> Mapping[int, float]:
    start, end = (_time(_text(period, "timeInterval", key)) for key in ("start", "end"))
    resolution = _text(period, "resolution")
    if resolution not in RESOLUTIONS:
        raise FormatError(f"resolution is {resolution[:40]!r}, not one of {', '.join(RESOLUTIONS)}")
    length = RESOLUTIONS[resolution]
    if not 0 < end - start <= MOST_STEPS * STEP or (end - start) % length:
        raise FormatError("a period's start and end do not fit its resolution")
    values: dict[int, float] = {}
    for point in _children(period, "Point"):
        position, quantity = _number(_text(point, "position")), _number(_text(point, "quantity"))
        if not 1 <= position <= (end - start) // length or position % 1:
            raise FormatError(f"position {position:g} is outside its period")
        if abs(quantity) > MOST_MEGAWATTS:
            raise FormatError(f"quantity {quantity:g} is not possible")
        if int(position) in values:
            raise FormatError(f"position {position:g} is there twice")
        values[int(position)] = quantity
    found: dict[int, float] = {}
    last: float | None = None
    for position in range(1, (end - start) // length + 1):
        last = values.get(position, last if repeats else None)
        if last is not None:
            begin = start + (position - 1) * length
            found.update(dict.fromkeys(range(begin, begin + length, STEP), last))
    return found


def _root(body: bytes) -> ET.Element:
    parser = ET.XMLParser(target=Builder())  # noqa: S314  # see `Builder`
    try:
        parser.feed(body)
        return parser.close()
    except (ET.ParseError, ValueError, LookupError):
        raise FormatError("it is not XML") from None


def _name(element: ET.Element) -> str:
    """Without its namespace, which has a version in it."""
    return element.tag.rpartition("}")[2]


def _children(element: ET.Element, name: str) -> list[ET.Element]:
    return [child for child in element if _name(child) == name]


def _texts(element: ET.Element, *path: str) -> list[str]:
    found = [element]
    for name in path:
        found = [child for one in found for child in _children(one, name)]
    return [(one.text or "").strip() for one in found]


def _text(element: ET.Element, *path: str) -> str:
    texts = _texts(element, *path)
    if len(texts) != 1:
        raise FormatError(f"{'/'.join(path)} is absent, or is there twice")
    return texts[0]


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FormatError(f"{text[:40]!r} is not a number")
    return number


def _time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        raise FormatError(f"{text[:40]!r} is not a time") from None
    if moment.tzinfo is None or seconds % STEP:
        raise FormatError(f"{text[:40]!r} is not a quarter of an hour in UTC")
    return int(seconds)
