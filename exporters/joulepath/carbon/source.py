# SPDX-License-Identifier: Apache-2.0
"""One zone of one source: the factors of now, and those of past hours."""

import asyncio
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import quote, urlsplit, urlunsplit

from joulepath.carbon import answer, mix
from joulepath.carbon.fetch import TIMEOUT, Fetcher, Gate, RefusedError, written
from joulepath.carbon.settings import Feed, Point, Question, State
from joulepath.errors import JoulepathError

TOKEN_SECONDS = 1500.0
"""A token of a login is renewed after that: WattTime's lives for 30 minutes."""
DAY = 86400.0
_PREFIX = 8
"""Characters by which a key is found in an answer's words. A shorter one would be found in any text."""
T = TypeVar("T")


@dataclass(frozen=True)
class CarbonReading:
    """The newest point of each state."""

    points: Mapping[State, Point]
    watts: Mapping[Hashable, float] = field(default_factory=dict)
    rows: Collection[Hashable] = ()
    rejected: Mapping[str, int] = field(default_factory=dict)


class OwnThread:
    """Runs what blocks in a thread of its own, at most one at a time. It does not hold up the end of the program."""

    def __init__(self, seconds: float = 2 * TIMEOUT) -> None:
        self._seconds = seconds
        self._busy = False

    async def run(self, work: Callable[[], T]) -> T:
        """Returns or raises what `work` does. Raises JoulepathError if that takes too long, and while it still runs."""
        if self._busy:
            raise JoulepathError("has not ended the answer before this one")
        loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def tell(result: T | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        def run() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as raised:  # noqa: BLE001  # it is raised again where `run` waits
                error = raised
            self._busy = False
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, result, error)

        self._busy = True
        threading.Thread(target=run, name="carbon", daemon=True).start()
        try:
            return cast("T", await asyncio.wait_for(done, self._seconds))
        except TimeoutError:
            raise JoulepathError(f"does not answer within {self._seconds:g} s") from None


class CarbonSource:
    """Asks one question again and again. `gate` is shared by all zones of the same source."""

    def __init__(
        self,
        question: Question,
        gate: Gate,
        *,
        fetcher: Fetcher | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.question = question
        self._gate = gate
        self._fetcher = fetcher or Fetcher(gate, ca_file=question.ca_file)
        self._clock = clock
        self._wall_clock = wall_clock
        self._token = question.secrets.token
        self._token_at: float | None = None
        self._thread = OwnThread()

    async def read(self) -> CarbonReading:
        """The factors of now. Raises JoulepathError with one line that names the source and the zone."""
        if self.question.known is not None:
            return CarbonReading({self.question.known.state: self.question.known})
        try:
            await asyncio.sleep(self._gate.wait())
            self._gate.check()
            return await self._thread.run(self._live)
        except JoulepathError as error:
            raise self._named(error) from None

    async def close(self) -> None:
        """Ends the session."""
        self._fetcher.close()

    def history(self, start: float, end: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[Point]:
        """The settled points of intervals that lie within `start` and `end`, in order. Raises JoulepathError.

        Intervals that the source may still correct are left out.
        """
        provider = self.question.provider
        if self.question.known is not None:
            raise JoulepathError(f"{self.question.name}: an average of a year has no hours: nothing of it settles")
        if provider.history is None:
            raise JoulepathError(f"{self.question.name}: the source has no history")
        end = min(end, self._wall_clock() - provider.settles_after_hours * 3600)
        step = provider.history.days * DAY
        begin = start
        while begin < end:
            until = min(begin + step, end)
            try:
                sleep(self._gate.wait())
                found = self._ask(provider.history, begin, until)
            except mix.NoDataError:
                found = []
            except JoulepathError as error:
                raise self._named(error) from None
            settled: dict[float, set[Point]] = {}
            for point in found:
                if point.state == "settled" and begin <= point.start < until and point.end <= end:
                    settled.setdefault(point.start, set()).add(point)
            # Leaves out a time with two values, such as the hour that clocks show twice in autumn.
            yield from (point for _, (point, *others) in sorted(settled.items()) if not others)
            begin = until

    def _live(self) -> CarbonReading:
        feed = self.question.provider.live
        if feed is None:
            raise JoulepathError("the source has nothing live")
        now = self._wall_clock()
        newest: dict[State, Point] = {}
        for point in self._ask(feed, now - feed.hours * 3600, now):
            begun = point.start <= now + self.question.provider.ahead_seconds
            if begun and (point.state not in newest or newest[point.state].start < point.start):
                newest[point.state] = point
        if not newest:
            raise JoulepathError("has no value for now")
        return CarbonReading(newest)

    def _ask(self, feed: Feed, start: float, end: float) -> list[Point]:
        question, provider = self.question, self.question.provider
        if (step := provider.align_seconds) > 0:
            start, end = math.floor(start / step) * step, math.ceil(end / step) * step
        filled = {
            "zone": provider.zones.get(question.zone, question.zone),
            "boundary": question.boundary,
            "start": written(provider.time_format, start),
            "end": written(provider.time_format, end),
            "token": self._own_token(),
        }
        url = self._address(feed.url.format_map({key: quote(value, safe=":") for key, value in filled.items()}))
        parameters = {key: value.format_map(filled) for key, value in feed.parameters.items()}
        headers = {key: value.format_map(filled) for key, value in provider.headers.items()}
        try:
            body = self._fetcher.get(url, parameters, headers)
        except RefusedError:
            self._token_at = None  # a token can end before its time
            raise
        if provider.form == "generation_mix":
            return mix.points(provider, feed, body, filled)
        return answer.points(provider, feed, body, filled)

    def _own_token(self) -> str:
        """The key from the configuration, or a token for the account."""
        provider, secrets = self.question.provider, self.question.secrets
        if provider.access != "login":
            return self._token
        if self._token_at is None or self._clock() - self._token_at > TOKEN_SECONDS:
            body = self._fetcher.get(self._address(provider.login), {}, {}, (secrets.user, secrets.password))
            token = answer.at(answer.parsed(body), "token")
            if not isinstance(token, str) or not token.isascii() or not token.isprintable():
                raise answer.FormatError("token is not a text")
            self._token, self._token_at = token, self._clock()
        return self._token

    def _address(self, url: str) -> str:
        if not self.question.origin:
            return url
        origin = urlsplit(self.question.origin)
        return urlunsplit(urlsplit(url)._replace(scheme=origin.scheme, netloc=origin.netloc))

    def _named(self, error: JoulepathError) -> JoulepathError:
        """The fault with the zone's name, in printable characters, and without a key that the source repeats."""
        text = "".join(character if character.isprintable() else " " for character in str(error))
        for key in (self._token, self.question.secrets.token, self.question.secrets.password):
            if len(key) >= _PREFIX:
                text = re.sub(re.escape(key[:_PREFIX]) + r"[^\s'\"]*", "...", text)
        return JoulepathError(f"{self.question.name}: {text}")
