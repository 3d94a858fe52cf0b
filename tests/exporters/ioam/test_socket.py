# SPDX-License-Identifier: Apache-2.0
"""The TraceID of a traced socket, and the mistakes that are named before the kernel sees them."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import UsageError
from joulepath.ioam.socket import trace_id, traced
from joulepath.ioam.wire import decode
from joulepath.ioam.wire.encode import MAX_TRANSIT_NODES, hop_by_hop

pytestmark = pytest.mark.unit

KEY = "0000a001"
REQUEST = 0x4BF92F3577B34DA6A3CE929D0E0E4736


@given(st.binary(min_size=1, max_size=15), st.binary(min_size=16, max_size=16))
def test_the_key_leads_and_the_request_ends(key: bytes, request: bytes) -> None:
    identifier = trace_id(key, request)
    assert identifier == key + request[len(key) :]
    assert identifier == trace_id(key.hex(), request.hex()) == trace_id(key, int.from_bytes(request, "big"))
    (trace,) = decode.options(hop_by_hop(123, identifier, 1, 64, 4)).traces
    assert trace.trace_id == identifier


def test_an_application_may_have_no_requests() -> None:
    assert trace_id(KEY) == bytes.fromhex(KEY) + bytes(12)
    assert trace_id(bytes(range(16))) == bytes(range(16))


@pytest.mark.parametrize(
    ("family", "arguments", "message"),
    [
        (socket.AF_INET, {}, "IOAM needs an IPv6 socket, not AF_INET: open it with AF_INET6"),
        (socket.AF_INET6, {"namespace": 65536}, "namespace 65536: an IOAM Namespace-ID has 16 bits"),
        (socket.AF_INET6, {"nodes": 28}, f"nodes 28: the header has room for 0 to {MAX_TRANSIT_NODES}"),
        (socket.AF_INET6, {"node_id": 1 << 24}, f"node_id {1 << 24}: this trace's node ids have 24 bits"),
        (
            socket.AF_INET6,
            {"application": "camera"},
            "application: 'camera' is not a whole number of octets in hexadecimal digits",
        ),
        (socket.AF_INET6, {"application": b""}, "application: a key has 1 to 16 octets, this one has 0"),
        (socket.AF_INET6, {"application": bytes(17)}, "application: a key has 1 to 16 octets, this one has 17"),
        (
            socket.AF_INET6,
            {"application": bytes(16)},
            "request: the application's key fills the whole TraceID; leave the request out",
        ),
        (socket.AF_INET6, {"request": b"1"}, "request: an OpenTelemetry TraceID has 16 octets, this one has 1"),
        (socket.AF_INET6, {"request": -1}, "request: -1 has more than 128 bits"),
    ],
)
def test_mistakes_are_named(family: socket.AddressFamily, arguments: dict[str, object], message: str) -> None:
    keywords = {"namespace": 123, "application": KEY, "request": REQUEST, **arguments}
    with socket.socket(family, socket.SOCK_DGRAM) as plain, pytest.raises(UsageError) as caught:
        traced(plain, **keywords)  # type: ignore[arg-type]  # mistakes on purpose
    assert str(caught.value) == message
