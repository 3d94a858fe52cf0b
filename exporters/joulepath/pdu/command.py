# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu`."""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from joulepath import config
from joulepath.errors import UsageError
from joulepath.pdu.check import check
from joulepath.pdu.collector import collect
from joulepath.pdu.config import (
    VERSIONS,
    PduConfig,
    PduTargetConfig,
    community_of_file,
    credentials,
    limits,
    parse_address,
    secret_files,
)
from joulepath.pdu.metrics import SHOWN
from joulepath.pdu.profiles.catalogue import load_shipped, read_folder
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.redfish import target as redfish_target
from joulepath.pdu.snmp.client import SnmpClient
from joulepath.pdu.snmp.clients import LIBRARIES, Clients
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.source import PduReading, PduSource
from joulepath.pdu.survey.surveyor import SURVEY_SECONDS, SURVEYS_AT_ONCE
from joulepath.reading.poller import Poller, Target
from joulepath.reading.register import Registers
from joulepath.serving.arguments import add_arguments
from joulepath.serving.polled import PolledExporter
from joulepath.serving.run import serve

PORT = 10471
INTERVAL = 5.0
"""Default seconds between polls, if neither the configuration nor its profile sets them."""

ONCE_SECONDS = 600.0
"""The time that the survey of a slow device may take with --once."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", type=Path, metavar="FILE", help="PDUs by name, served on /probe?target=NAME")
    what.add_argument(
        "--target",
        metavar="ADDRESS",
        help="a single PDU, served on /metrics: udp://HOST[:161], redfish://HOST[:443] or redfish+http://HOST[:80]",
    )
    what.add_argument("--walk", type=Path, metavar="FILE", help="a recorded walk, for --check-profile")
    parser.add_argument(
        "--check-profile",
        metavar="PROFILE",
        help="shows what a profile (NAME or FILE.yaml) reads from which objects of --target or --walk, and exits",
    )
    parser.add_argument("--community-file", type=Path, metavar="FILE", help="file with the SNMP community of --target")
    parser.add_argument("--user", metavar="NAME", help="user of a --target over Redfish")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file with the password of --user")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="authorities that --target's certificate is of")
    parser.add_argument("--insecure", action="store_true", help="do not check --target's certificate")
    asking = parser.add_argument_group("requests to --target", "a configuration file has keys of these names")
    asking.add_argument("--snmp-version", choices=VERSIONS, help="of SNMP (default: 2c)")
    asking.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="until a request is sent again (default: 2; over Redfish until it is given up, default: 40)",
    )
    asking.add_argument("--retries", type=int, metavar="N", help="how often it is sent again (default: 1)")
    asking.add_argument(
        "--max-repetitions", type=int, metavar="N", help="rows of one GETBULK (default: what the profile says)"
    )
    parser.add_argument(
        "--snmp-library",
        choices=LIBRARIES,
        default=LIBRARIES[0],
        help="SNMP library; gufo if it is installed (default: %(default)s)",
    )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Runs the exporter. Raises JoulepathError."""
    clients = Clients(args.snmp_library)
    if args.check_profile is not None:
        return check_profile(args, clients)
    if args.walk is not None:
        raise UsageError("--walk belongs to --check-profile PROFILE")
    if args.target is None and args.config is None:
        raise UsageError("state --config or --target")
    if args.target is None and args.community_file is not None:
        raise UsageError("--community-file belongs to --target; a configuration file names its own")
    if args.target is None and given_options(args):
        raise UsageError(f"{given_options(args)[0]} belongs to --target; a configuration file has a key of that name")
    # --once polls only once.
    survey_seconds = ONCE_SECONDS if args.once else SURVEY_SECONDS

    over_redfish = args.target is not None and redfish_target.is_redfish(args.target)
    if not over_redfish and (args.user or args.password_file or args.ca_file or args.insecure):
        raise UsageError("--user, --password-file, --ca-file and --insecure belong to --target redfish://HOST")
    if over_redfish and args.community_file is not None:
        raise UsageError("--community-file belongs to --target udp://HOST")
    if over_redfish and (args.snmp_version or args.retries is not None or args.max_repetitions is not None):
        raise UsageError("--snmp-version, --retries and --max-repetitions belong to --target udp://HOST")

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
                    timeout=args.timeout,
                )
            ]
        if args.target is not None:
            return [
                single(
                    args.target,
                    args.community_file,
                    clients,
                    registers,
                    asking=target_keys(args),
                    survey_seconds=survey_seconds,
                )
            ]
        return read_targets(args.config, clients, registers, survey_seconds)

    pdu_exporter = PolledExporter(
        "pdu",
        "Power of PDUs over SNMP and Redfish",
        Poller(targets()),
        collect,
        shown=SHOWN,
        single=args.target is not None,
        configured=targets,
        file=args.config,
    )
    return serve(pdu_exporter, args)


