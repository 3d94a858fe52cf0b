# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu`."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from joulepath import config, exporter
from joulepath.errors import UsageError
from joulepath.pdu.collector import collect
from joulepath.pdu.config import PduConfig, community, community_of_file, endpoint
from joulepath.pdu.profile import Profile, read_folder, shipped
from joulepath.pdu.snmp import Engine, PysnmpClient
from joulepath.pdu.source import PduReading, PduSource
from joulepath.polled import PolledExporter
from joulepath.poller import Poller, Target

PORT = 10471
INTERVAL = 5.0
"""Seconds between polls where neither the configuration nor a profile that it names says otherwise."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="PDUs by name, served on /probe?target=NAME")
    what.add_argument("--target", metavar="udp://HOST[:161]", help="a single PDU, served on /metrics")
    parser.add_argument("--community-file", type=Path, metavar="FILE", help="file with the SNMP community of --target")
    exporter.add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Runs the exporter. Raises JoulepathError."""
    if args.target is None and args.community_file is not None:
        raise UsageError("--community-file belongs to --target; a configuration file names its own")
    engine = Engine()

    def targets() -> list[Target[PduReading]]:
        if args.target is not None:
            return [single(args.target, args.community_file, engine)]
        return configured(args.config, engine)

    made = PolledExporter(
        "pdu",
        "Power of PDUs over SNMP",
        Poller(targets()),
        collect,
        single=args.target is not None,
        configured=targets,
        file=args.config,
    )
    return exporter.run(made, args)


def single(address: str, community_file: Path | None, engine: Engine | None = None) -> Target[PduReading]:
    """The one device of `--target`. Raises UsageError."""
    try:
        where = endpoint(address)
    except ValueError as error:
        raise UsageError(f"--target: {error}") from None
    if community_file is None:
        raise UsageError("--target needs --community-file FILE with the SNMP community")
    secret = community_of_file(community_file, "--community-file")
    client = PysnmpClient(engine or Engine(), where, secret)
    source = PduSource(str(where), client, shipped())
    return Target(str(where), source, INTERVAL, made_of=secret, files=(community_file,))


def configured(path: Path, engine: Engine | None = None) -> list[Target[PduReading]]:
    """The devices of a configuration file. Raises UsageError with every mistake."""
    read = config.load(path, PduConfig)
    profiles: Mapping[str, Profile] = shipped()
    shared: tuple[Path, ...] = ()
    if read.profiles is not None:
        folder = path.parent / read.profiles
        profiles = {**profiles, **read_folder(folder)}
        shared = (folder, *sorted(folder.glob("*.yaml")))
    engine = engine or Engine()
    targets: list[Target[PduReading]] = []
    mistakes: list[str] = []
    for name, target in read.targets.items():
        if target.profile is not None and target.profile not in profiles:
            known = ", ".join(sorted(profiles))
            mistakes.append(f"{path}: targets.{name}.profile: {target.profile!r} is not one of {known}")
            continue
        try:
            secret = community(target, path.parent)
        except UsageError as error:
            mistakes += [f"{path}: targets.{name}.{message}" for message in error.messages]
            continue
        client = PysnmpClient(engine, endpoint(target.address), secret)
        interval = target.interval or (profiles[target.profile].interval if target.profile else INTERVAL)
        source = PduSource(name, client, profiles, target.profile)
        files = shared if target.community_file is None else (*shared, path.parent / target.community_file)
        targets.append(Target(name, source, interval, (target, secret, profiles), files))
    if mistakes:
        raise UsageError(mistakes)
    return targets
