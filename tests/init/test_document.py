# SPDX-License-Identifier: Apache-2.0
"""A file with comments: its data are what went in, whatever the names and remarks are."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joulepath.config import parsed_yaml
from joulepath_init.document import WIDTH, Entry, Section, flow, written

pytestmark = pytest.mark.unit

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.sampled_from(
    [
        "on",
        "no",
        "null",
        "~",
        "1",
        "1e3",
        "0x1",
        "12:30",
        "a: b",
        "# c",
        "- d",
        "{e}",
        "it's",
        'a"b',
        "é",
        "x\ty",
        "=",
        "<<",
    ]
)
SCALARS = TEXTS | st.integers() | st.booleans() | st.sampled_from([0.5, 380.0, 41.25])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)


@settings(max_examples=60)
@given(VALUES)
def test_a_value_is_read_as_it_was_written(value: object) -> None:
    assert parsed_yaml(Path("any"), f"key: {flow(value)}") == {"key": value}


@settings(max_examples=40)
@given(
    st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4), min_size=1, max_size=4),
    st.lists(st.text(), max_size=3),
    st.booleans(),
)
@example(entries={"x" * WIDTH: {}}, remarks=[], listed=False)
def test_remarks_change_no_data(entries: dict[str, object], remarks: list[str], listed: bool) -> None:
    """A remark may hold anything that a device calls itself, line breaks included."""
    made = [Entry(name, value, remarks) for name, value in entries.items()]
    text = written(remarks, [Section("first", made, remarks, listed), Section("second", [Entry("a", 1)])])
    expected = list(entries.values()) if listed else entries
    assert parsed_yaml(Path("any"), text) == {"first": expected, "second": {"a": 1}}


def test_a_long_entry_has_a_line_for_each_key() -> None:
    value = {"power": ["x" * 50] * 2, "gpus": {"0": "y" * 30}}
    text = written([], [Section("hosts", [Entry("edge", value)]), Section("nodes", [Entry("", value)], listed=True)])
    assert yaml.safe_load(text) == {"hosts": {"edge": value}, "nodes": [value]}
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "  - power: [" in text
