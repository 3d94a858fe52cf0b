# SPDX-License-Identifier: Apache-2.0
"""The commands of the pages work as they are written, or a comment beside them says why no test runs them.

A block of commands has the language `sh`. Its commands run one after the other in a folder of their own, with devices
on loopback in place of those that they name (`world.py`). An exporter is started, scraped and ended. Of `make` and
`pytest` it is asked whether they would run: their work is that of the other tests.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from scripts.blocks import COMMANDS, Block, blocks

from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.waiting import until
from tests.conftest import ROOT
from tests.pages.monitoring import prometheus_with_constants
from tests.pages.world import World, world

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"sh", "json", "promql", "python", "text", "yaml"}
PROGRAM = re.compile(
    r"(?:curl|joulepath|kubectl|make|pip|promtool|python3?|systemctl|tcpdump|victoria-metrics|vmalert)(?: (?!\w+: )|$)"
)

PROMETHEUS = "http://prometheus:9090"
EXPORTERS = re.compile(r"joulepath (?:pdu|bmc|carbon|rapl|workload|ioam|pfcp|tag|rules serve) ?")
ENDS = re.compile(r"--(?:once|check-config|check-profile|print-ip-route)\b")
SNIFFS = re.compile(r"joulepath (?:ioam|pfcp|tag) (?!.*(?:--pcap \w|--print-ip-route))")
INTERFACES = ("eth0", "n3", "n6", "wlan0", "mirror0")


def name(block: Block) -> str:
    return f"{block.page.relative_to(ROOT)}:{block.line}"


def needs(block: Block) -> Sequence[str]:
    """The fixtures that say whether this machine can run a block."""
    if any(SNIFFS.match(command) for command in block.commands):
        return ("as_root", "bpf")
    if PROMETHEUS in block.text:
        return ("prometheus",)
    return ("vmalert_program", "victoria_metrics") if "vmalert " in block.text else ()


def tier(block: Block) -> pytest.MarkDecorator:
    wanted = () if block.reason else needs(block)
    return pytest.mark.kernel if "as_root" in wanted else pytest.mark.lab if wanted else pytest.mark.unit


@pytest.mark.parametrize(
    "block", [pytest.param(one, id=name(one), marks=tier(one)) for one in BLOCKS if one.language == COMMANDS]
)
def test_commands_of_a_page_work(block: Block, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if block.reason:
        pytest.skip(f"not run: {block.reason}")
    for fixture in needs(block):
        request.getfixturevalue(fixture)
    with world(tmp_path, block) as here, network(block) as prefix, prometheus_with_constants(here, block, PROMETHEUS):
        for command in block.commands:
            inside = prefix if SNIFFS.match(command) else []
            if EXPORTERS.search(command) and not ENDS.search(command):
                serve(command, here, inside)
            else:
                end(command, here, inside)


@pytest.mark.unit
def test_every_block_of_commands_is_found() -> None:
    """A block has a language, and one of another language has no command at the beginning of a line."""
    assert [name(block) for block in BLOCKS if block.language not in LANGUAGES] == []
    lines = [(name(block), line) for block in BLOCKS if block.language == "text" for line in block.text.splitlines()]
    assert [(where, line) for where, line in lines if PROGRAM.match(line)] == []
    assert sum(block.language == COMMANDS for block in BLOCKS) > 20


@pytest.mark.unit
def test_a_reason_stands_above_a_block_of_commands() -> None:
    """A reason above anything else would excuse nothing, and one that stands apart is not read."""
    assert [name(block) for block in BLOCKS if block.reason and block.language != COMMANDS] == []
    written = sum(page.read_text("utf-8").count("<!-- not run") for page in PAGES)
    assert written == sum(bool(block.reason) for block in BLOCKS)


@pytest.mark.unit
def test_blocks_are_read_with_their_reasons(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\none --a   # comment\n# comment\ntwo '#b' \\\n  --c\n```\n\n"
        "<!-- not run: needs\na device -->\n```sh\nthree <<'END'\n# not a comment\nEND\n```\n\n"
        "* item\n\n  ```text\n  four\n  ```\n"
    )
    first, second, third = blocks(page)
    assert (first.commands, first.reason, first.line) == (["one --a", "two '#b'    --c"], "", 1)
    assert (second.commands, second.reason) == (["three <<'END'\n# not a comment\nEND"], "needs a device")
    assert (third.language, third.text, third.reason) == ("text", "four\n", "")


@pytest.mark.unit
@pytest.mark.parametrize(
    "command",
    ["make absent", "joulepath rapl --absent", "joulepath pdu --once --target udp://10.0.0.5 --community-file absent"],
)
def test_a_command_that_does_not_work_is_found(command: str, tmp_path: Path) -> None:
    block = Block(tmp_path / "page.md", 1, COMMANDS, command, "")
    block.page.touch()
    with world(tmp_path / "world", block) as here, pytest.raises(AssertionError):
        end(command, here, [])


@contextmanager
def network(block: Block) -> Iterator[list[str]]:
    """The words before a command that enter a network with the interfaces of the pages; none where it needs none."""
    if "as_root" not in needs(block):
        yield []
        return
    with NetworkNamespace() as namespace:
        for interface in INTERFACES:
            namespace.run(f"ip link add {interface} type veth peer name {interface}-peer")
            namespace.run(f"ip link set {interface} up")
            namespace.run(f"ip link set {interface}-peer up")
        yield namespace.command()


def end(command: str, here: World, prefix: list[str]) -> None:
    """Runs a command to its end, which must be a good one."""
    line, folder = here.here(command), here.folder
    if command.startswith("make "):
        line, folder = f"make --dry-run {command.removeprefix('make ')}", ROOT
    elif command.startswith("python -m pytest "):
        line, folder = f"{command} --collect-only --quiet", ROOT
    elif command.startswith("vmalert "):
        line += " -dryRun"
    elif command.startswith("victoria-metrics "):
        line += " -dryRun -promscrape.config=/dev/null"  # it refuses a trial without one
    run = subprocess.run(
        [*prefix, "bash", "-c", line],
        cwd=folder,
        env=here.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, f"{line}\n{run.stdout}{run.stderr}"


def serve(command: str, here: World, prefix: list[str]) -> None:
    """Starts an exporter, waits until it has read its device, if it has one alone, and ends it by SIGTERM."""
    # The shell outlives the signal, which its whole group gets, and ends with the exporter's code.
    line = f"trap : TERM; {here.here(command)} --web.listen-address 127.0.0.1:0; exit $?"
    log: list[str] = []
    with subprocess.Popen(
        [*prefix, "bash", "-c", line],
        cwd=here.folder,
        env=here.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        reader = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
        reader.start()
        try:
            until(lambda: bool(port(log)) or process.poll() is not None)
            assert port(log), f"{line}\n{''.join(log)}"
            kind = command.split()[1]
            until(lambda: is_up(metrics(port(log), prefix), kind if "--target" in command else ""))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            code = process.wait(30)
        assert code == 0, f"{line}\n{''.join(log)}"


def port(log: Sequence[str]) -> str:
    """The port that a log names; empty before it does."""
    match = re.search(r"msg=listening address=127\.0\.0\.1:(\d+)", "".join(log))
    return match[1] if match else ""


def metrics(number: str, prefix: list[str]) -> str:
    """The page of an exporter, asked for from its network."""
    ask = (
        f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{number}/metrics', timeout=5).read().decode())"
    )
    return subprocess.run([*prefix, sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout


def is_up(exposition: str, kind: str) -> bool:
    """Whether a page has samples, and says that the device of this kind was read."""
    families = list(text_string_to_metric_families(exposition))
    ups = [sample.value for family in families if family.name == f"{kind}_up" for sample in family.samples]
    return bool(families) and (not kind or 1 in ups)
