# SPDX-License-Identifier: Apache-2.0
"""Random sites against a plain computation: supplies, applications and embodied emissions add up to their wholes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_topology.reading import examine
from tests.rules.promtool import Case, run
from tests.rules.test_conservation import few

pytestmark = pytest.mark.unit

GRAMS = st.integers(0, 900)
SEND = st.integers(0, 5)
KILOGRAMS = st.integers(0, 2000)
YEAR = 8766


@dataclass(frozen=True)
class Drawn:
    """One site with its hosts; each host is a component with traffic of two applications and of others."""

    overhead: float
    metered: list[tuple[int, int, int]]
    """Watts of a supply with a meter, and its g/kWh by location and by market."""
    shares: list[tuple[int, int, int]]
    """Tenths of the rest and factors; the last one has what is left."""
    hosts: list[tuple[int, tuple[int, int, int], int]]
    """Watts, what `a`, `b` and others send, and kilograms over two years."""

    @property
    def site(self) -> dict[str, Any]:
        """As a topology has it."""
        entries: list[tuple[dict[str, float], int, int]]
        entries = [({"watts": watts}, place, contract) for watts, place, contract in self.metered]
        left = 10
        for number, (tenths, place, contract) in enumerate(self.shares, 1):
            part = {} if number == len(self.shares) else {"share": min(tenths, left - 1) / 10}
            left -= min(tenths, left - 1)
            entries.append((part, place, contract))
        return {
            "overhead": self.overhead,
            "supply": [
                {**part, "grams_per_kwh": place, "market": {"grams_per_kwh": contract}}
                for part, place, contract in entries
            ],
        }

    def parts(self) -> list[float]:
        """The share of each supply."""
        need = self.overhead * sum(watts for watts, *_ in self.hosts)
        shown = sum(watts for watts, *_ in self.metered)
        parts = [watts / max(need, shown) if max(need, shown) else 0.0 for watts, *_ in self.metered]
        rest = 1 - sum(parts)
        stated = [entry["share"] for entry in self.site["supply"] if "share" in entry]
        return [*parts, *(rest * share for share in stated), rest * (1 - sum(stated))]

    def factor(self, market: int) -> float:
        """g/kWh of the site by location (0) or market (1)."""
        factors = [supply[1 + market] for supply in (*self.metered, *self.shares)]
        return sum(part * grams for part, grams in zip(self.parts(), factors, strict=True))


factors = st.tuples(st.integers(0, 2000), GRAMS, GRAMS)
sites = st.builds(
    Drawn,
    st.sampled_from([1.0, 1.25, 2.0]),
    st.lists(factors, max_size=2),
    st.lists(st.tuples(st.integers(0, 6), GRAMS, GRAMS), min_size=1, max_size=3),
    st.lists(
        st.tuples(st.just(0) | st.integers(0, 900), st.tuples(SEND, SEND, SEND), KILOGRAMS), min_size=1, max_size=3
    ),
)
plants = st.lists(sites, min_size=1, max_size=3)


def case(number: int, drawn: list[Drawn]) -> Case:
    """The expected rows of one plant."""
    data: dict[str, Any] = {"policy": "bytes", "sites": {}, "hosts": {}, "components": {}}
    series: dict[str, str] = {}
    grams: dict[tuple[str, str], float] = {}
    embodied = dict.fromkeys(("a", "b", "unattributed"), 0.0)
    power = {name: dict.fromkeys(range(len(drawn)), 0.0) for name in embodied}
    for at, site in enumerate(drawn):
        data["sites"][f"s{at}"] = site.site
        for place, (watts, sent, kilograms) in enumerate(site.hosts):
            name = f"h{at}-{place}"
            data["hosts"][name] = {
                "site": f"s{at}",
                "power": [{"watts": watts}],
                "embodied": {"kilograms": kilograms, "years": 2},
            }
            query = f'bytes_of{{host="{name}"}}'
            data["components"][name] = {"role": "router", "traffic": {"query": {"bytes": query}}}
            for application, amount in zip(("a", "b", "x"), sent, strict=True):
                series[f'bytes_of{{host="{name}",application="{application}"}}'] = f"{amount}x30"
            for application, amount in zip(("a", "b", "unattributed"), sent, strict=True):
                part = amount / sum(sent) if sum(sent) else float(application == "unattributed")
                power[application][at] += watts * part
                own = part if watts else float(application == "unattributed")
                embodied[application] += own * kilograms * 1000 / (2 * YEAR)
    path = list(data["components"])
    data["applications"] = {"a": {"path": path}, "b": {"path": path}}
    for application, by_site in power.items():
        for basis, market in (("location", 0), ("market", 1)):
            grams[application, basis] = sum(
                watts * drawn[at].overhead * drawn[at].factor(market) / 1000 for at, watts in by_site.items()
            )
    topology, problems = examine(data)
    assert topology is not None
    assert not [problem for problem in problems if problem.severity == "error"], problems
    whole = {
        basis: sum(value for (_, each), value in grams.items() if each == basis) for basis in ("location", "market")
    }
    shares = {
        f'site="s{at}",supply="{number}"': part
        for at, site in enumerate(drawn)
        for number, part in enumerate(site.parts(), 1)
    }
    hourly = "sum by ({}) ({}_grams_per_second) * 3600".format
    return Case(
        f"supplied-{number}",
        topology,
        series,
        {
            (4, "supply:share:ratio"): shares,
            (4, "sum by (site) (supply:share:ratio)"): {f'site="s{at}"': 1 for at in range(len(drawn))},
            (4, hourly("application, basis", "application:co2")): {
                f'application="{name}",basis="{basis}"': value for (name, basis), value in grams.items()
            },
            **{
                (4, hourly("basis", f"{level}:co2")): {f'basis="{basis}"': value for basis, value in whole.items()}
                for level in ("application", "site", "supply")
            },
            (4, hourly("application", "application:embodied")): {
                f'application="{name}"': value for name, value in embodied.items()
            },
            (4, hourly("", "host:embodied")): {"": sum(embodied.values())},
        },
    )


@few
@given(st.lists(plants, min_size=5, max_size=5))
def test_supplies_and_applications_add_up_to_their_sites(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[list[Drawn]]
) -> None:
    run(promtool, tmp_path_factory.mktemp("supplied"), [case(number, plant) for number, plant in enumerate(drawn)])
