# SPDX-License-Identifier: Apache-2.0
"""Runs an exporter: one reading with `--once`, or serving until a signal."""

import argparse
import logging
import os
import select
import signal
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from prometheus_client.exposition import generate_latest

from joulepath import log, web
from joulepath.errors import UsageError
from joulepath.exporter import Exporter
from joulepath.metrics import registry
from joulepath.serving import rights
from joulepath.serving.arguments import listeners
from joulepath.serving.protection import Protection
from joulepath.serving.reload import Part, Reloader
from joulepath.serving.telemetry import Telemetry
from joulepath.web.events import Events

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks at the files of the configuration."""


def _nothing() -> None:
    """Claims nothing."""


def serve(
    exporter: Exporter,
    args: argparse.Namespace,
    look_seconds: float = LOOK_SECONDS,
    *,
    capabilities: Collection[int] = (),
    claim: Callable[[], None] = _nothing,
    complaint: Callable[[], str] = str,
) -> int:
    """Serves `exporter` until SIGTERM or SIGINT, or prints one reading with `--once`. Returns the exit code.

    SIGHUP reads the configuration again, as does a change of its files. Once the ports are open and `claim` has
    returned, the process gives up all of its capabilities but `capabilities`; no thread runs before that. `complaint`
    says, once the exporter has started, which of its files it began without.
    """
    user = None if args.run_as is None else rights.User.of(args.run_as)
    latest = log.setup(args.log_level)
    if args.once:
        claim()
        _give_up(capabilities, user, ())
        sys.stdout.buffer.write(generate_latest(registry(exporter.once)))
        return 0
    protection = Protection(args.web_config)
    reloader = Reloader(
        [
            Part(exporter.name, lambda: exporter.files, exporter.reload),
            Part("web", lambda: protection.security.files, protection.reload),
        ]
    )
    events = Events()
    telemetry = Telemetry(exporter.name, lambda: reloader.successful, events.collect)
    server = web.Server(
        exporter,
        listeners(args),
        security=protection.security,
        telemetry=telemetry.collect,
        warnings=lambda: latest.lines,
        events=events,
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
    reloader.began(exporter.name, complaint())
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
