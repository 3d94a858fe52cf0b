# SPDX-License-Identifier: Apache-2.0
"""Profiles: what they accept, how values become measurements, and which profile is tried first."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import UsageError
from joulepath.pdu.profiles.catalogue import candidates, read_folder
from joulepath.pdu.profiles.quantity import PLAUSIBLE, Quantity, QuantityName
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Missing, parse_oid
from joulepath.pdu.survey.value import REASONS, measure, text
from joulepath.reading.rejected import NotMeasuredError
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

TENTHS = Quantity(column="1.3", scale=Decimal("0.1"), sentinels=frozenset({-1}))
quantities = st.sampled_from(sorted(PLAUSIBLE))
scales = st.sampled_from([Decimal(text) for text in ("0.001", "0.01", "0.1", "1", "10", "3600", "360000")])
values = st.one_of(st.integers(-(2**63), 2**64), st.binary(max_size=20), st.sampled_from(Missing), st.just((1, 3)))


@given(values, quantities, scales)
def test_a_value_is_plausible_or_absent_or_rejected_with_a_reason(
    value: object, name: QuantityName, scale: Decimal
) -> None:
    quantity = Quantity(column="1.3", scale=scale, sentinels=frozenset({-1}))
    try:
        number = measure(value, name, quantity)  # type: ignore[arg-type]
    except NotMeasuredError as rejected:
        reason = str(rejected)
        number = None
    else:
        reason = ""
    assert reason in ("", *REASONS)
    assert (number is None and not reason) == isinstance(value, Missing)
    if number is not None:
        assert isinstance(value, int)
        low, high = PLAUSIBLE[name]
        assert low <= number <= high
        assert Decimal(number) == pytest.approx(Decimal(value) * scale, rel=Decimal("1e-15"))


@pytest.mark.parametrize(("raw", "amperes"), [(3, 0.3), (9, 0.9), (0, 0.0), (65, 6.5), (1234, 123.4)])
def test_steps_of_a_tenth_are_exact_to_the_last_digit(raw: int, amperes: float) -> None:
    assert measure(raw, "current", TENTHS) == amperes


@pytest.mark.parametrize("raw", [-1, 2**32 - 1])
def test_minus_one_is_a_sentinel_as_a_signed_or_unsigned_number(raw: int) -> None:
    with pytest.raises(NotMeasuredError, match="not_available"):
        measure(raw, "current", TENTHS)


@pytest.mark.parametrize(
    ("raw", "name", "reason"),
    [
        (-2, "power", "implausible"),
        (-101, "power_factor", "implausible"),
        (2**31, "power", "implausible"),
        (b"n/a", "power", "not_a_number"),
        ((1, 3), "power", "not_a_number"),
    ],
)
def test_nonsense_is_rejected(raw: int | bytes | tuple[int, ...], name: QuantityName, reason: str) -> None:
    scale = Decimal("0.01") if name == "power_factor" else Decimal(1)
    with pytest.raises(NotMeasuredError, match=reason):
        measure(raw, name, Quantity(column="1.3", scale=scale))


def test_bounds_of_the_profile_override_the_usual_ones() -> None:
    meter = Quantity(column="1.3", bounds=(-500, 500))
    assert measure(-300, "power", meter) == -300
    with pytest.raises(NotMeasuredError, match="implausible"):
        measure(501, "power", meter)


def test_the_shipped_profiles_are_read(profiles: Mapping[str, Profile]) -> None:
    assert set(profiles["apc-rpdu2"].levels) == {"inlet", "phase", "branch", "outlet"}


MINIMAL = (
    "vendor: V\nsys_object_ids: [{prefix}]\n{more}levels: {{outlet: {{quantities: {{power: {{column: 1.3.6.9}}}}}}}}\n"
)


def test_the_longest_prefix_is_tried_first_and_a_fingerprint_before_none(tmp_path: Path) -> None:
    for name, prefix, more in [
        ("broad", "1.3.6.1", ""),
        ("narrow", "1.3.6.1.4.1.9", ""),
        ("marked", "1.3.6.1.4.1.9", "fingerprint: [1.3.6.1.4.1.9.7]\n"),
        ("other", "1.3.6.1.4.1.99", ""),
        ("otherwise", "1.3.6.1.4.1.98", "fingerprint: [1.3.6.1.2.1.7]\n"),
        ("two", "1.3.6.1.4.1.97", "fingerprint: [1.3.6.1.4.1.97.7, [1.3.6.1.4.1.97.8, 1.3.6.1.4.1.97.9]]\n"),
    ]:
        (tmp_path / f"{name}.yaml").write_text(MINIMAL.format(prefix=prefix, more=more))
    read = read_folder(tmp_path)
    assert list(candidates(read, parse_oid("1.3.6.1.4.1.9.1"))) == ["marked", "narrow", "two", "broad"]
    # One with a fingerprint may be meant where sysObjectID is wrong, the longer one first; one that fits everything is
    # the last resort. A vendor's way with a standard table is meant for that vendor alone.
    assert list(candidates(read, parse_oid("1.3.6.1.4.1.99"))) == ["other", "two", "marked", "broad"]
    assert list(candidates(read, parse_oid("1.3.6.1.4.1.98"))) == ["otherwise", "two", "marked", "broad"]
    assert list(candidates(read, parse_oid("1.3"))) == ["two", "marked"]
    assert list(candidates(read, ())) == ["two", "marked"]


def test_all_mistakes_of_all_profiles_are_named_with_their_keys(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "vendor: V\nsys_object_ids: [sysObjectID]\n"
        "levels: {outlet: {quantities: {power: {column: 1.3, scale: 0}, volts: {column: 1.4}}}}\n"
    )
    (tmp_path / "b.yaml").write_text(
        "vendor: V\nsys_object_ids: [1.3.6.1]\n"
        "levels: {outlet: {quantities: {power: {column: 1.3.1}, current: {column: 1.3.1}}}}\n"
    )
    with pytest.raises(UsageError) as fault:
        read_folder(tmp_path)
    lines = "\n".join(fault.value.messages)
    for part in (
        "a.yaml: sys_object_ids[0]: 'sysObjectID' is not an object",
        "power.scale",
        "volts",
        "b.yaml: levels.outlet",
    ):
        assert part in lines


@given(st.binary(max_size=60))
def test_names_are_printable_whatever_the_device_holds(name: bytes) -> None:
    label = text(name)
    assert all(character.isprintable() for character in label)
    assert label == label.strip()


def test_names_keep_their_letters() -> None:
    assert text("Prüfstand 1".encode()) == "Prüfstand 1"
    assert text("Prüfstand 1".encode("latin-1")) == "Prüfstand 1"
    assert text(b"robot\x00\x00 ") == "robot"


DOCS = ROOT / "docs" / "guides" / "pdu.md"


def test_the_example_in_the_documentation_is_a_profile(tmp_path: Path) -> None:
    (example,) = [block for block in DOCS.read_text().split("```") if block.startswith("yaml\nvendor:")]
    (tmp_path / "acme.yaml").write_text(example.removeprefix("yaml\n"))
    acme = read_folder(tmp_path)["acme"]
    assert acme.levels["outlet"][0].quantities["power"].bounds == (0, 5000)
