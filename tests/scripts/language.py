# SPDX-License-Identifier: Apache-2.0
"""The style of our English: a dozen rules, and where prose is found in Markdown, Python, YAML and C.

An exception is written into the line itself: `language: REASON`, in a comment of the file's own kind.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RULES = {
    re.compile(pattern, re.IGNORECASE): better
    for pattern, better in (
        (r"(?<!there )\b(is|are|was|were) no\b(?! (longer|more|less|better)\b)", "write `is not a`, `lacks` or a verb"),
        (r"\b(is|are|was|were) none\b", "write `does not exist` or name what is missing"),
        (r"\bwhose\b", "write `with`, `of the` or a second sentence"),
        (r"\bnobody\b(?!`)", "write `no user`, or name who does not"),
        (r"\blest\b", "write `so that ... not`"),
        (r"\bgainsay", "write `contradict`"),
        (r"\bnought\b|\bnaught\b", "write `0` or `nothing`"),
        (r"\bthereof\b|\bwherein\b|\bwhereof\b|\bwhither\b", "write `of it` or `in which`"),
        (r"(?:^|(?<=[.:] ))(?-i:What|Whose)\b(?![^.]*\?)", "start with the subject: name the thing"),
        (r"\bmust be a text\b|\bgives a text\b", "write `a string`"),
        (r"\bis no key\b", "write `unknown key 'x' (did you mean y?)`"),
        (r"\b(has|have|is) come back\b", "write `recovered`"),
        (r"\bstrangers'? words\b", "write `untrusted input`"),
    )
}
EXCEPTION = re.compile(r"language: \w+")


@dataclass(frozen=True)
class Finding:
    """A line that breaks a rule, and the better form."""

    path: Path
    line: int
    text: str
    better: str

    def __str__(self) -> str:
        """FILE:LINE: the text: the better form."""
        return f"{self.path}:{self.line}: {self.text.strip()[:100]!r}: {self.better}"


def findings(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Finding]:
    """The lines of prose of a file that break a rule, once for each rule."""
    for number, text in lines:
        if EXCEPTION.search(text):
            continue
        for rule, better in RULES.items():
            if rule.search(text):
                yield Finding(path, number, text, better)


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Markdown and plain text: the lines outside of code blocks, without code spans and markers."""
    code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            code = not code
        elif not code:
            yield number, re.sub(r"^[\s>#|*-]+|^\d+\. ", "", re.sub(r"`[^`]*`", "`", line))


def comments(text: str, mark: str = "#") -> Iterator[tuple[int, str]]:
    """YAML: the comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        _, marked, comment = line.partition(f"{mark} ")
        if marked:
            yield number, comment


def c_comments(text: str) -> Iterator[tuple[int, str]]:
    """C: the comments of both kinds."""
    for match in re.finditer(r"/\*(.*?)\*/|//([^\n]*)", text, re.DOTALL):
        first = text.count("\n", 0, match.start()) + 1
        for number, line in enumerate((match[1] or match[2] or "").splitlines(), start=first):
            yield number, line.strip(" \t*")


def messages(text: str) -> Iterator[tuple[int, str]]:
    """Python: the strings that are not docstrings: what a user may see."""
    return _strings(text, docstrings=False)


def inner(text: str) -> Iterator[tuple[int, str]]:
    """Python: docstrings and comments: what a developer reads."""
    yield from _strings(text, docstrings=True)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def _strings(text: str, *, docstrings: bool) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (id(node) in alone) == docstrings:
            for number, line in enumerate(node.value.splitlines(), start=node.lineno):
                yield number, line.strip()
