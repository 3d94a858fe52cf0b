# SPDX-License-Identifier: Apache-2.0
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator

import pytest
from prometheus_client.core import Metric

from joulepath.errors import JoulepathError
from joulepath.metrics import gauge
from joulepath.web import Address, Server

pytestmark = pytest.mark.unit

UP = gauge("thing_up", "Whether it answers.")


class Things:
    name = "thing"
    reads = "Things <of> all kinds"
    targets = ("one", "two")

    def __init__(self) -> None:
        self.probed: list[str] = []

    def collect(self) -> Iterable[Metric]:
        return []

    def probe(self, target: str) -> Iterable[Metric]:
        self.probed.append(target)
        family = UP.family()
        family.add_metric([], 1)
        return [family]

    def once(self) -> Iterable[Metric]:
        return []

    def start(self) -> None: ...

    def stop(self) -> None: ...


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture(params=["127.0.0.1", "::1", ""])
def url(things: Things, request: pytest.FixtureRequest) -> Iterator[str]:
    server = Server(things, [Address(request.param, 0)])
    server.start()
    yield f"http://{Address(request.param or '127.0.0.1', server.ports[0])}"
    server.stop()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def test_routes(url: str, things: Things) -> None:
    assert "thing_up 1.0" in get(f"{url}/probe?target=two")
    assert things.probed == ["two"]
    assert get(f"{url}/metrics") == ""
    assert "Things &lt;of&gt; all kinds" in get(f"{url}/")


@pytest.mark.parametrize(("path", "status"), [("/probe?target=three", 404), ("/probe", 400), ("/nothing", 404)])
def test_what_is_not_configured_is_not_asked(url: str, things: Things, path: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as fault:
        get(url + path)
    assert fault.value.code == status
    assert things.probed == []


def test_an_address_in_use_is_one_line(things: Things) -> None:
    server = Server(things, [Address("127.0.0.1", 0)])
    try:
        with pytest.raises(JoulepathError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use"):
            Server(things, [Address("127.0.0.1", server.ports[0])])
    finally:
        server.close()


@pytest.mark.parametrize("text", ["9100", ":x", "::1:9100", ":70000", ""])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(Exception, match="not \\[HOST\\]:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(("text", "host", "port"), [(":1", "", 1), ("h:2", "h", 2), ("[::1]:3", "::1", 3)])
def test_addresses(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)