def check_profile(args: argparse.Namespace, clients: Clients) -> int:
    """`--check-profile`. Raises JoulepathError."""
    if args.config is not None:
        raise UsageError("--check-profile takes --target or --walk, not --config")
    client: SnmpClient | None = None
    if args.walk is not None:
        client = walk = WalkClient(args.walk)
        if walk.skipped:
            print(f"walk: {len(walk.skipped)} unreadable lines are skipped, the first is line {walk.skipped[0]}")  # noqa: T201
    elif args.target is not None:
        client, _, _ = client_of(args.target, args.community_file, clients, target_keys(args))
    for line in check(args.check_profile, client, args.max_repetitions):
        print(line)  # noqa: T201  # the command's output
    return 0


def given_options(args: argparse.Namespace) -> list[str]:
    """The given arguments among those that only --target takes."""
    return [f"--{key.replace('_', '-')}" for key in ASKING if getattr(args, key) is not None]


def target_keys(args: argparse.Namespace) -> Mapping[str, object]:
    """The keys of a target in a configuration file that the arguments stand for."""
    return {name: getattr(args, key) for key, name in ASKING.items() if getattr(args, key) is not None}


ASKING = {
    "snmp_version": "version",
    "timeout": "timeout",
    "retries": "retries",
    "max_repetitions": "max_repetitions",
}
"""Arguments, and the keys of a target that they stand for."""


def single(
    address: str,
    community_file: Path | None,
    clients: Clients | None = None,
    registers: dict[str, Registers] | None = None,
    *,
    asking: Mapping[str, object] | None = None,
    survey_seconds: float = SURVEY_SECONDS,
) -> Target[PduReading]:
    """The one device of `--target`; `registers` as in `read_targets`. Raises UsageError."""
    client, secret, target = client_of(address, community_file, clients or Clients(), asking)
    registers = {} if registers is None else registers
    name = str(parse_address(address))
    files = () if community_file is None else (community_file,)
    source = PduSource(
        name,
        client,
        load_shipped(),
        registers=registers.setdefault(name, {}),
        max_repetitions=target.max_repetitions,
        survey_seconds=survey_seconds,
    )
    return Target(name, source, INTERVAL, made_of=(target, secret), files=files)


def client_of(
    address: str, community_file: Path | None, clients: Clients, asking: Mapping[str, object] | None = None
) -> tuple[SnmpClient, object, PduTargetConfig]:
    """A client of the device of `--target`, its credentials and its options. Raises UsageError."""
    try:
        where = parse_address(address)
    except ValueError as error:
        raise UsageError(f"--target: {error}") from None
    if community_file is None:
        raise UsageError("--target needs --community-file FILE with the SNMP community")
    try:
        target = PduTargetConfig.model_validate(
            {"address": address, "community_file": community_file, **(asking or {})}
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        argument = next(key for key, name in ASKING.items() if name == wrong["loc"][0])
        raise UsageError(f"--{argument.replace('_', '-')}: {config.message(wrong)}") from None
    secret = community_of_file(community_file, "--community-file", target.version)
    return clients.make(where, secret, limits(target)), secret, target


def read_targets(
    path: Path,
    clients: Clients | None = None,
    registers: dict[str, Registers] | None = None,
    survey_seconds: float = SURVEY_SECONDS,
) -> list[Target[PduReading]]:
    """The devices of a configuration file; `registers`, by name, go on when it is read again.

    Raises UsageError with every mistake.
    """
    read = config.load(path, PduConfig)
    profiles: Mapping[str, Profile] = load_shipped()
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
        client = clients.make(parse_address(target.address), secret, limits(target))
        interval = target.interval or (profiles[target.profile].interval if target.profile else INTERVAL)
        kept = registers.setdefault(name, {})
        source = PduSource(
            name,
            client,
            profiles,
            target.profile,
            surveys=surveys,
            registers=kept,
            max_repetitions=target.max_repetitions,
            survey_seconds=survey_seconds,
            max_rows=target.max_rows,
        )
        files = (*shared, *secret_files(target, path.parent))
        targets.append(Target(name, source, interval, (target, secret, profiles), files))
    if mistakes:
        raise UsageError(mistakes)
    return targets
