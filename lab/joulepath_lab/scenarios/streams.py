# SPDX-License-Identifier: Apache-2.0
"""The streams: two robots' cameras with an IOAM trace, and traffic that belongs to no declared application."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Stream:
    """Frames of UDP packets from the robot to the model server, and the server's answer to each inference.

    `trace_id` is hexadecimal, None for traffic without IOAM; every `inference_every`-th frame asks the model, 0 for
    none; `tokens` is what an inference generates, and `prompt` the tokens of its question. Every `detection_every`-th
    frame goes to the detector, where the scenario has one. `session` is the number of the PDU session that carries it.
    """

    name: str
    port: int
    application: str | None
    trace_id: str | None
    frames_per_second: float
    packets_per_frame: int
    payload: int
    inference_every: int = 0
    tokens: int = 0
    prompt: int = 0
    detection_every: int = 0
    session: int = 1


ANSWER_PAYLOAD = 300

UPLINKS = (
    Stream("assembly-camera", 5001, "assembly-line", "4bf92f3577b34da6a3ce929d0e0e4736", 25, 12, 1200, 5, 60, 900, 1),
    Stream("inspection-camera", 5002, "inspection", "0af7651916cd43dd8448eb211c80319c", 10, 14, 700, 2, 150, 300, 2),
    Stream("background", 5003, None, None, 20, 4, 400, detection_every=2),
    Stream("stranger", 5004, None, "ffffffffffffffffffffffffffffffff", 10, 3, 600),
)


def answer_of(stream: Stream) -> str:
    """The name under which the model server counts its answers to a stream."""
    return f"{stream.name}-answers"


def names_of(streams: Iterable[Stream]) -> list[str]:
    """The names under which senders count: streams, and the answers to them."""
    sent = list(streams)
    return [stream.name for stream in sent] + [answer_of(stream) for stream in sent if stream.inference_every]
