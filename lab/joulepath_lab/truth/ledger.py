# SPDX-License-Identifier: Apache-2.0
"""The senders' own counts, in a small shared file: the truth stands on these alone."""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("packets", "bytes", "requests", "tokens", "prompts", "detections")
_RECORD = struct.Struct(f"={len(FIELDS) + 1}Q")  # the fields, and whether to pause
_PAUSED_AT = 8 * len(FIELDS)


@dataclass(frozen=True)
class Sent:
    """Counts of one stream."""

    packets: int
    """IP packets."""
    bytes: int
    """Octets of these."""
    requests: int = 0
    """Inferences that the language model was asked for."""
    tokens: int = 0
    """Tokens that these generate."""
    prompts: int = 0
    """Tokens of their prompts."""
    detections: int = 0
    """Pictures that the detector was asked to look at."""


class Ledger:
    """One record per stream name. Each record has one writer; anyone reads, and may ask a writer to pause."""

    def __init__(self, path: Path, streams: Sequence[str]) -> None:
        self._index = {name: number for number, name in enumerate(streams)}
        size = _RECORD.size * len(streams)
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._before = self.read()

    def write(self, stream: str, sent: Sent) -> None:
        """Books what a writer has sent since it started, beside what earlier ones sent; a reader sees numbers whole."""
        offset, before = self._index[stream] * _RECORD.size, self._before[stream]
        for number, name in enumerate(FIELDS):
            struct.pack_into("=Q", self._map, offset + 8 * number, getattr(before, name) + getattr(sent, name))

    def read(self) -> dict[str, Sent]:
        """All streams' counts."""
        return {
            name: Sent(*_RECORD.unpack_from(self._map, place * _RECORD.size)[:-1])
            for name, place in self._index.items()
        }

    def pause(self, stream: str, paused: bool) -> None:
        """Asks a stream's sender to stop or to go on."""
        struct.pack_into("=Q", self._map, self._index[stream] * _RECORD.size + _PAUSED_AT, paused)

    def is_paused(self, stream: str) -> bool:
        """Whether a stream's sender was asked to stop."""
        return bool(_RECORD.unpack_from(self._map, self._index[stream] * _RECORD.size)[-1])
