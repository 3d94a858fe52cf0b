# SPDX-License-Identifier: Apache-2.0
"""The set-ups of the doctor's tests are what they say: healthy ones have all figures."""

from collections.abc import Iterator

import pytest

from tests.conftest import Monitoring
from tests.doctor import kinds
from tests.doctor.setups import Kind, Setup, numbered, running
from tests.rules.world import History

pytestmark = pytest.mark.lab

HEALTHY = numbered(*(Setup(name, kind) for name, kind in vars(kinds).items() if isinstance(kind, Kind)))


@pytest.fixture(scope="module")
def history(monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """All healthy set-ups."""
    with running(HEALTHY, monitoring_programs, tmp_path_factory) as history:
        yield history


@pytest.mark.parametrize("setup", HEALTHY, ids=lambda setup: setup.name)
def test_a_healthy_set_up_has_all_figures(setup: Setup, monitoring: Monitoring, history: History) -> None:
    ask = history.servers[monitoring.name].ask
    matcher = f'{{topology="{setup.named("@set-up")}"}}'
    assert ask(f"count by (application) (application:power_watts{matcher} > 0)").keys() == {
        "camera",
        "robot",
        "unattributed",
    }
    assert ask(f"application:missing:info{matcher}") == {}
    assert ask(f"host:missing:info{matcher}") == {}
    assert ask(f"component:unmeasured:info{matcher}") == {}
    assert history.servers[monitoring.name].failures() == []
