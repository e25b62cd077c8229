"""Cedar text told apart for colouring – comments, strings, annotations, keywords, entities – and its policies found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from console.tui.access.paragraphs import Paragraph
from console.tui.text import plain

KEYWORDS = frozenset(
    {
        *("permit", "forbid", "when", "unless", "principal", "action", "resource", "context"),
        *("in", "is", "has", "like", "if", "then", "else", "true", "false"),
    }
)
TONES = {
    "comment": "muted",
    "string": "wait",
    "annotation": "busy",
    "keyword": "title",
    "entity": "good",
    "number": "wait",
    "sign": "muted",
    "text": "text",
}
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*)
      | (?P<entity>[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*::"(?:[^"\\\n]|\\.)*")
      | (?P<string>"(?:[^"\\\n]|\\.)*"?)
      | (?P<annotation>@[A-Za-z_]\w*)
      | (?P<number>-?\d+)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<space>\s+)
      | (?P<sign>.)""",
    re.VERBOSE,
)
_ID = re.compile(r'^\s*@id\("([^"\\]*)"\)', re.MULTILINE)
HANG = 4


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of Cedar text; the kinds are those of `TONES`."""

    text: str
    kind: str


def tokens(text: str) -> Iterator[Token]:
    """The whole of `text`, stretch by stretch."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "text"
        if kind == "word":
            kind = "keyword" if match[0] in KEYWORDS else "text"
        yield Token(match[0], "text" if kind == "space" else kind)


def policy_ids(text: str) -> list[str]:
    """The ids of the policies of a file, in order."""
    return _ID.findall(text)


def cedar_lines(text: str) -> list[Paragraph]:
    """A line of the file each; the line of an `@id` means that policy."""
    rows: list[list[tuple[str, str]]] = [[]]
    for token in tokens(text.replace("\r\n", "\n").expandtabs(2)):
        for number, piece in enumerate(token.text.split("\n")):
            if number:
                rows.append([])
            if piece:
                rows[-1].append((plain(piece), TONES[token.kind]))
    return [_paragraph(row) for row in rows]


def _paragraph(row: list[tuple[str, str]]) -> Paragraph:
    line = "".join(text for text, _ in row)
    depth = len(line) - len(line.lstrip(" "))
    found = _ID.match(line)
    return Paragraph(tuple(row), 0, depth + HANG, found[1] if found else "")
