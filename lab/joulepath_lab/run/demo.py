# SPDX-License-Identifier: Apache-2.0
"""`make demo`: runs the lab, shows what its applications cost while it runs, and compares with the truth at the end."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from joulepath_lab.run import doctor, doors, page, whatif
from joulepath_lab.run.doors import Door
from joulepath_lab.run.results import OTHERS, Component, Host, Results, measure
from joulepath_lab.run.stack import Lab, LabError
from joulepath_lab.scenarios.scenario import UNATTRIBUTED
from joulepath_lab.truth.truth import Truth
from joulepath_prometheus.errors import PrometheusError

TOLERANCE = 0.03
CONSERVATION = 1e-6
BUDGET_ALERT_SECONDS = 90.0
"""How long the budget's alert may still take after the table: its rules add up whole minutes."""
LATE_SECONDS = 3.0
"""Evaluations of the lab are a second apart."""

COLUMNS = (
    "network static", "network dynamic", "compute", "device, support", "total", "gCO2/h", "network share", "J/Mbit",
    "J/inference",
)  # fmt: skip


def run(
    lab: Lab,
    seconds: float,
    json_path: Path | None,
    console: Console,
    *,
    alert: bool = True,
    folder: Path,
    opened: Sequence[Door] = (),
) -> int:
    """Runs the demo inside its namespaces; with `alert` the budget's must arrive. Returns the exit code.

    Its report goes to `folder`. With doors that are `opened` to the host it goes on after that, until Ctrl-C.
    """
    try:
        with console.status("starting") as status:
            lab.start(status.update if console.is_terminal else console.print)
        if opened:
            doors.open_all(opened)
            console.print(_addresses(opened), highlight=False)
        console.print(f"IOAM stamping: [bold]{lab.stamping}[/]; measuring for {seconds:.0f} s")
        begin = time.time()
        _watch(lab, begin, seconds, console)
        end = time.time()
        time.sleep(1.5)  # the truth must reach beyond the last evaluation
        lab.check()
        told = doctor.findings(lab)
        saved = whatif.answers(lab)
        truth = Truth(lab.history, lab.scenario)
        found = {
            topology: measure(
                lab.prometheus,
                truth,
                lab.scenario.applications,
                topology=topology,
                interval=(begin, end),
                scenario=lab.scenario,
                window=lab.scenario.window_seconds,
                stamping=lab.stamping,
            )
            for topology in lab.topologies
        }
    except (LookupError, RuntimeError, PrometheusError) as fault:
        console.print(f"demo failed: {fault}", style="red", highlight=False)
        return 1
    first, *_ = found.values()
    label = "; illustrative coefficients" if lab.scenario.illustrative else ""
    console.print(_table(first, label), _rest(first, label), sep="\n")
    for line in whatif.lines(saved, illustrative=lab.scenario.illustrative):
        console.print(line, highlight=False, soft_wrap=True)
    if json_path is not None:
        others = {name: results.as_json() for name, results in found.items() if results is not first}
        written = first.as_json() | {"others": others, "findings": told, "whatif": saved}
        written |= {"illustrative": True} if lab.scenario.illustrative else {}
        json_path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    code = _verdict(lab, found, told, console, alert=alert)
    code = _reported(lab, begin, end, folder, console) or code
    if opened:
        console.print("The servers run until Ctrl-C.", _addresses(opened), sep="\n", highlight=False)
        return _kept(lab, code, console)
    return code


def _reported(lab: Lab, begin: float, end: float, folder: Path, console: Console) -> int:
    """Writes the report of the interval and prints where it lies. Returns the exit code."""
    try:
        topology = page.keep(lab.topology_file(next(iter(lab.topologies))), folder)
    except OSError as error:
        console.print(f"no report: {error}", style="red", highlight=False, markup=False)
        return 1
    with console.status("asking joulepath report"):
        # The rows of an instant look half a window ahead, and come with a later evaluation.
        time.sleep(max(end + lab.scenario.window_seconds / 2 + LATE_SECONDS - time.time(), 0))
        fault = page.report(topology, begin, end)
    if fault:
        console.print(f"no report: {fault}", style="red", highlight=False, markup=False)
        return 1
    console.print(f"report of these {end - begin:.0f} s: {folder / page.REPORT}", highlight=False, soft_wrap=True)
    return 0


def _addresses(opened: Sequence[Door]) -> str:
    """Where a browser on this host finds each server."""
    width = max(len(door.place.title) for door in opened)
    return "\n".join(f"{door.place.title:<{width}}  {door.url}" for door in opened)


def _kept(lab: Lab, code: int, console: Console) -> int:
    """Waits for Ctrl-C. Returns `code`, or 1 where a part of the lab has ended by itself."""
    try:
        while True:
            lab.check()
            time.sleep(1)
    except KeyboardInterrupt:
        return code
    except LabError as fault:
        console.print(f"demo failed: {fault}", style="red", highlight=False)
        return 1


def _watch(lab: Lab, begin: float, seconds: float, console: Console) -> None:
    """Shows the recorded series of now, once a second."""
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while (left := begin + seconds - time.time()) > 0:
            lab.check()
            live.update(_now(lab, left), refresh=True)
            time.sleep(min(1.0, max(left, 0.0)))


