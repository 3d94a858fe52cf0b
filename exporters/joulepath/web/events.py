# SPDX-License-Identifier: Apache-2.0
"""Clients turned away: each is counted by its reason, and each reason has at most one log line a minute."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias, get_args

from prometheus_client.core import Metric

from joulepath.metrics import counter

logger = logging.getLogger(__name__)

LOG_SECONDS = 60.0

Reason: TypeAlias = Literal[
    "bad_request", "certificate", "displaced", "error", "login", "logins", "no_room", "rate_limit", "slow", "tls"
]

_MEANINGS: Mapping[Reason, str] = {
    "bad_request": "a request was not HTTP/1.1 or its head was too long",
    "certificate": "a client certificate does not have a name of client_allowed_sans",
    "displaced": "a connection that waited or did not read made room for another",
    "error": "an unexpected error",
    "login": "a login was refused",
    "logins": "a login was refused because too many logins waited",
    "no_room": "a connection was closed because all connections were busy",
    "rate_limit": "a request was above the rate limit",
    "slow": "a client did not send its request or take its answer in time",
    "tls": "a TLS handshake failed",
}

TURNED_AWAY = counter(
    "joulepath_web_turned_away_total",
    f"Connections and requests that the web server turned away, by reason: {', '.join(get_args(Reason))}.",
    "reason",
)

METRICS = (TURNED_AWAY,)


class Events:
    """The counts of one process; any thread may add to them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[Reason, int] = dict.fromkeys(get_args(Reason), 0)
        self._logged: dict[Reason, tuple[float, int]] = {}

    def add(self, reason: Reason, client: str = "", detail: str = "") -> None:
        """Counts one, and logs it with those since the last line where a minute has passed."""
        now = self._clock()
        with self._lock:
            self._counts[reason] += 1
            count = self._counts[reason]
            at, before = self._logged.get(reason, (float("-inf"), 0))
            if now - at < LOG_SECONDS:
                return
            self._logged[reason] = (now, count)
        message = _MEANINGS[reason] + (f": {detail}" if detail else "")
        logger.warning(message, extra={"client": client, "reason": reason, "times": count - before})

    def collect(self) -> Iterable[Metric]:
        """The counter of all reasons."""
        family = TURNED_AWAY.family()
        with self._lock:
            counts = dict(self._counts)
        for reason, count in counts.items():
            family.add_metric([reason], count)
        yield family
