"""Laying out SQL for reading: the same tokens and comments in the same order, other spaces and lines between them.

Nothing is rewritten but the case of keywords: an expression without an alias names a column of the result, so another
spelling of it would be another result, and what one function is called is another function elsewhere.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from warehouse.errors import QueryRefused
from warehouse.sql_errors import in_words
from warehouse.sql_layout import Layout, spaced, with_keywords
from warehouse.sql_text import MAX_CHARACTERS, SKIPPED, Token, one_select, pieces, tokens, where
from warehouse.statements import split

_NOT_PARSED = ('near "', "incomplete input", "unrecognized token", "parser stack overflow", "too deep", "too large")


def formatted(text: str) -> str:
    """`text`, one statement or several, laid out; laying it out again changes nothing.

    Raises `QueryRefused`, pointing at the place, where a statement is not one SELECT.
    """
    if len(text) > MAX_CHARACTERS:
        raise QueryRefused(f"the text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are laid out")
    with closing(sqlite3.connect(":memory:")) as parser:
        for statement in split(text):
            _check(parser, text, statement.start, statement.text)
    found = tokens(text)
    written = with_keywords(found)
    result = _print(text, written, _breaks(written))
    if tokens(result) != [
        token._replace(start=again.start) for token, again in zip(written, tokens(result), strict=True)
    ]:
        raise QueryRefused("the text cannot be laid out without changing it; it stays as it is")
    return result


def _check(parser: sqlite3.Connection, text: str, start: int, statement: str) -> None:
    try:
        one_select(statement)
        if said := _parser_says(parser, statement):
            raise in_words(statement, sqlite3.OperationalError(said), "", lambda part: _parser_says(parser, part))
    except QueryRefused as error:
        if error.position is None:
            raise
        before, after = where(statement, error.position), where(text, start + error.position)
        raise QueryRefused(str(error).replace(before, after), position=start + error.position) from None


def _parser_says(parser: sqlite3.Connection, statement: str) -> str:
    """What SQLite does not understand, empty if it does; what the names stand for does not matter."""
    try:
        parser.execute("EXPLAIN " + statement)
    except (sqlite3.Error, sqlite3.Warning) as error:
        return str(error) if any(sign in str(error) for sign in _NOT_PARSED) else ""
    return ""


def _breaks(found: list[Token]) -> dict[int, int]:
    """Before which tokens a line begins, and how far it is indented."""
    layout = Layout(found)
    begin = 0
    for index, token in enumerate(found):
        if token.text == ";":
            layout.statement(begin, index)
            begin = index + 1
    layout.statement(begin, len(found))
    return layout.breaks


def _print(text: str, found: list[Token], breaks: dict[int, int]) -> str:
    """The tokens and, between them, the comments, each in a line of its own where it began one."""
    printer = _Printer()
    remarks = _comments(text, found)
    for index, token in enumerate(found):
        begins = index in breaks and index > 0 and found[index - 1].text == ";"
        printer.comments(remarks.get(index, []), breaks.get(index), apart=begins)
        printer.token(token.text, breaks.get(index), gap=index > 0 and spaced(found, index), apart=begins)
    printer.comments(remarks.get(len(found), []), None, apart=False)
    return printer.text()


def _comments(text: str, found: list[Token]) -> dict[int, list[tuple[str, bool]]]:
    """Before each token, by index: the comments there, and whether each begins a line."""
    remarks: dict[int, list[tuple[str, bool]]] = {}
    index, fresh = 0, True
    for kind, start, end in pieces(text):
        if kind == "comment":
            remarks.setdefault(index, []).append((text[start:end].rstrip(), fresh))
        elif kind == "space":
            fresh = fresh or "\n" in text[start:end]
        if kind not in SKIPPED:
            index += 1
            fresh = False
    assert index == len(found)
    return remarks


class _Printer:
    """Lines in the making. `apart` asks for an empty line before what comes, if that begins a line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._indent = 0  # of the line that was begun last, for what it is continued with
        self._owed = False  # whether what comes next begins a line, as behind a `--` comment
        self._apart = False  # whether there was an empty line since the last token

    def token(self, text: str, indent: int | None, *, gap: bool, apart: bool) -> None:
        if indent is not None:
            self._begin(indent, apart=apart)
            self._indent = indent
        elif self._owed:
            self._begin(self._indent + 4, apart=False)
        elif gap and self._line.strip():
            self._line += " "
        self._line += text
        self._owed = self._apart = False

    def comments(self, found: list[tuple[str, bool]], indent: int | None, *, apart: bool) -> None:
        for comment, fresh in found:
            if fresh:
                self._begin(self._indent if indent is None else indent, apart=apart)
                self._owed = True
            else:
                self._line += " " if self._line.strip() else ""
                self._owed = self._owed or comment.startswith("--") or "\n" in comment
            self._line += comment

    def text(self) -> str:
        return "\n".join([*self._lines, self._line.rstrip()])

    def _begin(self, indent: int, *, apart: bool) -> None:
        if self._line.strip():
            self._lines.append(self._line.rstrip())
        if apart and not self._apart and self._lines:
            self._lines.append("")
            self._apart = True
        self._line = " " * indent
