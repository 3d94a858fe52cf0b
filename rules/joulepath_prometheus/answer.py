# SPDX-License-Identifier: Apache-2.0
"""Reads the envelope of an answer, and says in one line why a server has refused a question."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from joulepath.config import problems
from joulepath_prometheus.errors import NoAnswerError, PrometheusError, RejectedQueryError, one_line
from joulepath_prometheus.transport import Reply

T = TypeVar("T")


class Answered(BaseModel):
    """Base of all that a server answers with: other keys than those read are left out."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, use_attribute_docstrings=True
    )


def _empty(value: Any) -> Any:
    """Go writes null for a list or a map without entries."""
    return () if value is None else value


def _no_entries(value: Any) -> Any:
    return {} if value is None else value


List = Annotated[tuple[T, ...], BeforeValidator(_empty)]
Map = Annotated[dict[str, T], BeforeValidator(_no_entries)]


class Success(Answered, Generic[T]):
    """The envelope of an answer with data."""

    status: Literal["success"]
    data: T
    warnings: List[str] = ()
    """Of Prometheus, Thanos and Mimir: a store that could not be read, for example."""
    infos: List[str] = ()
    """Remarks about the query, from Prometheus 3 on."""
    is_partial: bool = False
    """Of VictoriaMetrics: whether a storage node was missing."""

    @property
    def notes(self) -> Sequence[str]:
        """Whatever makes the data doubtful."""
        return (*self.warnings, *(["the answer is partial: a storage node is missing"] if self.is_partial else []))


class _Failure(Answered):
    status: Literal["error"]
    error: str
    error_type: str = ""


@cache
def _envelope(data: Any) -> TypeAdapter[Success[Any]]:
    return TypeAdapter(Success[data])


_FAILURE = TypeAdapter(_Failure)

_LOGIN = "state authorization or basic_auth in its HTTP configuration file"
_PREFIX = "does the address lack a prefix, such as /prometheus?"
_STATUS = {
    401: f"wants a login (401): {_LOGIN}",
    403: f"refuses this login (403): check it, or {_LOGIN}",
    404: f"has nothing there (404): is it a Prometheus, and {_PREFIX}",
    405: "takes no POST (405): allow POST in the proxy before it, or ask a shorter question",
    407: "a proxy wants a login (407): state it in HTTPS_PROXY or HTTP_PROXY",
    413: "takes no question of this length (413): raise the limit of the proxy before it",
    414: "takes no address of this length (414): raise the limit of the proxy before it",
    429: "is asked too often (429): wait, or raise its limit",
    502: "a proxy cannot reach it (502): is Prometheus running?",
    503: "is not ready (503): wait until it has started, or look at its log",
    504: "a proxy waits in vain for it (504): ask for less, or raise the proxy's limit",
}
_LOGINS = {401, 403, 407}
_TRANSIENT = {429, 502, 503, 504}
_REMEDIES = {
    "too many samples": "ask for fewer series or a shorter range, or raise --query.max-samples",
    "maximum resolution": "use a larger step",
    "timed out": "ask for less, or allow more time",
    "deadline exceeded": "ask for less, or allow more time",
    "no org id": "state the tenant as X-Scope-OrgID in http_headers",
}
"""By a part of the server's own words."""


def decode(reply: Reply, data: Any) -> Success[Any]:
    """The envelope of an answer that holds `data`, a type. Raises PrometheusError, without the server's URL."""
    if not 200 <= reply.status < 300:
        raise _refusal(reply)
    try:
        return _envelope(data).validate_json(reply.body)
    except ValidationError as error:
        if _failure(reply) is not None:
            raise _refusal(reply) from None
        raise PrometheusError(_foreign(reply, error)) from None


def _foreign(reply: Reply, error: ValidationError) -> str:
    """Describes an answer that is not Prometheus'."""
    if reply.body.lstrip()[:1] == b"<":
        kind = "HTML"
    elif any(item["type"] == "json_invalid" for item in error.errors(include_url=False, include_input=False)):
        kind = "broken JSON"
    else:
        first = one_line(next(iter(problems(error, Success))))
        kind = f"JSON of another form ({first})"
    return f"answers with {kind}: that is not the API of Prometheus: give its address, and {_PREFIX}"


def _failure(reply: Reply) -> _Failure | None:
    try:
        return _FAILURE.validate_json(reply.body)
    except ValidationError:
        return None


def _refusal(reply: Reply) -> PrometheusError:
    """The server's own words where it has some, else the meaning of the status."""
    failure = _failure(reply)
    own = one_line(failure.error) if failure else ""
    if not own and reply.body.lstrip()[:1] not in {b"<", b"{", b"["}:
        own = one_line(reply.body[:1000].decode("utf-8", "replace"), 120)
    remedy = next((text for part, text in _REMEDIES.items() if part in own.lower()), "")
    meaning, _, usual = _STATUS.get(reply.status, "").partition(": ")
    if failure or not meaning:
        meaning = f"answers {reply.status}"
        usual = usual if reply.status in _LOGINS else "" if own else "look at its log"
    text = ": ".join(filter(None, (meaning, own, remedy or usual)))
    if reply.status in _TRANSIENT:
        return NoAnswerError(text)
    return RejectedQueryError(text) if failure and reply.status not in _LOGINS else PrometheusError(text)
