# SPDX-License-Identifier: Apache-2.0
import gzip
import json

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from joulepath.metrics import gauge
from tests.exporters.web.things import Things, get, serving

pytestmark = pytest.mark.unit


def test_an_exposition_of_a_target_and_of_the_exporter() -> None:
    things = Things()
    with serving(things) as server:
        status, headers, body = get(server, "/probe?target=t%2Fw%20o")
        assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
        assert b"thing_up 1.0\n" in body
        assert things.probed == ["t/w o"]
        assert b"thing_up 1.0\n" in get(server, "/metrics")[2]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/probe?target=three", 404), ("/probe", 400), ("/probe?target=one&target=one", 400), ("/nothing", 404)],
)
def test_an_unconfigured_target_is_not_asked(path: str, status: int) -> None:
    things = Things()
    with serving(things) as server:
        assert get(server, path)[0] == status
    assert things.probed == []


def test_a_target_that_leaves_during_the_request_is_not_found() -> None:
    def leaves() -> float:
        raise KeyError("one")

    with serving(Things(leaves)) as server:
        assert get(server, "/probe?target=one")[0] == 404


def test_service_discovery_names_the_exporter_as_the_client_does() -> None:
    with serving(Things()) as server:
        _, headers, body = get(server, "/targets", Host="pdu-exporter.example:10471")
        assert headers["content-type"] == "application/json"
        labels = {"__metrics_path__": "/probe"}
        assert json.loads(body) == [
            {"targets": ["pdu-exporter.example:10471"], "labels": {"instance": name, "__param_target": name, **labels}}
            for name in ("one", "t/w o")
        ]


def test_service_discovery_of_a_single_target_is_the_exporter_itself() -> None:
    things = Things()
    things.targets = ()
    with serving(things) as server:
        groups = json.loads(get(server, "/targets")[2])
        assert groups == [{"targets": [f"127.0.0.1:{server.ports[0]}"], "labels": {"__metrics_path__": "/metrics"}}]


def test_the_landing_page_says_what_is_read_and_links_all_of_it() -> None:
    with serving(Things()) as server:
        status, headers, body = get(server, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = body.decode()
    assert "Things &lt;of&gt; all kinds" in page
    for link in ("/metrics", "/probe?target=one", "/probe?target=t%2Fw%20o", "/targets", "/-/healthy", "/-/ready"):
        assert f'href="{link}"' in page


def test_healthy_at_once_and_ready_when_the_exporter_is() -> None:
    things = Things()
    things.ready = False
    with serving(things) as server:
        assert get(server, "/-/healthy")[0] == 200
        assert get(server, "/-/ready")[0] == 503
        things.ready = True
        assert get(server, "/-/ready")[0] == 200


def test_openmetrics_and_gzip_where_the_client_asks_for_them() -> None:
    many = gauge("thing_watts", "A sample for each thing.", "thing")

    class Many(Things):
        def _families(self) -> list[object]:  # type: ignore[override]  # the same, loosely typed
            family = many.family()
            for number in range(200):
                family.add_metric([str(number)], number)
            return [family]

    with serving(Many()) as server:
        plain = get(server, "/metrics")
        assert "content-encoding" not in plain[1]
        _, headers, body = get(
            server, "/metrics", **{"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
        )
        refused = get(server, "/metrics", **{"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in refused[1]
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    text = gzip.decompress(body).decode()
    assert len(body) < len(text) / 3
    (family,) = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    assert [sample.value for sample in family.samples] == list(range(200))


def test_a_defect_in_one_exposition_is_one_failed_scrape() -> None:
    def defect() -> float:
        raise ZeroDivisionError

    with serving(Things(defect)) as server:
        assert get(server, "/metrics")[0] == 500
        assert get(server, "/-/healthy")[0] == 200


def test_a_device_has_no_up_before_its_first_poll() -> None:
    with serving(Things(lambda: None)) as server:
        status, _, body = get(server, "/probe?target=one")
    assert status == 200
    assert b"\nthing_up " not in body
