# SPDX-License-Identifier: Apache-2.0
"""Waits until a Prometheus has scraped the constants that new rules select: rules that came earlier would find none."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from joulepath.errors import JoulepathError
from joulepath_rules.rule import selector

ASKED = "joulepath_topology_site"
"""Every topology has a constant of this name."""

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 1.0


def await_constants(
    url: str,
    topology: str,
    generation: str,
    *,
    seconds: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns once the Prometheus at `url` has that generation. Raises JoulepathError after `seconds`."""
    query = ASKED + selector(topology=topology, generation=generation)
    address = f"{url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise JoulepathError(f"--await {url}: give the address of a Prometheus: http://HOST:9090")
    left = seconds
    while not _found(url, address):
        if left <= 0:
            raise JoulepathError(
                f"--await {url}: it has no constants of generation {generation} after {seconds:g} s; no rules were "
                "written: look at `joulepath rules serve` and at the job that scrapes it"
            )
        sleep(LOOK_SECONDS)
        left -= LOOK_SECONDS


def _found(url: str, address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # http or https, see above
            return bool(json.load(answer)["data"]["result"])
    except urllib.error.HTTPError as error:
        raise JoulepathError(f"--await {url}: answers {error.code} {error.reason}") from None
    except (OSError, ValueError, LookupError, TypeError):
        return False  # it starts, or something in between answers for it
