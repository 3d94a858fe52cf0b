# SPDX-License-Identifier: Apache-2.0
"""`joulepath tag`: adds IOAM headers to the traffic of unmodified applications."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.errors import UsageError
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.one_host import OneHost
from joulepath.serving.run import serve
from joulepath.tag.metrics import SHOWN

if TYPE_CHECKING:
    from joulepath.tag.settings import Settings
    from joulepath.tag.tagger import Tagger

PORT = 10477
_ONCE_SECONDS = 1.0


class TagExporter(OneHost):
    """The exporter of one host; what it tagged is on `/metrics`."""

    name = "tag"
    reads = "packets that got an IOAM trace (tc egress)"
    shown = SHOWN

    def __init__(
        self, tagger: "Tagger", read: "Callable[[], Settings]", file: Path, once_seconds: float = _ONCE_SECONDS
    ) -> None:
        self._tagger = tagger
        self._read = read
        self.files = (file,)
        self._once_seconds = once_seconds

    def collect(self) -> Iterable[Metric]:
        """The counts so far."""
        return self._families()

    def once(self) -> Iterable[Metric]:
        """Tags for a moment, as a trial of rights and configuration."""
        self._tagger.start()
        try:
            time.sleep(self._once_seconds)
            return list(self._families())
        finally:
            self._tagger.stop()

    def start(self) -> None:
        """Begins to tag."""
        self._tagger.start()

    def reload(self) -> None:
        """Goes over to the changed file."""
        self._tagger.reload(self._read())

    def stop(self) -> None:
        """Ends tagging and puts the routes back."""
        self._tagger.stop()

    def _families(self) -> Iterable[Metric]:
        from joulepath.tag.collector import families  # noqa: PLC0415  # as in `run`

        return families(self._tagger.reading())


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="which packets get which id (docs/guides/tagging.md)"
    )
    parser.add_argument(
        "--path.cgroup",
        dest="cgroup",
        type=Path,
        metavar="FOLDER",
        help="where cgroup v2 is mounted (default: as /proc/self/mounts says)",
    )
    parser.add_argument(
        "--path.runtime",
        dest="runtime",
        type=Path,
        metavar="FOLDER",
        help="where the lock against a second tagger is (default: /run/joulepath-tag)",
    )
    parser.add_argument(
        "--print-ip-route",
        dest="print_routes",
        type=Path,
        metavar="FILE",
        help="print the commands for a kernel with an IOAM tunnel of its own, from a topology or from such a "
        "configuration, and do nothing else",
    )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Tags and serves until a signal, or prints commands."""
    # Each way imports what it needs: printing needs neither netlink nor libbpf.
    if (args.config is None) == (args.print_routes is None):
        raise UsageError("say which packets: --config FILE; or --print-ip-route FILE")
    if args.print_routes is not None:
        from joulepath.tag import iproute  # noqa: PLC0415

        sys.stdout.write(iproute.commands(args.print_routes))
        return 0
    from joulepath.tag import cgroup, tagger  # noqa: PLC0415

    def read() -> "Settings":
        settings: Settings = apart.read("joulepath.tag.config", args.config)
        return settings

    root = cgroup.mounted if args.cgroup is None else partial(cgroup.given, args.cgroup)
    settings = read()
    flow_tagger = tagger.Tagger(settings, root, runtime=args.runtime)
    capabilities = {rights.CAP_NET_ADMIN, rights.CAP_BPF, rights.CAP_PERFMON}
    if any(flow.sender for flow in settings.flows):
        capabilities.add(rights.CAP_SYS_PTRACE)  # for the sockets that other users' processes hold
    return serve(TagExporter(flow_tagger, read, args.config), args, capabilities=capabilities, claim=flow_tagger.claim)