def _now(lab: Lab, left: float) -> Table:
    """The live table, straight from the recorded series."""
    prometheus, topology = lab.prometheus, next(iter(lab.topologies))
    table = _frame(f"now, {left:.0f} s to go")
    for name in lab.scenario.applications:
        selector = f'topology="{topology}",application="{name}"'
        expressions = (
            f'sum(application:power_part_watts{{{selector},segment="network",part="static"}})',
            f'sum(application:power_part_watts{{{selector},segment="network",part="dynamic"}})',
            f'sum(application:power_watts{{{selector},segment="model"}})',
            f'sum(application:power_watts{{{selector},segment=~"{OTHERS}"}}) or vector(0)',
            f"sum(application:power_watts{{{selector}}})",
            f'3600 * sum(application:co2_grams_per_second{{{selector},basis="location"}})',
            f"application:network_power:ratio{{{selector}}}",
            f"1e6 * application:joules_per_bit{{{selector}}}",
            f"application:joules_per_inference{{{selector}}}",
        )
        values = [prometheus.query(expression) for expression in expressions]
        table.add_row(name, *(_number(found[0].value) if found else "gap" for found in values), "")
    here = f'topology="{topology}"'
    rest = prometheus.query(f'sum(application_component:power_watts{{{here},application="{UNATTRIBUTED}"}})')
    measured = prometheus.query(f"sum(host:power_watts{{{here}}})")
    for name, found in ((UNATTRIBUTED, rest), ("measured", measured)):
        table.add_row(name, *[""] * 4, _number(found[0].value) if found else "gap", *[""] * 5)
    return table


def _frame(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("watts")
    for column in (*COLUMNS, "truth"):
        table.add_column(column, justify="right")
    return table


def _table(results: Results, label: str) -> Table:
    """The means over the whole interval, adding up to the meters."""
    table = _frame(f"means of the interval (stamping: {results.stamping}){label}")
    for name, row in results.applications.items():
        figures = (
            row.network_static_watts, row.network_dynamic_watts, row.compute_watts, row.other_watts,
            row.total_watts, row.co2_grams_per_hour, row.network_share, row.joules_per_megabit,
            row.joules_per_inference, row.truth_total_watts,
        )  # fmt: skip
        table.add_row(name, *map(_number, figures))
    parts: list[Component | Host] = [*results.components.values(), *results.hosts.values()]
    rest = sum(row.unattributed_watts for row in parts)
    true_rest = sum(row.truth_unattributed_watts for row in parts)
    measured = sum(row.watts for row in results.hosts.values())
    true_measured = sum(row.truth_watts for row in results.hosts.values())
    for name, value, true in ((UNATTRIBUTED, rest, true_rest), ("measured", measured, true_measured)):
        table.add_row(name, *[""] * 4, _number(value), *[""] * 4, _number(true))
    return table


def _rest(results: Results, label: str) -> Table:
    """Where the unattributed watts are."""
    table = Table(title=f"components{label}", title_justify="left")
    for column in ("component", "watts", "attributed", UNATTRIBUTED, "truth of it"):
        table.add_column(column, justify="left" if column == "component" else "right")
    for name, row in results.components.items():
        figures = (row.watts, row.attributed_watts, row.unattributed_watts, row.truth_unattributed_watts)
        table.add_row(name, *map(_number, figures))
    for name, host in results.hosts.items():
        if host.truth_unattributed_watts:
            figures = (host.unattributed_watts, 0.0, host.unattributed_watts, host.truth_unattributed_watts)
            table.add_row(f"rest of {name}", *map(_number, figures))
    return table


def _verdict(
    lab: Lab,
    found: Mapping[str, Results],
    told: Mapping[str, Sequence[Mapping[str, Any]]],
    console: Console,
    *,
    alert: bool,
) -> int:
    """Prints what was promised and whether it held. Returns the exit code."""
    checks: dict[str, bool] = {}
    for name, results in found.items():
        by = f" by {name}" if len(found) > 1 else ""
        error, conservation = results.worst_error_ratio, results.worst_conservation_error_ratio
        checks |= {
            f"worst error against the truth{by} {error:.2%} (allowed {TOLERANCE:.0%})": error <= TOLERANCE,
            f"worst conservation error{by} {conservation:.1e} of the plug (allowed {CONSERVATION:.0e})": (
                conservation <= CONSERVATION
            ),
        }
    faults = [
        f"{one['id']} {one['place']}: {one['message']}"
        for each in told.values()
        for one in each
        if one["severity"] != "note"
    ]
    checks["; ".join(faults) or "the doctor finds nothing"] = not faults
    if alert and all(checks.values()):
        checks["the energy budget's alert reached the webhook through Alertmanager"] = _alerted(lab, console)
    for text, held in checks.items():
        console.print(Text("ok   " if held else "FAIL ", style="green" if held else "red") + Text(text))
    return 0 if all(checks.values()) else 1


def _alerted(lab: Lab, console: Console) -> bool:
    """Waits for the budget's alert, which its rules raise after a whole minute at most."""
    deadline = time.monotonic() + BUDGET_ALERT_SECONDS
    with console.status("waiting for the energy budget's alert"):
        while not lab.alerts and time.monotonic() < deadline:
            time.sleep(0.5)
    return bool(lab.alerts)


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
