# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu`."""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path

from joulepath import config, exporter
from joulepath.errors import UsageError
from joulepath.pdu import redfish_target
from joulepath.pdu.check import check
from joulepath.pdu.clients import LIBRARIES, Clients
from joulepath.pdu.collector import collect
from joulepath.pdu.config import PduConfig, community_of_file, credentials, endpoint, secret_files
from joulepath.pdu.profile import read_folder, shipped
from joulepath.pdu.register import Registers
from joulepath.pdu.schema import Profile
from joulepath.pdu.snmp import Client
from joulepath.pdu.source import SURVEYS_AT_ONCE, PduReading, PduSource
from joulepath.pdu.walk import WalkClient
from joulepath.polled import PolledExporter
from joulepath.poller import Poller, Target

PORT = 10471
INTERVAL = 5.0
"""Seconds between polls where neither the configuration nor a profile that it names says otherwise."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", type=Path, metavar="FILE", help="PDUs by name, served on /probe?target=NAME")
    what.add_argument(
        "--target", metavar="ADDRESS", help="a single PDU, served on /metrics: udp://HOST[:161] or redfish://HOST[:443]"
    )
    what.add_argument("--walk", type=Path, metavar="FILE", help="a recorded walk, for --check-profile")
    parser.add_argument(
        "--check-profile",
        metavar="FILE",
        help="says what a profile reads from where (of --target or --walk) and exits",
    )
    parser.add_argument("--community-file", type=Path, metavar="FILE", help="file with the SNMP community of --target")
    parser.add_argument("--user", metavar="NAME", help="user of a --target over Redfish")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file with the password of --user")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="authorities that --target's certificate is of")
    parser.add_argument("--insecure", action="store_true", help="do not check --target's certificate")
    parser.add_argument(
        "--snmp-library",
        choices=LIBRARIES,
        default=LIBRARIES[0],
        help="who speaks SNMP; gufo where it is installed (default: %(default)s)",
    )
    exporter.add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Runs the exporter. Raises JoulepathError."""
    clients = Clients(args.snmp_library)
    if args.check_profile is not None:
        return checked(args, clients)
    if args.walk is not None:
        raise UsageError("--walk belongs to --check-profile FILE")
    if args.target is None and args.config is None:
        raise UsageError("one of the arguments --config --target is required")
    if args.target is None and args.community_file is not None:
        raise UsageError("--community-file belongs to --target; a configuration file names its own")

    over_redfish = args.target is not None and redfish_target.is_redfish(args.target)
    if not over_redfish and (args.user or args.password_file or args.ca_file or args.insecure):
        raise UsageError("--user, --password-file, --ca-file and --insecure belong to --target redfish://HOST")
    if over_redfish and args.community_file is not None:
        raise UsageError("--community-file belongs to --target udp://HOST")

    registers: dict[str, Registers] = {}

    def targets() -> list[Target[PduReading]]:
        if over_redfish:
            return [
                redfish_target.single(
                    args.target,
                    registers,
                    user=args.user,
                    password_file=args.password_file,
                    ca_file=args.ca_file,
                    verify=not args.insecure,
                )
            ]
        if args.target is not None:
            return [single(args.target, args.community_file, clients, registers)]
        return configured(args.config, clients, registers)

    made = PolledExporter(
        "pdu",
        "Power of PDUs over SNMP and Redfish",
        Poller(targets()),
        collect,
        single=args.target is not None,
        configured=targets,
        file=args.config,
    )
    return exporter.run(made, args)


def checked(args: argparse.Namespace, clients: Clients) -> int:
    """`--check-profile`. Raises JoulepathError."""
    if args.config is not None:
        raise UsageError("--check-profile takes --target or --walk, no --config")
    client: Client | None = None
    if args.walk is not None:
        client = walk = WalkClient(args.walk)
        if walk.skipped:
            print(f"walk: {len(walk.skipped)} unreadable lines are skipped, the first is line {walk.skipped[0]}")  # noqa: T201
    elif args.target is not None:
        client, _ = client_of(args.target, args.community_file, clients)
    for line in check(args.check_profile, client):
        print(line)  # noqa: T201  # the command's output
    return 0


def single(
    address: str,
    community_file: Path | None,
    clients: Clients | None = None,
    registers: dict[str, Registers] | None = None,
) -> Target[PduReading]:
    """The one device of `--target`; `registers` as in `configured`. Raises UsageError."""
    client, made_of = client_of(address, community_file, clients or Clients())
    registers = {} if registers is None else registers
    name = str(endpoint(address))
    files = () if community_file is None else (community_file,)
    source = PduSource(name, client, shipped(), registers=registers.setdefault(name, {}))
    return Target(name, source, INTERVAL, made_of=made_of, files=files)


def client_of(address: str, community_file: Path | None, clients: Clients) -> tuple[Client, object]:
    """A client of the device of `--target`, and what it is made of. Raises UsageError."""
    try:
        where = endpoint(address)
    except ValueError as error:
        raise UsageError(f"--target: {error}") from None
    if community_file is None:
        raise UsageError("--target needs --community-file FILE with the SNMP community")
    secret = community_of_file(community_file, "--community-file")
    return clients.make(where, secret), secret


def configured(
    path: Path, clients: Clients | None = None, registers: dict[str, Registers] | None = None
) -> list[Target[PduReading]]:
    """The devices of a configuration file; `registers`, by name, go on when it is read again.

    Raises UsageError with every mistake.
    """
    read = config.load(path, PduConfig)
    profiles: Mapping[str, Profile] = shipped()
    shared: tuple[Path, ...] = ()
    if read.profiles is not None:
        folder = path.parent / read.profiles
        profiles = {**profiles, **read_folder(folder)}
        shared = (folder, *sorted(folder.glob("*.yaml")))
    clients, registers = clients or Clients(), {} if registers is None else registers
    surveys = asyncio.Semaphore(SURVEYS_AT_ONCE)
    targets: list[Target[PduReading]] = []
    mistakes: list[str] = []
    for name, target in read.targets.items():
        if target.profile is not None and target.profile not in profiles:
            known = ", ".join(sorted(profiles))
            mistakes.append(f"{path}: targets.{name}.profile: {target.profile!r} is not one of {known}")
            continue
        try:
            if redfish_target.is_redfish(target.address):
                kept = registers.setdefault(name, {})
                targets.append(redfish_target.target(name, target.redfish, path.parent, kept))
                continue
            secret = credentials(target, path.parent)
        except UsageError as error:
            mistakes += [f"{path}: targets.{name}.{message}" for message in error.messages]
            continue
        client = clients.make(endpoint(target.address), secret)
        interval = target.interval or (profiles[target.profile].interval if target.profile else INTERVAL)
        kept = registers.setdefault(name, {})
        source = PduSource(name, client, profiles, target.profile, surveys=surveys, registers=kept)
        files = (*shared, *secret_files(target, path.parent))
        targets.append(Target(name, source, interval, (target, secret, profiles), files))
    if mistakes:
        raise UsageError(mistakes)
    return targets
