# SPDX-License-Identifier: Apache-2.0
"""Requests that two readers could take for different ones are refused, and the connection ends (RFC 9112)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.web.http import BadRequestError, Request, parse
from tests.exporters.web.test_server import answers, connected
from tests.exporters.web.things import Things, serving

pytestmark = pytest.mark.unit

START = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n"
HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: hidden\r\n\r\n"
LENGTH = str(len(HIDDEN)).encode()


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: %b\r\n" % LENGTH,
        b"Content-Length : %b\r\n" % LENGTH,
        b"Content-Length\t: %b\r\n" % LENGTH,
        b"nonsense\r\nContent-Length: %b\r\n" % LENGTH,
        b"From x y\r\nContent-Length: %b\r\n" % LENGTH,
        b": x\r\nContent-Length: %b\r\n" % LENGTH,
        b"X\xe9: a\r\nContent-Length: %b\r\n" % LENGTH,
        b"X\0Y: a\r\nContent-Length: %b\r\n" % LENGTH,
        b"X: a\0b\r\n",
        b"X: a\x1bb\r\n",
        b"X: a\x7fb\r\n",
        b"X: a\x0bb\r\n",
        b"X: a\rContent-Length: %b\r\n" % LENGTH,
        b"X: a\nContent-Length: %b\r\n" % LENGTH,
        b"Content-Length:\r\n %b\r\n" % LENGTH,
        b"Accept: text/plain\r\n ;q=0\r\n",
        b"Content-Length: 0\r\nContent-Length: %b\r\n" % LENGTH,
        b"Content-Length: %b\r\nContent-Length: 0\r\n" % LENGTH,
        b"Content-Length: 0\r\nContent-Length: 0\r\n",
        b"Content-Length:\r\nContent-Length: %b\r\n" % LENGTH,
        b"Content-Length: 0, %b\r\n" % LENGTH,
        b"Content-Length: +0\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x0\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: \r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Host: b\r\n",
        b"HOST: a\r\n",
    ],
)
def test_a_request_of_unclear_length_or_host_is_refused_and_the_last(fields: bytes) -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(START + fields + b"\r\n" + HIDDEN)
        assert [status for status, _ in answers(client)] == [400]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /-/healthy HTTP/1.1\nHost: a\n\n",
        b"GET /-/healthy HTTP/1.1\r\n Content-Length: 1\r\nHost: a\r\n\r\n",
        b"GET\t/-/healthy\tHTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET  /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /-/healthy\r\n\r\n",
        b"GET /-/healthy HTTP/2.0\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b" / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET ftp://a/metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[a/metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a<b>\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + bytes(200),
    ],
)
def test_requests_that_are_not_http_1_1_are_refused_at_once(head: bytes) -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(head + HIDDEN)
        assert [status for status, _ in answers(client)] == [400]


@pytest.mark.parametrize(
    "head",
    [
        b"\r\nGET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://other:80/-/healthy?a=b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET HTTPS://other/-/healthy HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /-/healthy HTTP/1.0\r\n\r\n",
        START + b"Content-Length: 0 \r\n\r\n",
        START + b"Content-Length:\t00\r\n\r\n",
        START + b"X: \xe9\r\n\r\n",
    ],
)
def test_forms_that_rfc_9112_prescribes_are_accepted(head: bytes) -> None:
    with serving(Things()) as server, connected(server) as client:
        client.sendall(head)
        assert [status for status, _ in answers(client, 0.3)] == [200]


def test_a_target_in_absolute_form_names_the_host() -> None:
    request = parse(b"GET http://exporter.example:10471/targets HTTP/1.1\r\nHost: other\r\n\r\n")
    assert (request.path, request.header("host")) == ("/targets", "exporter.example:10471")


def test_a_head_with_a_password_is_not_remembered() -> None:
    plain, secret = START + b"\r\n", START + b"AUTHORIZATION: Basic YTpi\r\n\r\n"
    assert parse(plain) is parse(plain)
    assert parse(secret) is not parse(secret)


def test_lines_of_one_name_are_one_list() -> None:
    request = parse(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n")
    assert request.header("accept-encoding") == "br, gzip"


@pytest.mark.parametrize(
    ("field", "kept"),
    [(b"", True), (b"Connection: keep-alive\r\nConnection: Close\r\n", False), (b"Connection: closed\r\n", True)],
)
def test_connection_options_are_whole_words(field: bytes, kept: bool) -> None:
    assert parse(START + field + b"\r\n").keep_alive is kept


FIELD = st.sampled_from([b"Host", b"Content-Length", b"Transfer-Encoding", b"Accept", b"X", b"Content-Length "])
VALUE = st.one_of(st.binary(max_size=12), st.sampled_from([b"0", b"5", b"chunked", b"a", b" 0", b"0,0", b"\r\n 5"]))
END = st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\n\r\n"])


@given(st.lists(st.tuples(FIELD, VALUE, END), max_size=6))
def test_every_head_is_one_request_without_a_body_or_refused(fields: list[tuple[bytes, bytes, bytes]]) -> None:
    text = b"GET / HTTP/1.1\r\n" + b"".join(name + b":" + value + end for name, value, end in fields) + b"\r\n\r\n"
    head = text[: text.index(b"\r\n\r\n") + 4]
    try:
        request = parse(head)
    except BadRequestError:
        return
    assert isinstance(request, Request)
    assert head.lower().count(b"\nhost:") == 1
    assert b"transfer-encoding" not in head.lower()
    lengths = [value for name, value, _ in fields if name == b"Content-Length" and b"\nContent-Length:" + value in head]
    # `0, 0` is the same length twice, as a proxy may join fields (RFC 9110, section 8.6).
    assert all(int(value) == 0 for joined in lengths[:1] for value in joined.split(b","))
