# SPDX-License-Identifier: Apache-2.0
"""The shape all exporters share: what they serve, the arguments they take, `--once` and the run until a signal.

source  --readings-->  poller or reader  --snapshot-->  collector  --families-->  web
"""

import argparse
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from joulepath import log, rights, web
from joulepath.errors import UsageError
from joulepath.metrics import registry
from joulepath.reload import Part, Reloader
from joulepath.telemetry import Telemetry
from joulepath.web.events import Events
from joulepath.web.listen import passed_by_systemd
from joulepath.web.security import Security

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks at the files of the configuration."""


class Exporter(Protocol):
    """One exporter as the web server and the command line see it."""

    name: str
    """The subcommand."""
    reads: str
    """Its readings in a few words, for the landing page."""

    @property
    def targets(self) -> Collection[str]:
        """Names that `/probe?target=` answers; empty where the one device is served on `/metrics`."""

    @property
    def ready(self) -> bool:
        """Whether it has read, or tried to read, all that it serves; stays true."""

    @property
    def files(self) -> Collection[Path]:
        """Files that the configuration was read from; `reload` is called when one changes."""

    def collect(self) -> Iterable[Metric]:
        """Families of `/metrics`: the exporter's own, and the device's where there is only one. Never blocks on it.

        Those of `joulepath.telemetry` are added by the server.
        """

    def probe(self, target: str) -> Iterable[Metric]:
        """Families of one target. Raises KeyError for a name that is not configured."""

    def once(self) -> Iterable[Metric]:
        """Reads everything once and returns its families. Raises JoulepathError when nothing could be read."""

    def start(self) -> None:
        """Begins to read on its own clock, in threads of its own."""

    def reload(self) -> None:
        """Reads its configuration again; counters go on. Raises JoulepathError and changes nothing if it is wrong."""

    def stop(self) -> None:
        """Ends what `start` began and leaves devices and interfaces as they were."""


def add_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    """The arguments that every exporter takes; `port` is its default on all addresses."""
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        type=web.Address.parse,
        metavar="[HOST]:PORT",
        help=f"where to serve; may be given several times (default :{port})",
    )
    parser.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="serve on the sockets that systemd passes, instead of an address",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        type=Path,
        metavar="FILE",
        help="TLS, users and headers (docs/guides/serving.md)",
    )
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="least severity of the lines on standard error (default info)",
    )
    parser.add_argument(
        "--run-as",
        dest="run_as",
        metavar="USER",
        help="started by root: become this user before the first request is answered (docs/guides/security.md)",
    )
    parser.add_argument(
        "--once", action="store_true", help="read once, print the exposition, exit 1 if nothing could be read"
    )
    parser.set_defaults(port=port)


def _nothing() -> None:
    """Claims nothing."""


def run(
    exporter: Exporter,
    args: argparse.Namespace,
    look_seconds: float = LOOK_SECONDS,
    *,
    capabilities: Collection[int] = (),
    claim: Callable[[], None] = _nothing,
) -> int:
    """Serves `exporter` until SIGTERM or SIGINT, or prints one reading with `--once`. Returns the exit code.

    SIGHUP reads the configuration again, as does a change of its files. Once the ports are open and `claim` has
    returned, the process gives up all of its capabilities but `capabilities`; no thread runs before that.
    """
    user = None if args.run_as is None else rights.User.of(args.run_as)
    log.setup(args.log_level)
    if args.once:
        claim()
        _give_up(capabilities, user, ())
        sys.stdout.buffer.write(generate_latest(registry(exporter.once)))
        return 0
    protection = _Protection(args.web_config)
    reloader = Reloader(
        [
            Part(exporter.name, lambda: exporter.files, exporter.reload),
            Part("web", lambda: protection.security.files, protection.reload),
        ]
    )
    events = Events()
    telemetry = Telemetry(exporter.name, lambda: reloader.successful, events.collect)
    server = web.Server(
        exporter, _listeners(args), security=protection.security, telemetry=telemetry.collect, events=events
    )
    protection.server = server
    # A signal may be taken in any thread, one that begins to answer a scrape for instance, and then interrupts nothing
    # that this one waits at: hence a pipe, which the interpreter writes to in whichever it is.
    signals, taken = os.pipe()
    os.set_blocking(taken, False)
    signal.set_wakeup_fd(taken, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    claim()
    _give_up(capabilities, user, [*exporter.files, *protection.security.files])
    exporter.start()
    try:
        server.start()
        _until_ended(signals, reloader, look_seconds)
        logger.info("stopping")
    finally:
        server.stop()
        exporter.stop()
    return 0


def _give_up(capabilities: Collection[int], user: rights.User | None, files: Iterable[Path]) -> None:
    """Raises UsageError where the user that was asked for can read neither the program nor, at a reload, its files."""
    rights.keep(capabilities, user)
    if user is not None:
        code = [Path(os.__file__), Path(__file__)]  # modules are imported when they are needed
        if closed := rights.closed([*code, *files]):
            raise UsageError([f"--run-as {user.name}: that user cannot read {path}: chmod it" for path in closed])
    for path in rights.closed(files):
        logger.warning("%s: cannot be read again, for root's rights are given up: chown root %s", path, path)


def _until_ended(signals: int, reloader: Reloader, look_seconds: float) -> None:
    while True:
        there, _, _ = select.select([signals], [], [], look_seconds if reloader.watches else None)
        if not there:
            reloader.look()
            continue
        (number,) = os.read(signals, 1)
        if number != signal.SIGHUP:
            return
        reloader.reload()


class _Protection:
    """The web server's configuration as it was last read."""

    def __init__(self, path: Path | None) -> None:
        self.security = Security()
        self.server: web.Server | None = None
        self._path = path
        if path is not None:
            # Only a file needs bcrypt.
            from joulepath.web.auth import Passwords  # noqa: PLC0415

            self._passwords = Passwords()
            self.reload()

    def reload(self) -> None:
        """Reads the file. Raises UsageError."""
        if self._path is None:
            return
        from joulepath.web import rules  # noqa: PLC0415

        self.security = rules.read(self._path, self._passwords)
        if self.server is not None:
            self.server.secure(self.security)


def _listeners(args: argparse.Namespace) -> Sequence[web.Address | socket.socket]:
    if not args.systemd_socket:
        return args.listen or [web.Address("", args.port)]
    if args.listen:
        raise UsageError("--web.systemd-socket says where to serve: leave out --web.listen-address")
    return passed_by_systemd()
