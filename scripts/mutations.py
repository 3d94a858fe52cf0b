# SPDX-License-Identifier: Apache-2.0
"""Ways to break a PromQL expression: small changes of its text, each of which a test should notice."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_STRING = r'"(?:\\.|[^"\\])*"'
_TOKEN = re.compile(
    rf'{_STRING}|\{{(?:{_STRING}|[^"}}])*\}}|\[[^\]]*\]|[a-zA-Z_:][\w:]*|[\d.]+(?:e[+-]?\d+)?\w*|[=!<>]=|[-+*/%^<>(),@]'
)
_OTHER = {
    "+": "-", "-": "+", "*": "/", "/": "*", "==": "!=", "sum": "max", "max": "sum", "min": "max", "avg": "max",
    "avg_over_time": "max_over_time", "sum_over_time": "max_over_time", "min_over_time": "max_over_time",
    "count_over_time": "sum_over_time", "floor": "ceil",
}  # fmt: skip
NOW = "[500ms]"
"""The range of a read of what this very evaluation wrote."""
_OWN = re.compile(rf"\{{topology={_STRING},?")
_SETS = ("and", "unless", "or")
_NAMES = re.compile(
    rf"\b(instance|host|counter|component|application|outlet|chassis|node_id|topology|budget)(=~?){_STRING}"
)


@dataclass(frozen=True)
class Mutation:
    """One change. `place` names it in the same way in the rules of every topology."""

    kind: str
    place: str
    expr: str


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int
    depth: int


def mutations(expr: str) -> Iterator[Mutation]:
    """All mutations of an expression; changes that look alike are one."""
    text = " ".join(expr.split())
    tokens = _tokens(text)
    if NOW in text:
        yield Mutation("reads what was", "", text.replace(NOW, "[5m]"))
    if _OWN.search(text):
        yield Mutation("reads any topology", "", _OWN.sub("{", text))
    seen = set()
    for kind, start, end, new in _edits(tokens):
        before, old, after = (
            _mask(part) for part in (text[max(0, start - 250) : start], text[start:end], text[end:][:250])
        )
        place = f"{before[-40:]}«{old[:60]}»{after[:40]}"
        if (kind, place) not in seen:
            seen.add((kind, place))
            yield Mutation(kind, place, text[:start] + new + text[end:])


def _mask(text: str) -> str:
    """The text without the strings and the numbers in which topologies differ."""
    return re.sub(rf"{_STRING}|\b[\d.]+(ms|s|m|h)?\b", "_", text)


def _tokens(text: str) -> list[_Token]:
    tokens, depth = [], 0
    for match in _TOKEN.finditer(text):
        depth -= match[0] == ")"
        tokens.append(_Token(match[0], match.start(), match.end(), depth))
        depth += match[0] == "("
    return tokens


_Edits = Iterator[tuple[str, int, int, str]]


def _edits(tokens: Sequence[_Token]) -> _Edits:
    """Each edit as its kind, the span that it replaces, and with which text."""
    for at, token in enumerate(tokens):
        text = token.text
        if text in _SETS:
            yield from _set(tokens, at)
        elif text in _OTHER and not _sign(tokens, at):
            yield f"{text} becomes {_OTHER[text]}", token.start, token.end, _OTHER[text]
        elif text in {">", ">=", "<"}:
            yield from _comparison(tokens, at)
        elif text in {"clamp_min", "clamp_max"}:
            comma, end = _arguments(tokens, at)
            yield f"no {text}", token.start, tokens[end].end, f"({_span(tokens, at + 2, comma)})"
        elif text in {"by", "on", "ignoring", "without"}:
            yield from _labels(tokens, at)
        elif text.startswith("{"):
            yield from _matchers(token)
        elif text.startswith("["):
            yield from _range(token)
        elif text == "offset":
            yield "no offset", token.start, _after_offset(tokens, at).end, ""


def _sign(tokens: Sequence[_Token], at: int) -> bool:
    """Whether a minus belongs to a number, or a name to something else than a function."""
    if tokens[at].text in {"+", "-"}:
        return at == 0 or tokens[at - 1].text in {"(", ",", "offset", *_OTHER}
    if tokens[at].text in {"*", "/", "=="}:
        return False
    return at + 1 == len(tokens) or tokens[at + 1].text not in {"(", "by", "without"}


def _set(tokens: Sequence[_Token], at: int) -> _Edits:
    """One side of a set operator gone; `or` binds less than the others, and a comma ends it."""
    token = tokens[at]
    loose = token.text == "or"
    ends = {"or", ","} if loose else {*_SETS, ","}

    def ends_here(each: _Token) -> bool:
        return each.depth < token.depth or (each.depth == token.depth and each.text in ends)

    right = next((each for each in tokens[at + 1 :] if ends_here(each)), None)
    yield f"no {token.text} ...", token.start, right.start if right else tokens[-1].end, ""
    if loose:
        opening = (each for each in reversed(tokens[:at]) if _opens(each, token.depth) or ends_here(each))
        left = next(opening, None)
        yield "no ... or", left.end if left else 0, token.end, " "


def _opens(token: _Token, depth: int) -> bool:
    return token.text == "(" and token.depth == depth - 1


def _comparison(tokens: Sequence[_Token], at: int) -> _Edits:
    token, number = tokens[at], tokens[at + 1]
    if re.fullmatch(r"[\d.e+-]+|Inf", number.text):
        yield "no threshold", token.start, number.end, ""
        if number.text == "0.5":
            for other in ("0.4", "0.6"):
                yield f"threshold {other}", number.start, number.end, other
    else:
        yield f"{token.text} the other way", token.start, token.end, {">": "<", ">=": "<", "<": ">"}[token.text]


def _arguments(tokens: Sequence[_Token], at: int) -> tuple[int, int]:
    """The last comma of a call, and its closing parenthesis."""
    depth = tokens[at].depth
    end = next(
        index for index in range(at + 2, len(tokens)) if tokens[index].depth == depth and tokens[index].text == ")"
    )
    comma = max(index for index in range(at, end) if tokens[index].text == "," and tokens[index].depth == depth + 1)
    return comma, end


def _span(tokens: Sequence[_Token], start: int, end: int) -> str:
    # The text between tokens is white space, as far as PromQL goes.
    return " ".join(token.text for token in tokens[start:end])


def _labels(tokens: Sequence[_Token], at: int) -> _Edits:
    """A list of labels without one of them."""
    end = next(index for index in range(at + 1, len(tokens)) if tokens[index].text == ")")
    names = [token.text for token in tokens[at + 2 : end] if token.text != ","]
    for name in names if len(names) > 1 else []:
        kept = ", ".join(other for other in names if other != name)
        yield f"{tokens[at].text} without {name}", tokens[at + 1].start, tokens[end].end, f"({kept})"


def _matchers(token: _Token) -> _Edits:
    matchers = re.findall(rf"[\w]+(?:=~|!~|!=|=){_STRING}", token.text)
    for matcher in matchers:
        if matcher.startswith("topology="):
            continue
        kept = ",".join(other for other in matchers if other != matcher)
        name = _NAMES.sub(r"\1\2_", matcher)
        yield f"no {name}", token.start, token.end, f"{{{kept}}}"


def _range(token: _Token) -> _Edits:
    match = re.fullmatch(r"\[(\d+)(ms|s|m|h)(:.*)?\]", token.text)
    if match is None or token.text == NOW:
        return
    number, unit, step = int(match[1]), match[2], match[3] or ""
    milliseconds = number * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}[unit]
    yield "range halved", token.start, token.end, f"[{milliseconds // 2}ms{step}]"


def _after_offset(tokens: Sequence[_Token], at: int) -> _Token:
    return tokens[at + 2] if tokens[at + 1].text == "-" else tokens[at + 1]
