# SPDX-License-Identifier: Apache-2.0
"""An exporter as its operator runs it: a process, its log and its port."""

import re
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from joulepath_lab.run.waiting import until

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Exporter:
    """`joulepath ARGUMENTS` at a free port of loopback, from entering to leaving the context."""

    def __init__(self, *arguments: object, tls: ssl.SSLContext | None = None, authorization: str = "") -> None:
        self.tls = tls
        self.authorization = authorization
        self.log: list[str] = []
        """Lines on standard error so far."""
        self.seen: list[str] = []
        """Every answer so far, with its headers."""
        listen = ("--web.listen-address", "127.0.0.1:0")
        self._command = [sys.executable, "-m", "joulepath", *map(str, arguments), *listen]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        until(lambda: self._port() is not None or self.process.poll() is not None)
        assert self._port() is not None, self.log
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._port()}"

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body."""
        if self.authorization:
            headers.setdefault("Authorization", self.authorization)
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.tls) as answer:
                status, head, body = answer.status, str(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            status, head, body = error.code, str(error.headers), error.read().decode()
        self.seen += [head, body]
        return status, body

    def samples(self, path: str = "/metrics") -> Samples:
        """Values by name and labels; empty where the answer is not an exposition."""
        status, text = self.get(path)
        families = text_string_to_metric_families(text) if status == 200 else ()
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def value(self, name: str, path: str = "/metrics", **labels: str) -> float | None:
        """One value; None where it is missing."""
        return self.samples(path).get((name, frozenset(labels.items())))

    def reload(self) -> None:
        """Sends SIGHUP and waits for its line in the log."""
        lines = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len(self.log) > lines)

    def end(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def _port(self) -> int | None:
        match = re.search(r"msg=listening address=127\.0\.0\.1:(\d+)", "\n".join(self.log))
        return int(match[1]) if match else None

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))
