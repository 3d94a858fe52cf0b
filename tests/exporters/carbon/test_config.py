# SPDX-License-Identifier: Apache-2.0
"""The configuration file, and each mistake in it as one line."""

from pathlib import Path

import pytest

from joulepath.carbon.catalogue import mix, providers, yearly
from joulepath.carbon.config import read
from joulepath.carbon.settings import Secrets
from joulepath.errors import UsageError
from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def test_every_key_is_read(tmp_path: Path) -> None:
    for name in ("token", "password"):
        (tmp_path / name).write_text(f"{name}\n")
        (tmp_path / name).chmod(0o600)
    text = """
sources:
  ember: {zones: [DE, FR]}
  uk: {}
  entsoe: {zones: [DE-LU, 10YNL----------L], token_file: token, interval: 1800}
  electricitymaps: {zones: [DK-DK2], token_file: token, boundary: [lifecycle, direct], origin: "https://copy:8443"}
  watttime: {zones: [CAISO_NORTH], user: me, password_file: password, ca_file: ca.pem}
"""
    questions = read(tmp_path / "carbon.yaml", text)
    assert [question.name for question in questions] == [
        "ember/DE",
        "ember/FR",
        "uk/GB",
        "entsoe/DE-LU",
        "entsoe/10YNL----------L",
        "electricitymaps/DK-DK2/lifecycle",
        "electricitymaps/DK-DK2/direct",
        "watttime/CAISO_NORTH",
    ]
    assert [question.interval for question in questions] == [3600, 3600, 300, 1800, 1800, 900, 900, 300]
    assert questions[3].secrets == Secrets("token")
    assert questions[3].files == (tmp_path / "token",)
    assert questions[5].origin == "https://copy:8443"
    assert questions[-1].secrets == Secrets("", "me", "password")
    assert questions[-1].ca_file == tmp_path / "ca.pem"
    assert "password" not in repr(questions[-1].secrets).replace("password=", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sources: {}", "sources: "),
        (
            "sources: {embr: {zones: [DE]}}",
            "sources: 'embr' is not a source (did you mean ember?): take one of ember, uk,",
        ),
        ("sources: {ember: {}}", "sources.ember.zones: name at least one"),
        ("sources: {ember: {zones: [GER]}}", "sources.ember.zones: 'GER' is not a zone of Ember"),
        ("sources: {ember: {zones: [DE, DE]}}", "sources.ember.zones: DE stands twice"),
        ("sources: {ember: {zones: [DE], interval: 7200}}", "sources.ember: comes with the program and is not asked"),
        ("sources: {uk: {zones: [FR]}}", "sources.uk.zones: 'FR' is not a zone of Carbon Intensity API"),
        ("sources: {uk: {zones: [UK]}}", "NESO, Great Britain: it has GB only"),
        ("sources: {uk: {interval: 5m}}", "sources.uk.interval: must be a number"),
        (
            "sources: {uk: {boundary: lifecycle}}",
            "sources.uk.boundary: Carbon Intensity API of NESO, Great Britain has direct",
        ),
        (
            "sources: {uk: {token_file: a}}",
            "sources.uk.token_file: Carbon Intensity API of NESO, Great Britain needs none",
        ),
        ("sources: {uk: {interval: 60}}", "sources.uk.interval: at least 300"),
        ("sources: {uk: {origin: 'ftp://a'}}", "sources.uk.origin: must be https://HOST"),
        ("sources: {uk: {origin: 'https://a/b'}}", "sources.uk.origin: must be https://HOST"),
        ("sources: {uk: {origin: 'https://a:b@c'}}", "sources.uk.origin: cannot hold a login"),
        ("sources: {entsoe: {zones: [DE-LU]}}", "sources.entsoe.token_file: is missing"),
        ("sources: {entsoe: {zones: [DE-LU], token_file: absent}}", "sources.entsoe.token_file: "),
        ("sources: {watttime: {zones: [CAISO_NORTH], user: a}}", "sources.watttime.password_file: is missing"),
        ("sources: {uk: {zone: [GB]}}", "unknown key 'zone' (did you mean zones?)"),
    ],
)
def test_each_mistake_names_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path / "carbon.yaml", text)
    assert words in str(error.value)


@pytest.mark.parametrize("token", ["key\nother", "key other", "sch\u00fcssel", "key\x7f"])
def test_file_with_more_than_a_key_is_a_mistake(tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(UsageError, match=r"sources\.entsoe\.token_file: .*token is not a key: write the key alone"):
        read(tmp_path / "carbon.yaml", "sources: {entsoe: {zones: [DE-LU], token_file: token}}")


def test_sources_that_come_with_the_program_are_complete() -> None:
    for provider in providers().values():
        assert provider.licence
        assert provider.attribution
        assert provider.page.startswith("https://")
        assert (provider.form == "table") == (provider.live is None)
        assert provider.zones or provider.zone_pattern
        if provider.live is not None:
            assert provider.age_limit_seconds > provider.refresh_seconds
            assert provider.live.url.startswith("https://")
        # A forecast is never mixed into a history.
        assert provider.history is None or "forecast" not in provider.history.values


def test_yearly_averages_are_those_of_the_source() -> None:
    # From Ember's table: Germany and Poland of 2024, Iceland of 2023
    assert [(yearly()[zone].year, yearly()[zone].grams) for zone in ("DE", "PL", "IS")] == [
        (2024, 344.14),
        (2024, 614.98),
        (2023, 28.33),
    ]
    assert len(yearly()) == 205
    assert all(len(zone) == 2 and 0 < one.grams < 1500 for zone, one in yearly().items())


def test_factors_of_types_are_those_of_the_table() -> None:
    # IPCC AR5 WG III, table A.III.2, medians
    assert {code: mix()[code].grams for code in ("B04", "B05", "B14", "B16", "B18", "B19")} == {
        "B04": 490,
        "B05": 820,
        "B14": 12,
        "B16": 48,
        "B18": 12,
        "B19": 11,
    }


def test_example_with_all_sources_is_read(tmp_path: Path) -> None:
    path = tmp_path / "carbon.yaml"
    path.write_text((ROOT / "examples" / "exporters" / "carbon.yaml").read_text())
    for name in ("entsoe-token", "electricitymaps-token", "watttime-password"):
        (tmp_path / name).write_text("key\n")
        (tmp_path / name).chmod(0o600)
    assert {question.provider.name for question in read(path)} == providers().keys()


def test_one_wrong_boundary_is_one_line(tmp_path: Path) -> None:
    """It may be a word or a list of words, and only the form that stands there is spoken of."""
    with pytest.raises(UsageError) as error:
        read(tmp_path / "c.yaml", "sources: {electricitymaps: {zones: [DE], token_file: x, boundary: life-cycle}}")
    (line,) = error.value.messages
    assert line.endswith("sources.electricitymaps.boundary: must be 'lifecycle' or 'direct'")
