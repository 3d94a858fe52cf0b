# SPDX-License-Identifier: Apache-2.0
"""Makes the report of a period from a server's answers."""

from collections.abc import Sequence

from joulepath import __version__
from joulepath_prometheus.client import Prometheus
from joulepath_report import applications, places
from joulepath_report.amounts import per_unit
from joulepath_report.budgets import budgets
from joulepath_report.changes import changes
from joulepath_report.energy import energy
from joulepath_report.marginal import marginal
from joulepath_report.measured import measure, places_of
from joulepath_report.method import method
from joulepath_report.model import Report
from joulepath_report.notes import notes
from joulepath_report.period import slots
from joulepath_report.policies import policies
from joulepath_report.questions import Questions
from joulepath_report.sci import sci
from joulepath_report.steps import steps
from joulepath_report.supplies import supplies
from joulepath_report.twice import twice
from joulepath_topology import Topology


def build(
    prometheus: Prometheus,
    topology: Topology,
    begin: float,
    end: float,
    remarks: Sequence[str] = (),
    *,
    compare: bool = False,
) -> Report:
    """The report from `begin` to `end`, Unix seconds, with `remarks` after its own notes. Raises PrometheusError.

    With `compare`, energy under all policies; else under those that follow packets and bytes.
    """
    questions = Questions(prometheus, topology, slots(begin, end))
    found = measure(questions)
    earlier = energy(Questions(prometheus, topology, slots(2 * begin - end, begin)), places_of(topology))
    tables = [
        *applications.tables(found),
        *per_unit(questions, found),
        *marginal(questions, found),
        *places.tables(found),
        *supplies(questions, found),
        *sci(questions, found),
        *budgets(questions),
        *policies(questions, found, every=compare),
        *changes(found.energy, earlier),
    ]
    return Report(
        topology=topology.name,
        hash=topology.hash,
        version=__version__,
        begin=begin,
        end=end,
        method=tuple(method(topology)),
        notes=(*notes(found), *twice(prometheus, topology), *remarks),
        tables=tuple(tables),
        flow=tuple(places.flow(found)),
        steps=tuple(steps(prometheus, topology, begin, end)),
    )
