# SPDX-License-Identifier: Apache-2.0
"""`joulepath init`."""

import argparse
import getpass
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from joulepath.errors import JoulepathError, UsageError
from joulepath.files import check_folder
from joulepath_init import devices, files, server
from joulepath_init.answers import fault_of_grams, fault_of_url, grams
from joulepath_init.asking import Ask, Questions
from joulepath_init.devices import Device, Login
from joulepath_init.draft import NAME, Draft, Wishes, draft
from joulepath_init.found import Found
from joulepath_init.naming import fault_of_topology, slug
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.settings import read as read_access
from joulepath_topology import read

OWN_PROMETHEUS = "http://127.0.0.1:9090"
FILES = ("topology.yaml", "pdu.yaml", "bmc.yaml", "ioam.yaml", "tag.yaml", "prometheus.yml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="receives the files (default: .)"
    )
    parser.add_argument(
        "--pdu", default=[], action="append", metavar="ADDRESS", help="udp://HOST or redfish://HOST; may be repeated"
    )
    parser.add_argument("--community-file", type=Path, metavar="FILE", help="file with the SNMP community of the PDUs")
    parser.add_argument(
        "--bmc", default=[], action="append", metavar="ADDRESS", help="redfish://HOST or ipmi://HOST; may be repeated"
    )
    parser.add_argument("--user", metavar="NAME", help="user of the BMCs, and of PDUs over Redfish")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file with the password of --user")
    parser.add_argument("--insecure", action="store_true", help="do not check certificates of BMCs")
    parser.add_argument(
        "--prometheus", metavar="URL", help="a server, for the meters, pods, models, traces and flows that it has"
    )
    parser.add_argument("--http-config", type=Path, metavar="FILE", help="login and certificates for --prometheus")
    parser.add_argument(
        "--application", default=[], action="append", metavar="NAME", help="gets a new trace id; may be repeated"
    )
    parser.add_argument(
        "--grams-per-kwh", type=grams, metavar="G", help="grams of CO2 for each kWh of the grid, such as 344"
    )
    parser.add_argument(
        "--kubernetes", action=argparse.BooleanOptionalAction, help="components are pods (default: if Kepler has some)"
    )
    parser.add_argument("--non-interactive", action="store_true", help="ask nothing")
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def run(
    args: argparse.Namespace,
    ask: Ask = input,
    ask_secret: Ask = getpass.getpass,
    clock: Callable[[], float] = time.time,
) -> int:
    """Writes the files; 1 if a device could not be read. Raises JoulepathError."""
    check_folder(args.folder)
    _absent(args)
    questions = Questions(None) if args.non_interactive else Questions(ask, ask_secret)
    given = _asked(args, questions)
    seen = devices.look(given.pdus, given.bmcs, given.login)
    scraped = Found()
    if given.prometheus:
        access = read_access(args.http_config) if args.http_config is not None else None
        with Prometheus(given.prometheus, access) as prometheus:
            scraped = server.look(prometheus, clock())
        seen = devices.as_scraped(seen, scraped)
    for one in seen:
        told = one.fault.removeprefix(f"{one.address}: ") or one.about
        _say(f"{one.kind} {one.name} at {one.address}: {told}")
    found = Found(
        [reading for one in seen for reading in one.readings],
        [one.whole for one in seen if one.whole is not None],
    )
    found.add(scraped)
    if not found.any_power:
        raise JoulepathError(_nothing(seen, given.prometheus))
    known = bool(found.pods)
    kubernetes = args.kubernetes
    if kubernetes is None:
        kubernetes = known and questions.agrees("Are the components pods of Kubernetes?", default=True)
    names = args.application or ([] if found.traces or found.flows else questions.words("Names of your applications"))
    factor = args.grams_per_kwh
    if factor is None:
        factor = _grid(questions)
    drafted = draft(found, Wishes(kubernetes, names, factor, _name(args.folder, questions)), questions)
    if not drafted.boxes:
        raise JoulepathError("all outlets measure 0 W: connect what they shall feed, and run this again")
    texts = _texts(drafted, seen, given.login, args.folder)
    _write(args.folder, texts)
    read(args.folder / FILES[0], _say)
    _report(args.folder, drafted, list(texts), given.prometheus)
    faults = [f"{one.kind} {one.name}: {one.fault}" for one in seen if one.fault]
    if faults:
        raise JoulepathError(faults)
    return 0


@dataclass(frozen=True)
class _Given:
    """Where to look."""

    pdus: Sequence[str]
    bmcs: Sequence[str]
    login: Login
    prometheus: str


def _absent(args: argparse.Namespace) -> None:
    """Raises UsageError for a file that is there, before anything is asked or read."""
    there = [args.folder / name for name in FILES if (args.folder / name).exists()]
    if there and not args.force:
        raise UsageError([f"{path}: is there already: name another folder, or replace it by --force" for path in there])


