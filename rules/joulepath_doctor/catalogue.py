# SPDX-License-Identifier: Apache-2.0
"""Every kind of finding, as data. docs/reference/doctor.md has a section for each; a test compares both."""

from joulepath_doctor.finding import Finding, Kind, Severity, bounded
from joulepath_topology.problem import Place


def _kinds(*rows: tuple[str, Severity, str, bool]) -> dict[str, Kind]:
    """Rows of id, severity, title, and whether it leaves a gap."""
    return {row[0]: Kind(*row) for row in rows}


KINDS = _kinds(
    ("doctor/not-checked", "note", "a check could not be made", False),
    # The rules on the server.
    ("rules/absent", "error", "the server has no rules of this topology", True),
    ("rules/outdated", "error", "the server's rules are not those of this file and this version", True),
    ("rules/twice", "error", "the server has the rules of this topology twice", False),
    ("rules/renamed", "warning", "the server has the rules of this topology under another name, too", False),
    ("rules/failing", "error", "a rule fails", True),
    ("rules/slow", "warning", "rules are evaluated too rarely", False),
    # The server's targets.
    ("target/down", "error", "an exporter is not scraped", True),
    ("target/unread", "note", "targets are down, of jobs that this topology does not seem to read", False),
    ("target/gone", "error", "the server has no targets of a job that the topology reads any more", True),
    ("target/twice", "warning", "the same exporter is scraped twice", False),
    ("target/unsteady", "warning", "many scrapes of an exporter fail", True),
    ("target/old-config", "warning", "an exporter or Prometheus refused its last configuration", False),
    ("scrape/renamed", "error", "Prometheus has renamed a label of an exporter", True),
    ("scrape/sparse", "warning", "the window holds too few scrapes", False),
    ("scrape/too-sparse", "error", "the window holds less than two scrapes", True),
    ("versions/differ", "warning", "exporters and this program are of different versions", False),
    ("versions/old-server", "warning", "Prometheus is older than the rules need", False),
    ("clock/differs", "warning", "clocks differ", False),
    # Periods of budgets, prices, factors, labels.
    ("retention/short", "error", "samples are kept for less than a budget's period", False),
    ("budget/absent", "error", "a budget has no figures", False),
    ("budget/uncovered", "warning", "a budget rests on a part of its time", False),
    ("price/absent", "note", "some sites lack a price, and others have one", False),
    ("price/currency", "warning", "a site's price is read from series in another currency", False),
    ("factor/absent", "note", "some sites lack a carbon factor, and others have one", False),
    ("label/absent", "note", "some applications or components lack a label that others have", False),
    # Everything that the topology reads.
    ("meter/unread", "error", "an exporter cannot read its device", True),
    ("source/young", "note", "what the topology names has been read for less than half a window yet", True),
    ("source/absent", "error", "nothing matches what the topology names", True),
    ("source/stale", "error", "what the topology names was there, and is not there now", True),
    ("source/sparse", "error", "less than half of the window is measured", True),
    ("source/ambiguous", "error", "several series match where one is expected", True),
    ("source/no-amount", "error", "a query gives no row, or not a number", True),
    ("source/still", "warning", "a meter or a machine counts nothing, although it is measured", False),
    ("component/away", "note", "a component that may move runs nowhere", False),
    # Sites.
    ("site/overhead-refused", "error", "a query for an overhead gives a number below 1, or several that differ", True),
    ("site/supplies-exceed", "note", "the meters of a site's supplies show more than it takes", False),
    ("site/supply-negative", "note", "the meter of a supply shows negative watts alone", False),
    ("site/factor-absent", "error", "a site has no carbon factor, although its sources are there", True),
    # Traffic and models.
    ("traffic/node-absent", "error", "no exporter counts an IOAM node", True),
    ("traffic/trace-absent", "error", "a node does not count a trace that passes it", True),
    ("traffic/trace-lost", "warning", "packets of a trace come to one node and not to another", False),
    ("traffic/trace-silent", "note", "no packet of a trace comes", False),
    ("traffic/flow-absent", "error", "a node does not count a flow that passes it", True),
    ("traffic/flow-lost", "warning", "packets of a flow come to one node and not to another", False),
    ("traffic/flow-silent", "note", "no packet of a flow comes", False),
    ("traffic/interface-silent", "error", "an exporter sees no packet, while its interfaces have some", True),
    ("traffic/unseen", "warning", "more than 1 % of the packets pass uncounted", False),
    ("traffic/cpu-does-not-follow", "note", "traffic varies, and the work of a component does not", False),
    ("model/unlabelled", "error", "rows do not say which application they are of", True),
    ("model/application-absent", "error", "no row is of an application that uses the component", True),
    # Usage reports of PFCP.
    ("pfcp/silent", "error", "no message of N4 comes to `joulepath pfcp`", True),
    ("pfcp/unread", "warning", "more than 1 % of the messages of N4 cannot be read", False),
    ("pfcp/lost", "warning", "more than 1 % of the messages or usage reports are lost", False),
    ("pfcp/unknown", "warning", "more than 10 % of the reported bytes are of unknown sessions", False),
    ("pfcp/lumps", "warning", "a window holds less than two usage reports", False),
    ("pfcp/left-out", "error", "flows are not in the file for `joulepath ioam`", False),
    # Cores.
    ("core/silent", "error", "a core counts nothing, while its host carries traffic", False),
    ("core/still", "note", "a core counts nothing", False),
    ("core/shared-reads", "warning", "a second reader takes a part of what a core counts", False),
    ("core/key-absent", "warning", "a core has no series with the key of an application", False),
    # Hosts.
    ("host/negative", "error", "a host draws less than what it feeds", True),
    ("host/fallback", "warning", "a fallback counts, since the first reading is not complete", False),
    ("host/static-above-power", "warning", "a host draws less than its idle power", False),
    ("host/power-above-max", "warning", "a host draws more than it can", False),
    # Parts and wholes.
    ("sum/outlets-inlet", "warning", "the parts of a meter come to more than what it takes in", False),
    ("sum/rapl-plug", "warning", "the processor draws more than its host", False),
    ("sum/kepler-plug", "warning", "Kepler's node draws more than its host", False),
    ("sum/bmc-plug", "warning", "two meters of one host disagree", False),
    ("sum/register-integral", "warning", "a meter's register disagrees with its power", False),
    ("sum/work-host", "warning", "components do more work than their host", False),
    ("sum/supplies", "error", "the supplies of a site do not add up to its power", False),
    ("sum/conservation", "error", "applications do not add up to a host or a component", False),
    # Gaps that no other finding explains.
    ("host/missing", "error", "a host has no power, although its sources are there", True),
    ("component/unmeasured", "error", "the share of a component is not known, although its work is there", True),
    ("application/missing", "error", "an application is not complete, and nothing above says why", False),
)


def found(kind: str, place: Place, message: str, because: tuple[Place, ...] = (), cause: str = "") -> Finding:
    """A finding of the kind with this id. Raises KeyError for an id that the catalogue lacks."""
    return Finding(KINDS[kind], place, bounded(message), because, cause)


def not_checked(kind: str, place: Place, reason: str, cause: str = "") -> Finding:
    """The note that findings of the kind with this id were not looked for, and the reason."""
    return found("doctor/not-checked", place, f"not checked: {KINDS[kind].id}: {reason}", cause=cause)


def table() -> str:
    """A table in Markdown, one row for each kind, which leads to its section."""
    rows = (f"| [{kind.id}](#{kind.anchor}) | {kind.severity} | {kind.title} |\n" for kind in KINDS.values())
    return "".join(["| finding | severity | found when |\n|---|---|---|\n", *rows])
