"""Reading SQL text as tokens: enough to tell one SELECT from anything else and to point at a place in it.

It decides nothing about rights, which the authorizer does on what SQLite really understood; it gives early, clear
refusals and the offsets that messages point at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from warehouse.errors import QueryRefused
from warehouse.keywords import meant_word
from warehouse.models import Cell

MAX_CHARACTERS = 100_000
REMEMBERED_CHARACTERS = 5_000  # up to which a text is remembered once it was read
READING = ("SELECT", "WITH", "VALUES")

# A quotation that does not end takes the rest of the text; the atomic groups keep a doubled quote from being torn.
_PIECE = re.compile(
    r"""(?P<space>[ \t\r\n\f]+)
      | (?P<word>(?![xX]')[^\W\d][\w$]*)
      | (?P<comment>--[^\n]*|/\*(?s:.*?)(?:\*/|\Z))
      | (?P<string>[xX]?'(?>[^']*(?:''[^']*)*)')
      | (?P<quoted>"(?>[^"]*(?:""[^"]*)*)"|`(?>[^`]*(?:``[^`]*)*)`|\[[^\]]*\])
      | (?P<unfinished>(?:[xX]?'|["`\[])(?s:.*))
      | (?P<number>0[xX][0-9A-Fa-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<parameter>[:@$][A-Za-z_]\w*|\?\d*)
      | (?P<operator>\|\||<<|>>|<=|>=|<>|!=|==|->>|->|[-+*/%&|~<>=(),.;])
      | (?P<other>(?s:.))""",
    re.VERBOSE,
)
SKIPPED = ("space", "comment")
UNREADABLE = (*SKIPPED, "unfinished", "other")


class Piece(NamedTuple):
    """A stretch of text: a token's kind, or space, comment, unfinished (a quotation without its end) or other."""

    kind: str
    start: int
    end: int


class Token(NamedTuple):
    """One token; `kind` is string, quoted, number, parameter, word or operator, `start` its offset in the text.

    `name` is what it names, without its quotes and in lower case: it is asked for far oftener than made.
    """

    kind: str
    text: str
    start: int
    name: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def bare(self) -> str:
        """What the token names, without its quotes."""
        return _bare(self.kind, self.text)


def _bare(kind: str, text: str) -> str:
    return text[1:-1] if kind == "quoted" else text


def _token(kind: str, text: str, start: int) -> Token:
    return Token(kind, text, start, _bare(kind, text).lower())


def pieces(text: str) -> Iterator[Piece]:
    """All of `text`, stretch by stretch, without a gap; never raises."""
    for match in _PIECE.finditer(text):
        yield Piece(str(match.lastgroup), match.start(), match.end())


def readable_tokens(text: str, start: int = 0) -> list[Token]:
    """The tokens of text that is still being typed; what is none is left out. Offsets count from `start`."""
    return [
        _token(kind, match.group(), start + match.start())
        for match in _PIECE.finditer(text)
        if (kind := str(match.lastgroup)) not in UNREADABLE
    ]


def tokens(text: str) -> list[Token]:
    """The tokens of `text`, comments and spaces left out. Raises `QueryRefused` at what begins no token."""
    found = []
    for kind, start, end in pieces(text):
        if kind in ("unfinished", "other"):
            raise QueryRefused(f"{_unreadable(text[start:])}{where(text, start)}", position=start)
        if kind not in SKIPPED:
            found.append(_token(kind, text[start:end], start))
    return found


def one_select(text: str) -> tuple[str, list[Token]]:
    """The one SELECT that `text` is, without a final semicolon, and its tokens.

    Raises `QueryRefused` for anything else, pointing at the place.
    """
    if len(text) > REMEMBERED_CHARACTERS:
        return _one_select(text)
    sql, found = _remembered(text)
    return sql, list(found)


@lru_cache(maxsize=64)
def _remembered(text: str) -> tuple[str, tuple[Token, ...]]:
    """What is read of a text that several ask about, one after the other, until its first rows are shown."""
    sql, found = _one_select(text)
    return sql, tuple(found)


def _one_select(text: str) -> tuple[str, list[Token]]:
    if len(text) > MAX_CHARACTERS:
        raise QueryRefused(f"the query has {len(text):,} characters; at most {MAX_CHARACTERS:,} are taken")
    if (position := text.find("\0")) >= 0:
        raise QueryRefused(f"the query holds a NUL character{where(text, position)}", position=position)
    found = tokens(text)
    while found and found[-1].text == ";":
        found.pop()
    if not found:
        raise QueryRefused("there is no query: expected one SELECT")
    first = found[0]
    if first.text.upper() not in READING:
        raise QueryRefused(
            f"only one SELECT is permitted, found {shown(first.text)}{where(text, first.start)}"
            f"{meant_word(first.text, READING)}",
            position=first.start,
        )
    for token, following in pairwise(found):
        if token.text == ";":
            raise QueryRefused(
                f"only one statement is permitted; a second begins with {shown(following.text)}"
                f"{where(text, following.start)}",
                position=following.start,
            )
    return text[: found[-1].end], found


def at_most(text: str, found: list[Token], rows: int | None, offset: int = 0) -> str:
    """`text` with a limit on its rows, None for all: one that SQLite knows of lets it sort only what is wanted.

    Which rows `(SELECT … LIMIT 5)` gives is SQLite's choice, and another one where what is around it has no limit; so
    that is given one, and all rows are those of which the first were shown.
    """
    limit = f"\nLIMIT {-1 if rows is None else rows}" + (f" OFFSET {offset}" if offset else "")
    depth, limited_within = 0, False
    for token in found:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind == "word" and token.name in ("limit", "values"):
            return f"SELECT * FROM (\n{text}\n){limit}" if offset else text  # noqa: S608 - the user's own SELECT, which it stays
        limited_within |= token.kind == "word" and token.name == "limit"
    return text if rows is None and not limited_within else text + limit


def where(text: str, position: int) -> str:
    """` at line L, column C`, both counted from 1."""
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return f" at line {line}, column {column}"


def shown(text: str) -> str:
    """A token as a message may show it: short, quoted."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def split_at_commas(part: list[Token]) -> list[list[Token]]:
    """The items of a list, split at the commas outside of parentheses."""
    items: list[list[Token]] = [[]]
    depth = 0
    for token in part:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(token)
    return items


def listed_columns(found: list[Token]) -> list[list[Token]]:
    """The items between the first SELECT and its FROM, as tokens; the text must begin with that SELECT."""
    depth, begin, end = 0, 1, len(found)
    if begin < len(found) and found[begin].name in ("distinct", "all"):
        begin += 1
    for index, token in enumerate(found):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind == "word" and token.name == "from":
            end = index
            break
    return split_at_commas(found[begin:end])


def with_values(text: str, values: Mapping[str, Cell]) -> str:
    """`text` with its `:name` parameters as literals, so that it stands for itself."""
    parts, at = [], 0
    for token in tokens(text):
        if token.kind == "parameter" and token.text[1:] in values:
            parts += [text[at : token.start], literal(values[token.text[1:]])]
            at = token.end
    return "".join([*parts, text[at:]])


def literal(value: Cell) -> str:
    """A value as SQLite reads it in a statement."""
    if value is None or value != value:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    return repr(value)


def _unreadable(rest: str) -> str:
    character = rest[1] if rest[:2] in ("x'", "X'") else rest[0]
    if character in "'\"`[":
        return f"a quotation that begins with {character} does not end; it starts"
    return f"a character that SQL does not have, {character!r},"
