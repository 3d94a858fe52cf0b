# SPDX-License-Identifier: Apache-2.0
"""`joulepath bmc`."""

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from prometheus_client.core import Metric

from joulepath import apart, files, secret
from joulepath.bmc.collector import collect
from joulepath.bmc.login import Login
from joulepath.bmc.metrics import SHOWN
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.settings import BmcEndpoint, Privilege, TargetSettings, login, login_mistake, parse_address
from joulepath.bmc.source import BmcSource
from joulepath.errors import UsageError
from joulepath.metrics import filled
from joulepath.reading.bounds import MAX_ROWS
from joulepath.reading.poller import Poller, Target
from joulepath.reading.register import Registers
from joulepath.serving.arguments import add_arguments
from joulepath.serving.polled import PolledExporter
from joulepath.serving.run import serve

PORT = 10472
INTERVAL = 10.0
"""Default seconds between polls: BMCs renew readings every 1 to 10 s."""
TIMEOUT = 40.0
"""Default seconds to wait for one answer over Redfish: the slowest BMCs take 30 s."""


class BmcExporter(PolledExporter[BmcReading]):
    """Exports BMCs; each target's `bmc_up` names the protocol it is read with."""

    def probe(self, target: str) -> Iterable[Metric]:
        """One BMC's families."""
        sources = {one.name: cast("BmcSource", one.source) for one in self._poller.targets}
        return filled(collect(sources[target].collector, *self._poller.view(target)))


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="BMCs by name, served on /probe?target=NAME")
    what.add_argument(
        "--target",
        metavar="ADDRESS",
        help="a single BMC, served on /metrics: redfish://HOST[:443], redfish+http://HOST[:80], ipmi://HOST[:623], "
        "or ipmi+local: for this machine's own",
    )
    parser.add_argument("--user", metavar="NAME", help="user of --target")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file with the password of --user")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="authorities that --target's certificate is of")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help=f"for one answer of --target over Redfish (default {TIMEOUT:g})",
    )
    parser.add_argument("--insecure", action="store_true", help="do not check --target's certificate")
    add_arguments(parser, PORT)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 300:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 300 seconds")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Runs the exporter. Raises JoulepathError."""
    if args.target is None and (args.user or args.password_file or args.ca_file or args.insecure):
        raise UsageError("--user, --password-file, --ca-file and --insecure belong to --target, not to --config")

    registers: dict[str, Registers] = {}

    def targets() -> list[Target[BmcReading]]:
        return read_targets(args.config, registers) if args.target is None else [single(args, registers)]

    bmc_exporter = BmcExporter(
        "bmc",
        "Power of servers and chassis over Redfish and IPMI",
        Poller(targets()),
        partial(collect, ""),
        shown=SHOWN,
        single=args.target is not None,
        configured=targets,
        file=args.config,
    )
    return serve(bmc_exporter, args)


def single(args: argparse.Namespace, registers: dict[str, Registers] | None = None) -> Target[BmcReading]:
    """The one BMC of `--target`; `registers` as in `read_targets`. Raises UsageError."""
    try:
        where = parse_address(args.target)
    except ValueError as error:
        raise UsageError(f"--target: {error}") from None
    mistake = login_mistake(where, args.user)
    if mistake:
        raise UsageError(f"--target: {mistake}")
    if (args.user is None) != (args.password_file is None):
        raise UsageError("--user and --password-file belong together")
    if where.scheme != "redfish" and (args.ca_file or args.insecure):
        raise UsageError("--ca-file and --insecure belong to a target redfish://HOST")
    who = Login(args.user, secret.of_file(args.password_file, "--password-file")) if args.user else None
    kept = {} if registers is None else registers.setdefault(str(where), {})
    bmc = source(
        str(where),
        where,
        who,
        ca_file=args.ca_file,
        verify=not args.insecure,
        timeout=args.timeout,
        registers=kept,
    )
    files = [file for file in (args.password_file, args.ca_file) if file is not None]
    return Target(str(where), bmc, INTERVAL, (who, _content(args.ca_file)), tuple(files))


def read_targets(path: Path, registers: dict[str, Registers] | None = None) -> list[Target[BmcReading]]:
    """The BMCs of a configuration file; `registers`, by name, go on when it is read again.

    Raises UsageError with every mistake.
    """
    read: Mapping[str, TargetSettings] = apart.read("joulepath.bmc.config", path)
    targets: list[Target[BmcReading]] = []
    mistakes: list[str] = []
    for name, target in read.items():
        try:
            who = login(target, path.parent)
        except UsageError as error:
            mistakes += [f"{path}: targets.{name}.{message}" for message in error.messages]
            continue
        ca_file = path.parent / target.ca_file if target.ca_file else None
        where = parse_address(target.address)
        bmc = source(
            name,
            where,
            who,
            ca_file=ca_file,
            verify=target.verify,
            privilege=target.privilege,
            timeout=target.timeout or TIMEOUT,
            registers={} if registers is None else registers.setdefault(name, {}),
            max_rows=target.max_rows,
        )
        files = [path.parent / file for file in (target.password_file, target.ca_file) if file is not None]
        made_of = (target, who, _content(ca_file))
        targets.append(Target(name, bmc, target.interval or INTERVAL, made_of, tuple(files)))
    if mistakes:
        raise UsageError(mistakes)
    return targets


def _content(ca_file: Path | None) -> bytes | None:
    """The file's content, to notice a change; None if it cannot be read, which each poll then reports."""
    try:
        return None if ca_file is None else files.read(ca_file)
    except OSError:
        return None


def source(
    name: str,
    where: BmcEndpoint,
    who: Login | None,
    *,
    ca_file: Path | None = None,
    verify: bool = True,
    privilege: Privilege = "user",
    timeout: float = TIMEOUT,
    registers: Registers | None = None,
    max_rows: int = MAX_ROWS,
) -> BmcSource:
    """The source that reads the BMC; imports only the libraries of its protocol."""
    if where.collector == "ipmi":
        from joulepath.bmc.ipmi.source import IpmiSource  # noqa: PLC0415

        return IpmiSource.with_pyghmi(
            name, where.host or None, where.port, who or Login("", ""), privilege, max_rows=max_rows
        )
    from joulepath.bmc.redfish.service.client import RedfishClient  # noqa: PLC0415
    from joulepath.bmc.redfish.source import RedfishSource  # noqa: PLC0415

    client = RedfishClient(where.base_url, who, ca_file=ca_file, verify=verify, timeout=timeout)
    return RedfishSource(name, client, registers=registers, max_rows=max_rows)
