# SPDX-License-Identifier: Apache-2.0
"""Numbers in a topology file: their own lines change, and nothing else."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import UsageError
from joulepath_calibrate.writing import changed, write

pytestmark = pytest.mark.unit

HOUSE = """\
# Our house.
sites: {home: {grams_per_kwh: 100}}
hosts:
  edge-1:   # beside the door
    # The left plug.
    site: home
    power:
      - {pdu: "pdu-1", outlets: ["1"]}
  flow: {site: home, power: [{pdu: pdu-1, outlets: ["2"]}]}  # the other

  old:
    site: home
    static_watts:   90.0 # measured by hand
    power: [{pdu: pdu-1, outlets: ["3"]}]
  "ru-[1-2]": {site: home, power: [{pdu: pdu-1, outlets: ["[4-5]"]}]}
components:
  edge-1: {role: upf}
  llm:
    role: model
    host: old
    requests: vllm
    tokens:
      input: 1 # of prompts
      output: 2
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE)
    return path


@pytest.mark.parametrize(
    ("host", "before", "after"),
    [
        (
            "edge-1",
            "    # The left plug.\n    site: home\n",
            "    # The left plug.\n    # static_watts: calibrated today\n    static_watts: 101.5\n    site: home\n",
        ),
        (
            "flow",
            "  flow: {site: home, ",
            "  # static_watts: calibrated today\n  flow: {static_watts: 101.5, site: home, ",
        ),
        (
            "old",
            "    static_watts:   90.0 # measured by hand\n",
            "    # static_watts: calibrated today\n    static_watts:   101.5 # measured by hand\n",
        ),
    ],
)
def test_a_number_changes_the_lines_of_its_host_alone(house: Path, host: str, before: str, after: str) -> None:
    write(house, ("hosts", host), {"static_watts": 101.5}, "today")
    assert HOUSE.count(before) == 1
    assert house.read_text() == HOUSE.replace(before, after)


@pytest.mark.parametrize("host", ["edge-1", "flow", "old"])
def test_a_second_calibration_replaces_the_first(house: Path, host: str) -> None:
    write(house, ("hosts", host), {"static_watts": 99.5}, "yesterday")
    write(house, ("hosts", host), {"static_watts": 101.5}, "today")
    twice = house.read_text()
    house.write_text(HOUSE)
    write(house, ("hosts", host), {"static_watts": 101.5}, "today")
    assert twice == house.read_text()


def test_numbers_of_a_mapping_change_one_by_one(house: Path) -> None:
    write(house, ("components", "llm"), {"tokens": {"input": 0.1, "output": 1.0}}, "today")
    expected = HOUSE.replace("    tokens:\n", "    # tokens: calibrated today\n    tokens:\n")
    assert house.read_text() == expected.replace("input: 1 #", "input: 0.1 #").replace("output: 2", "output: 1")


def test_a_file_keeps_its_rights_and_its_line_ends(house: Path) -> None:
    house.write_bytes(HOUSE.replace("\n", "\r\n").encode())
    house.chmod(0o640)
    write(house, ("hosts", "old"), {"static_watts": 101.5}, "today")
    assert house.stat().st_mode & 0o777 == 0o640
    lines = house.read_bytes().split(b"\n")
    assert sum(line.endswith(b"\r") for line in lines) == HOUSE.count("\n")
    assert list(house.parent.iterdir()) == [house]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (HOUSE, "ru-1"),
        (HOUSE.replace("  flow: {site", "  flow: &one {site").replace("  old:", "  new: *one\n  old:"), "new"),
    ],
)
def test_an_entry_that_is_not_written_there_is_left(house: Path, text: str, host: str) -> None:
    house.write_text(text)
    with pytest.raises(UsageError, match=rf"hosts\.{host}: cannot be changed in place: write static_watts: 101.5"):
        write(house, ("hosts", host), {"static_watts": 101.5}, "today")
    assert house.read_text() == text


def test_a_number_that_makes_the_topology_wrong_is_not_written(house: Path) -> None:
    """Two components of a host need reservations as soon as it has static_watts."""
    share = "role: upf, host: edge-1, share: [{query: sum(x)}]"
    text = HOUSE.replace("  edge-1: {role: upf}\n", f"  a: {{{share}}}\n  b: {{{share}}}\n")
    text = text.replace("    # The left plug.\n", "    active: {query: sum(y)}\n")
    house.write_text(text)
    with pytest.raises(UsageError) as caught:
        write(house, ("hosts", "edge-1"), {"static_watts": 101.5}, "today")
    place = f"{house}: components"
    assert [message.partition(" (")[0] for message in caught.value.messages] == [
        f"{place}.{name}: needs a reservation: host 'edge-1' has static_watts to divide" for name in "ab"
    ]
    assert all(message.endswith("(nothing was written)") for message in caught.value.messages)
    assert house.read_text() == text
    assert list(house.parent.iterdir()) == [house]


SCALARS = st.one_of(st.integers(0, 99), st.text("ab #:'\"-", max_size=6), st.booleans())
ENTRIES = st.dictionaries(st.sampled_from(["site", "power", "static_watts", "max_watts", "x"]), SCALARS, min_size=1)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), ENTRIES, min_size=1), st.booleans(), st.booleans(), st.data())
def test_any_file_keeps_all_other_values(
    hosts: dict[str, dict[str, object]], flow: bool, wide: bool, data: st.DataObject
) -> None:
    """Whatever the style in which it is written."""
    host = data.draw(st.sampled_from(sorted(hosts)))
    text = yaml.safe_dump(
        {"sites": 1, "hosts": hosts}, default_flow_style=None if flow else False, width=20 + 100 * wide
    )
    written = changed(text, ("hosts", host), {"static_watts": 12.5}, "today")
    assert written is not None
    assert yaml.safe_load(written) == {"sites": 1, "hosts": hosts | {host: hosts[host] | {"static_watts": 12.5}}}
    assert sum(line not in text for line in written.splitlines()) <= 2