def _asked(args: argparse.Namespace, questions: Questions) -> _Given:
    """The arguments, and the answers in place of those that are not given."""
    pdus = args.pdu or questions.words("Addresses of PDUs, such as udp://pdu-1.example", devices.fault_of_pdu)
    community = args.community_file
    if community is None and any(map(devices.snmp, pdus)):
        community = questions.secret_file("the SNMP community of the PDUs", args.folder, "community")
    bmcs = args.bmc or questions.words(
        "Addresses of BMCs, such as redfish://bmc-1.example or ipmi://bmc-1.example", devices.fault_of_bmc
    )
    user, password = args.user, args.password_file
    if any(map(devices.asks_for_login, [*pdus, *bmcs])):
        user = user or questions.text("User of the BMCs") or None
        if user and password is None:
            password = questions.secret_file(f"the password of {user}", args.folder, "password")
    insecure = args.insecure or (
        any(each.startswith("redfish://") for each in [*pdus, *bmcs])
        and not questions.agrees("Check their certificates? Most BMCs have signed their own: then no", default=True)
    )
    urls = (
        [args.prometheus]
        if args.prometheus
        else questions.words("URL of a Prometheus that scrapes some of this already", fault_of_url)
    )
    return _Given(pdus, bmcs, Login(community, user, password, insecure), urls[0] if urls else "")


def _grid(questions: Questions) -> float | None:
    text = questions.checked("Grams of CO2 for each kWh of the grid, such as 380 (empty: not known)", fault_of_grams)
    return grams(text) if text else None


def _name(folder: Path, questions: Questions) -> str:
    """The name of the topology: that of the folder, or an answer where a topology cannot have it."""
    name = folder.resolve().name
    if not fault_of_topology(name):
        return name
    near = slug(name)
    return questions.checked("Name of the topology", fault_of_topology, NAME if fault_of_topology(near) else near)


def _nothing(seen: Sequence[Device], url: str) -> list[str]:
    faults = [f"{one.kind} {one.name}: {one.fault or 'measures nothing that a topology can name'}" for one in seen]
    if url:
        faults.append(f"{url} has no series of a meter that a topology can name")
    return faults or ["nothing to look at: state --pdu, --bmc or --prometheus"]


def _texts(drafted: Draft, seen: Sequence[Device], login: Login, folder: Path) -> dict[str, str]:
    """The text of each file that is needed."""
    texts = {FILES[0]: drafted.text}
    exporters = []
    for kind in ("pdu", "bmc"):
        own = [one for one in seen if one.kind == kind]
        if own:
            texts[f"{kind}.yaml"] = files.devices(kind, own, login, folder)
            exporters.append(kind)
    if drafted.traces is not None:
        texts["ioam.yaml"], texts["tag.yaml"] = files.ioam(drafted.traces), files.tag(drafted.traces)
        exporters += ["ioam", "tag"]
    if exporters:
        texts["prometheus.yml"] = files.prometheus(exporters)
    return texts


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise JoulepathError(f"{folder / name}: cannot be written: {error.strerror}") from None


def _report(folder: Path, drafted: Draft, written: Sequence[str], url: str) -> None:
    """The hosts with their watts, what a person must look at, and the next commands."""
    rows = [(box.name, "?" if box.watts is None else f"{box.watts:.0f} W", box.read_by) for box in drafted.boxes]
    table = tabulate(rows, tablefmt="plain", colalign=("left", "right", "left"), disable_numparse=True)
    _say(f"\n{table}\n")
    for note in drafted.notes:
        _say(f"note: {note}")
    _say(f"wrote {', '.join(str(folder / name) for name in written)}")
    _say("Look at the lines with `guess:` and `decide:`. Then, with each exporter in a terminal of its own:\n")
    for command in _next(folder, written, url):
        _say(f"  {command}")


def _next(folder: Path, written: Sequence[str], url: str) -> list[str]:
    topology = folder / FILES[0]
    ids = "".join(f" --{kind} {folder / f'{kind}.yaml'}" for kind in ("ioam", "tag") if f"{kind}.yaml" in written)
    commands = [f"joulepath rules check {topology}{ids}"]
    commands += [
        f"joulepath {kind} --config {folder / f'{kind}.yaml'}" for kind in files.PORTS if f"{kind}.yaml" in written
    ]
    commands.append(f"joulepath rules generate {topology} -o {folder / 'rules'}")
    if not url:
        commands.append(f"prometheus --config.file={folder / 'prometheus.yml'}")
    elif "prometheus.yml" in written:
        commands.append(f"# copy scrape_configs and rule_files of {folder / 'prometheus.yml'} to {url}, and reload it")
    else:
        commands.append(f"# add {folder / 'rules'} to rule_files of {url}, and reload it")
    return [*commands, f"joulepath doctor {topology} --prometheus {url or OWN_PROMETHEUS}"]


def _say(line: str) -> None:
    print(line, file=sys.stdout)  # noqa: T201  # the command's output
