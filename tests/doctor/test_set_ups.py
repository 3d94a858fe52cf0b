# SPDX-License-Identifier: Apache-2.0
"""The doctor over set-ups beside each other in one real Prometheus: it names what is broken, and nothing else.

The next version of Prometheus sees the first few of them, and all in the tier `long`.
"""

from collections.abc import Iterator

import pytest

from joulepath_doctor.context import context
from joulepath_doctor.examine import CHECKS, examine
from joulepath_topology.problem import path
from tests.conftest import Monitoring
from tests.doctor import kinds
from tests.doctor.broken import BROKEN
from tests.doctor.misnamed import misnamed
from tests.doctor.setups import TOGETHER, Frozen, Kind, Seen, Setup, numbered, running
from tests.rules.promtool import topology

pytestmark = pytest.mark.lab

HEALTHY = [Setup(name.lower(), kind) for name, kind in vars(kinds).items() if isinstance(kind, Kind)]
ALL = numbered(*HEALTHY, *BROKEN)
WATCHED = [("installed", setup) for setup in ALL] + [("next", setup) for setup in ALL[:TOGETHER]]


@pytest.fixture(scope="module")
def seen(monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All set-ups, as the installed version of Prometheus saw them; the first, as the next version did."""
    with running(ALL, monitoring_programs, tmp_path_factory, few=["next"]) as seen:
        yield seen


@pytest.fixture(scope="module")
def seen_by_next(
    monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    """All set-ups, as the next version saw them."""
    with running(ALL, {"next": monitoring_programs["next"]}, tmp_path_factory) as seen:
        yield seen


@pytest.mark.parametrize("setup", ALL[: len(HEALTHY)], ids=lambda setup: setup.name)
def test_a_healthy_set_up_has_all_figures(setup: Setup, monitoring: Monitoring, seen: Seen) -> None:
    ask = seen[monitoring.name, setup.name].ask
    matcher = f'{{topology="{setup.named("@set-up")}"}}'
    power = ask(f"count by (application) (application:power_watts{matcher} > 0)")
    assert power.keys() == {"camera", "robot", "unattributed"}
    assert ask(f"application:missing:info{matcher}") == {}
    assert ask(f"host:missing:info{matcher}") == {}
    assert ask(f"component:unmeasured:info{matcher}") == {}


@pytest.mark.parametrize(
    ("monitoring", "setup"),
    # A few noisy rates say whether work follows traffic: test_following.py has an hour.
    [pytest.param(*one, marks=[pytest.mark.long] * (one[1].name == "user-plane-that-polls")) for one in WATCHED],
    indirect=["monitoring"],
    ids=[f"{setup.name}-{name}" for name, setup in WATCHED],
)
def test_the_doctor_names_the_cause_alone(setup: Setup, monitoring: Monitoring, seen: Seen) -> None:
    names_the_cause_alone(setup, seen[monitoring.name, setup.name])


@pytest.mark.long
@pytest.mark.parametrize("monitoring", ["next"], indirect=True)
@pytest.mark.parametrize("setup", ALL[TOGETHER:], ids=lambda setup: setup.name)
@pytest.mark.usefixtures("monitoring")
def test_the_doctor_names_the_cause_from_the_next_version(setup: Setup, seen_by_next: Seen) -> None:
    names_the_cause_alone(setup, seen_by_next["next", setup.name])


def names_the_cause_alone(setup: Setup, server: Frozen) -> None:
    findings = examine(context(topology(setup.text()), server, server.age, clock=lambda: server.moment))
    # The other set-ups in this server have targets that are down, which is a note here.
    own = [each for each in findings if each.kind.id != "target/unread"]
    assert {(each.kind.id, each.where) for each in own} == set(setup.places().items()), own


@pytest.mark.parametrize("setup", ALL[: len(HEALTHY)], ids=lambda setup: setup.name)
def test_each_mistyped_name_is_named_with_the_right_one(setup: Setup, monitoring: Monitoring, seen: Seen) -> None:
    """The rules are those of the right topology: only what is read is looked at."""
    server = seen[monitoring.name, setup.name]
    checks = {name: CHECKS[name] for name in ("meters", "sources", "traffic", "models")}
    changed = list(misnamed(setup.text()))
    assert len(changed) >= 8
    for place, name, wrong in changed:
        findings = examine(context(wrong, server, server.age, clock=lambda: server.moment), checks)
        told = [each for each in findings if each.where.startswith(path(place)) and name in each.message]
        assert len(findings) == len(told) == 1, (place, name, findings)


def test_no_rule_of_any_set_up_fails(monitoring: Monitoring, seen: Seen) -> None:
    servers = {server for (version, _), server in seen.items() if version == monitoring.name}
    rules = [rule for server in servers for group in server.rules() for rule in group.rules]
    assert rules
    assert [rule.last_error for rule in rules if rule.health == "err"] == []
