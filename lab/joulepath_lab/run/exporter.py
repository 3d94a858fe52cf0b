# SPDX-License-Identifier: Apache-2.0
"""An exporter as a process in a network namespace, and the samples that it serves there."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from joulepath_lab.network.namespace import PATIENCE_SECONDS, NetworkNamespace
from joulepath_lab.run.waiting import until


class Exporter:
    """An exporter, by default `joulepath ioam`, as a process in a namespace."""

    def __init__(
        self,
        namespace: NetworkNamespace,
        *arguments: str,
        name: str = "ioam",
        port: int = 10474,
        wrapper: Sequence[str] = (),
    ) -> None:
        self._namespace = namespace
        self._url = f"http://[::1]:{port}/metrics"
        command = [*wrapper, sys.executable, "-m", "joulepath", *name.split(), "--web.listen-address", f"[::1]:{port}"]
        command += arguments
        self._process = subprocess.Popen(namespace.command(*command), stderr=subprocess.PIPE, text=True)
        until(lambda: "joulepath_build_info" in self._get().stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def hang_up(self) -> None:
        """Has it read its files now, rather than at its next look at them."""
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Ends it without a chance to tidy up."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE_SECONDS)

    def stop(self) -> list[str]:
        """Ends it as an operator would; the lines that it wrote."""
        if self._process.poll() is None:
            self._process.terminate()
        elif self._process.stderr is None or self._process.stderr.closed:
            return []
        _, lines = self._process.communicate(timeout=PATIENCE_SECONDS)
        return lines.splitlines()

    def scrape(self) -> dict[tuple[str, ...], float]:
        """Samples by name and label values (in the order of the labels' names)."""
        answer = self._get()
        if answer.returncode != 0:
            raise RuntimeError(answer.stderr)
        return samples(answer.stdout)

    def _get(self) -> subprocess.CompletedProcess[str]:
        if self._process.poll() is not None:
            raise RuntimeError(f"it ended: {self._process.stderr and self._process.stderr.read()}")
        script = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
        words = self._namespace.command(sys.executable, "-c", script, self._url)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """An exposition's samples."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
