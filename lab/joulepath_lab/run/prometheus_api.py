# SPDX-License-Identifier: Apache-2.0
"""Asks a Prometheus server: as little of its HTTP API (v1) as the lab needs."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    labels: dict[str, str]
    at: float
    value: float


class Prometheus:
    """A server by its address, for example http://127.0.0.1:9090."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """An instant vector."""
        data = self.get("query", query=promql, **({"time": at} if at is not None else {}))
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][0]), float(data["result"][1]))]
        return [Sample(row["metric"], float(row["value"][0]), float(row["value"][1])) for row in data["result"]]

    def samples(self, promql: str, at: float) -> list[Sample]:
        """Every stored sample of a range selector, for example `x[60s]`, at its own timestamp."""
        data = self.get("query", query=promql, time=at)
        return [
            Sample(row["metric"], float(when), float(value)) for row in data["result"] for when, value in row["values"]
        ]

    def get(self, path: str, **parameters: object) -> Any:
        """The `data` of an answer. Raises RuntimeError with the server's own words."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path} {parameters}: {error.read().decode()}") from None
