"""The statements of an editor's text: where each begins and ends, and which one the cursor is in.

It takes text as it is while somebody types: what has no end yet ends with the text. It judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# One stretch: code, a comment, or a quotation with its end. Everything is possessive: a place is looked at once.
_CLOSED = r"""[^-/'"`\[;]++|-(?!-)|/(?!\*)|--[^\n]*+\n|/\*(?>(?s:.*?)\*/)
  |'[^']*+(?:''[^']*+)*+'|"[^"]*+(?:""[^"]*+)*+"|`[^`]*+(?:``[^`]*+)*+`|\[[^\]]*+\]"""
_UNENDED = r"--[^\n]*+\Z|/\*(?s:.*+)|['\"`\[](?s:.*+)"
_STATEMENT = re.compile(rf"(?:{_CLOSED}|{_UNENDED})*+", re.VERBOSE)
_STRETCHES = re.compile(rf"(?:{_CLOSED}){{1,60}}+", re.VERBOSE)
_BLANK = re.compile(r"(?:\s++|--[^\n]*+|/\*(?>(?s:.*?)(?:\*/|\Z)))*+")
_REMARK = re.compile(r"[ \t]*--[^\n]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` is what stands from `start` to `end` of the whole: with the comments around it, without its semicolon."""

    start: int
    end: int
    text: str


def split(text: str) -> list[Statement]:
    """The statements of `text` in order; what holds nothing but space and comments is none."""
    return list(_statements(text))


def at(text: str, offset: int) -> Statement | None:
    """The statement under a cursor before the character at `offset`; None if there is none at all.

    Between two, it is the one that shares the cursor's line, the earlier before the later; else the earlier.
    """
    before: Statement | None = None
    for statement in _statements(text):
        if statement.end < offset:
            before = statement
        elif statement.start <= offset or before is None or _shares_line(text, offset, before, statement):
            return statement
        else:
            break
    return before


def around(text: str, offset: int, reach: int) -> tuple[int, int] | None:
    """From where to where to read for a cursor at `offset`: its statement, at most about `reach` characters each way.

    None where the cursor stands within a string, a quoted name or a comment.
    """
    begin, safe = 0, 0
    while safe < offset:
        if text[safe] == ";":
            begin = safe = safe + 1
            continue
        stretches = _STRETCHES.match(text, safe, offset)
        if stretches is None:
            return None  # what begins here goes on beyond the cursor
        if safe <= offset - reach:
            begin = safe
        safe = stretches.end()
    rest = _STATEMENT.match(text, offset, min(len(text), offset + reach))
    return begin, rest.end() if rest else offset


def _statements(text: str) -> Iterator[Statement]:
    at = 0
    while at < len(text):
        found = _STATEMENT.match(text, at)
        end = found.end() if found else len(text)
        blank = _BLANK.match(text, at, end)
        is_one = blank is None or blank.end() < end
        if is_one:
            yield _trimmed(text, at, end)
        # A remark behind the semicolon, in its line, is about what ended there.
        remark = _REMARK.match(text, end + 1) if is_one else None
        at = remark.end() if remark else end + 1


def _shares_line(text: str, offset: int, before: Statement, after: Statement) -> bool:
    """Whether the cursor stands in the line of what comes after, and not in that of what came before."""
    return "\n" in text[before.end : offset] and "\n" not in text[offset : after.start]


def _trimmed(text: str, start: int, end: int) -> Statement:
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    body = part.strip()
    return Statement(start, start + len(body), body)
