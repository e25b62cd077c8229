"""What each stretch of SQL text is, for an editor that colours it: line by line, so that typing never waits.

A line is told from its own text and from what is open where it begins (`Open`): a comment or a quotation of an earlier
line. `Highlighter` remembers what is open at the lines of a text; a change costs the lines that it changes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from warehouse.authorizer import FUNCTIONS
from warehouse.keywords import KEYWORDS
from warehouse.sql_text import pieces

MOST_CHARACTERS = 2_000  # of one line that are told apart: no screen shows more, and a pasted line may have a million
REMEMBERED_LINES = 2_000

SpanKind = Literal[
    "keyword", "function", "table", "column", "string", "number", "comment", "parameter", "operator", "error"
]


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch, from `start` to `end`. Names that are not known have none."""

    start: int
    end: int
    kind: SpanKind


class Open(Enum):
    """What has begun and not ended where a line begins."""

    NOTHING = ""
    COMMENT = "/*"
    STRING = "'"
    DOUBLE = '"'
    BACKTICK = "`"
    BRACKET = "["


_ENDS = {
    Open.COMMENT: re.compile(r"(?s:.*?)\*/"),
    Open.STRING: re.compile(r"(?>[^']*(?:''[^']*)*)'"),
    Open.DOUBLE: re.compile(r'(?>[^"]*(?:""[^"]*)*)"'),
    Open.BACKTICK: re.compile(r"(?>[^`]*(?:``[^`]*)*)`"),
    Open.BRACKET: re.compile(r"[^\]]*\]"),
}
_BEGINNING = re.compile(r"--|/\*|['\"`\[]")


def spans(text: str, tables: Collection[str], columns: Collection[str]) -> list[Span]:
    """The stretches of a whole text in order, none over another. Never raises."""
    highlighter = Highlighter(tables, columns)
    highlighter.set_lines(text.split("\n"))
    found, at = [], 0
    for index, line in enumerate(highlighter.lines):
        found += [Span(at + span.start, at + span.end, span.kind) for span in highlighter.line(index)]
        at += len(line) + 1
    return found


class Highlighter:
    """The lines of one text and what they hold; for one thread. Names are compared without regard to case."""

    def __init__(self, tables: Collection[str] = (), columns: Collection[str] = ()) -> None:
        self.lines: list[str] = []
        self._open: list[Open] = []  # at the beginning of the first lines: as far as somebody looked
        self._told: OrderedDict[tuple[str, Open], list[Span]] = OrderedDict()
        self.set_names(tables, columns)

    def set_names(self, tables: Collection[str], columns: Collection[str]) -> None:
        """Know these names from now on."""
        self._tables = frozenset(name.lower() for name in tables)
        self._columns = frozenset(name.lower() for name in columns)
        self._told.clear()

    def set_lines(self, lines: Sequence[str]) -> None:
        """Take another text."""
        self.lines = list(lines)
        self._open = [Open.NOTHING]

    def change(self, first: int, removed: int, lines: Sequence[str]) -> bool:
        """Put `lines` in the place of `removed` lines from `first` on.

        Returns whether lines after them look different now too, as when a comment was begun.
        """
        after = self._open[first + removed] if first + removed < len(self._open) else None
        self.lines[first : first + removed] = lines
        if first >= len(self._open):
            return False
        new = [self._open[first]]
        for line in lines:
            new.append(open_after(line, new[-1]))
        if after is new[-1]:
            self._open[first : first + removed + 1] = new
            return False
        self._open[first:] = new
        return after is not None

    def line(self, index: int) -> list[Span]:
        """The spans of one line, their offsets counted from its beginning."""
        while len(self._open) <= index:
            self._open.append(open_after(self.lines[len(self._open) - 1], self._open[-1]))
        key = (self.lines[index], self._open[index])
        if (known := self._told.get(key)) is not None:
            self._told.move_to_end(key)
            return known
        found = self._told[key] = line_spans(*key, self._tables, self._columns)
        if len(self._told) > REMEMBERED_LINES:
            self._told.popitem(last=False)
        return found


def open_after(line: str, opened: Open) -> Open:
    """What is open at the end of a line in whose beginning `opened` was."""
    at = 0
    while True:
        if opened is not Open.NOTHING:
            if (end := _ENDS[opened].match(line, at)) is None:
                return opened
            at = end.end()
        if (begin := _BEGINNING.search(line, at)) is None or begin.group() == "--":
            return Open.NOTHING
        opened, at = Open(begin.group()), begin.end()


def line_spans(line: str, opened: Open, tables: Collection[str], columns: Collection[str]) -> list[Span]:
    """The spans of one line in whose beginning `opened` was; `tables` and `columns` in lower case."""
    line = line[:MOST_CHARACTERS]
    found: list[Span] = []
    at = 0
    if opened is not Open.NOTHING:
        closed = _ENDS[opened].match(line)
        at = closed.end() if closed else len(line)
        if at:
            found.append(Span(0, at, "comment" if opened is Open.COMMENT else "string"))
    rest, dotted = line[at:], False
    for kind, start, end in pieces(rest):
        told = _told(rest, kind, start, end, dotted, tables, columns)
        if told is not None:
            found.append(Span(at + start, at + end, told))
        dotted = rest[start:end] == "." if kind != "space" else dotted
    return found


def _told(
    line: str, kind: str, start: int, end: int, dotted: bool, tables: Collection[str], columns: Collection[str]
) -> SpanKind | None:
    match kind:
        case "space":
            return None
        case "string" | "unfinished":
            return "string"
        case "quoted":
            name = line[start + 1 : end - 1].lower()
            return "table" if name in tables else "column" if name in columns else "string"
        case "other":
            return "error"
        case "word":
            return _word(line[start:end].lower(), line[end:].lstrip()[:1] == "(", dotted, tables, columns)
    return kind  # type: ignore[return-value]  # comment, number, parameter and operator are called the same


def _word(name: str, called: bool, dotted: bool, tables: Collection[str], columns: Collection[str]) -> SpanKind | None:
    if dotted and name in columns:
        return "column"
    if called and (name in FUNCTIONS or name not in KEYWORDS) and name not in tables:
        return "function"
    if name in KEYWORDS:
        return "keyword"
    if name in tables:
        return "table"
    return "column" if name in columns else None
