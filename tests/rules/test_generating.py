# SPDX-License-Identifier: Apache-2.0
"""The options of `joulepath rules generate`: which file, in which form, from where the constants come."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from joulepath.cli import main
from joulepath.errors import JoulepathError
from joulepath_rules import generating
from joulepath_rules.serving.awaited import await_constants
from joulepath_topology import read
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

EXAMPLE = ROOT / "examples" / "two-sites.yaml"


def generate(folder: Path, *options: str, topology: Path = EXAMPLE) -> int:
    return main(["rules", "generate", str(topology), "-o", str(folder), *options])


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("prometheus", "rules.yaml"), ("operator", "prometheusrules.yaml"), ("vmalert", "rules.yaml")],
)
def test_a_file_has_the_name_of_the_topology(tmp_path: Path, dialect: str, name: str) -> None:
    topology = tmp_path / "any.yaml"
    topology.write_text("name: plant\n" + EXAMPLE.read_text())
    assert generate(tmp_path / "out", "--dialect", dialect, topology=topology) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"plant.{name}"]


def test_scraped_constants_are_selected_by_generation_and_not_recorded(tmp_path: Path) -> None:
    """Nothing but the constants' rules is left out, and each read of a constant names the generation."""
    texts = []
    for constants in ("rules", "scraped"):
        assert generate(tmp_path, "--constants", constants) == 0
        texts.append((tmp_path / "joulepath.rules.yaml").read_text())
    records = [
        [rule["record"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "record" in rule]
        for text in texts
    ]
    assert [name for name in records[0] if not name.startswith("joulepath_topology_")] == records[1]
    own = f'{{topology="joulepath",generation="{read(EXAMPLE).hash}"'
    reads = re.findall(r"joulepath_topology_\w+(\{[^,}]*,[^,}]*)", texts[1])
    assert len(reads) > 20
    assert set(reads) == {own}


def test_namespace_and_labels_stand_on_every_object(tmp_path: Path) -> None:
    options = ["--namespace", "monitoring", "--label", "release=prometheus", "--label", "team=energy"]
    assert generate(tmp_path, "--dialect", "operator", *options) == 0
    for entry in yaml.safe_load_all((tmp_path / "joulepath.prometheusrules.yaml").read_text()):
        assert entry["metadata"]["namespace"] == "monitoring"
        expected = {"app.kubernetes.io/managed-by": "joulepath", "release": "prometheus", "team": "energy"}
        assert entry["metadata"]["labels"] == expected


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--label", "a=b"], "--namespace and --label belong to --dialect operator"),
        (["--namespace", "a", "--dialect", "vmalert"], "--namespace and --label belong to --dialect operator"),
        (["--await", "http://127.0.0.1:9"], "--await belongs to --constants scraped"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    tmp_path: Path, options: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(tmp_path, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fault in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--label", "a"], ["--namespace", "A"]])
def test_a_word_that_kubernetes_refuses_is_refused(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        generate(tmp_path, "--dialect", "operator", *options)
    assert f"{options[1]!r} is not a " in capsys.readouterr().err


def test_many_constants_as_rules_get_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generating, "MANY_CONSTANTS", 10)
    assert generate(tmp_path) == 0
    assert re.search(r"two-sites.yaml: \d+ constants as rules take long to evaluate", capsys.readouterr().err)
    assert generate(tmp_path, "--constants", "scraped") == 0
    assert "constants" not in capsys.readouterr().err


class Server(http.server.ThreadingHTTPServer):
    """A Prometheus that has the constants from its `after`th answer on."""

    def __init__(self, after: int, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.after = after
        self.status = status
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        rows: list[dict[str, str]] = [{}] if len(self.server.asked) > self.server.after else []
        body = json.dumps({"data": {"result": rows}}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
        """Says nothing."""


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Those that a test starts with `started`."""
    running: list[Server] = []
    yield running
    for server in running:
        server.shutdown()
        server.server_close()


def start_server(servers: list[Server], server: Server) -> Server:
    servers.append(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_await_returns_when_the_constants_exist(servers: list[Server]) -> None:
    server = start_server(servers, Server(after=2))
    slept: list[float] = []
    await_constants(server.url + "/", "plant", "abc", sleep=slept.append)
    assert (len(server.asked), len(slept)) == (3, 2)
    assert "topology%3D%22plant%22%2Cgeneration%3D%22abc%22" in server.asked[0]


@pytest.mark.parametrize(
    ("after", "status", "fault"),
    [(99, 200, r"no constants of generation abc after 5 s; no rules were written"), (0, 403, r"answers 403 Forbidden")],
)
def test_await_gives_up_with_the_reason(servers: list[Server], after: int, status: int, fault: str) -> None:
    server = start_server(servers, Server(after, status))
    with pytest.raises(JoulepathError, match=fault):
        await_constants(server.url, "plant", "abc", seconds=5, sleep=lambda _: None)


def test_await_of_an_absent_server_or_a_bad_address_is_one_line() -> None:
    with pytest.raises(JoulepathError, match="no rules were written"):
        await_constants("http://127.0.0.1:9", "plant", "abc", seconds=1, sleep=lambda _: None)
    with pytest.raises(JoulepathError, match="give the address of a Prometheus"):
        await_constants("file:///etc/passwd", "plant", "abc")


def test_no_file_is_written_before_the_constants_exist(tmp_path: Path, servers: list[Server]) -> None:
    server = start_server(servers, Server(after=0, status=500))
    assert generate(tmp_path, "--constants", "scraped", "--await", server.url) == 1
    assert list(tmp_path.iterdir()) == []
    server.status = 200
    assert generate(tmp_path, "--constants", "scraped", "--await", server.url) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["joulepath.rules.yaml"]
