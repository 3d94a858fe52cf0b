# SPDX-License-Identifier: Apache-2.0
"""The Prometheus that commands of a page ask: it scrapes the constants of the reader's topology."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import DEVNULL

from scripts.blocks import Block

from joulepath_lab.run import programs
from joulepath_lab.run.ports import free_port
from tests.exporters.process import Exporter
from tests.pages.world import World


@contextmanager
def prometheus_with_constants(here: World, block: Block, address: str) -> Iterator[None]:
    """Answers at `address` in the commands of a block, if they name it."""
    if address not in block.text:
        yield
        return
    port = free_port()
    here.answer(address, f"http://127.0.0.1:{port}")
    with Exporter("rules", "serve", here.folder / "topology.yaml") as server:
        targets = json.loads(server.get("/targets")[1])
        job = {"job_name": "topology", "honor_labels": True, "static_configs": targets, "scrape_interval": "1s"}
        (here.folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
        words = [str(programs.find("prometheus")), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        words += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle"]
        with subprocess.Popen(words, cwd=here.folder, stdout=DEVNULL, stderr=DEVNULL) as process:
            try:
                yield
            finally:
                process.terminate()
