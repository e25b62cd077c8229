"""What SQLite says about a query of a user, told in one line that points at the place."""

from __future__ import annotations

import re
from collections.abc import Callable

from warehouse.errors import QueryRefused, QueryStopped
from warehouse.sql_text import Token, shown, tokens, where

DAMAGED = ("malformed", "not a database", "disk image")
MAX_PLACES_TRIED = 200

_NEAR = re.compile(r'near "(.*)": (.*)', re.DOTALL)
_NO_SUCH = re.compile(r"no such (column|table|function): (.+)|ambiguous column name: (.+)")
_TOO_BIG = ("too big", "too large", "too many", "too deep", "overflow", "pattern too complex", "too much data")


def in_words(text: str, error: Exception, denied: str, parses: Callable[[str], str]) -> QueryRefused | QueryStopped:
    """The error to raise for what SQLite said; `denied` is the authorizer's reason, `parses` asks SQLite's parser."""
    said = str(error)
    if '"LIMIT"' in said:
        said = parses(text) or said  # the limit that was put behind the text is not what its writer got wrong
    if denied and ("not authorized" in said or "prohibited" in said):
        return QueryRefused(f"not permitted: {denied}{_place_of_name(text, denied)}")
    if "full" in said and "disk" in said:
        return QueryStopped("the result needs more room on the disk than there is for one; narrow the query")
    if "cannot modify" in said or "readonly database" in said:
        return QueryRefused("not permitted: only reading is permitted, and this writes")
    if near := _NEAR.match(said):
        position = _first_wrong(text, near[1], said, parses)
        return _refused(f"{near[2]}: {shown(near[1])} is not expected there", text, position)
    if missing := _NO_SUCH.match(said):
        name = missing[2] or missing[3]
        kind = f"there is no {missing[1]}" if missing[1] else "more than one table has a column"
        return _refused(f"{kind} {name}", text, _position_of(text, name))
    if "incomplete input" in said:
        return _refused("the query ends too early", text, len(text))
    if any(sign in said for sign in _TOO_BIG):
        return QueryRefused(f"the query asks for more than is permitted: {said}")
    return QueryRefused(f"the query cannot be carried out: {said}")


def _refused(message: str, text: str, position: int | None) -> QueryRefused:
    return QueryRefused(message + (where(text, position) if position is not None else ""), position=position)


def _first_wrong(text: str, near: str, said: str, parses: Callable[[str], str]) -> int | None:
    """The offset of the token that the parser stumbled over: the first that makes a prefix fail in the same way."""
    candidates = [token for token in _tokens(text) if token.text == near or token.text.startswith(near)]
    if len(candidates) <= 1 or len(candidates) > MAX_PLACES_TRIED:
        return candidates[0].start if candidates else None
    return next((token.start for token in candidates if parses(text[: token.end]) == said), candidates[0].start)


def _position_of(text: str, name: str) -> int | None:
    wanted = name.rpartition(".")[2].strip("\"'`[]").lower()
    return next((token.start for token in _tokens(text) if token.name == wanted), None)


def _place_of_name(text: str, reason: str) -> str:
    """Where the table or function that the reason names stands in the text."""
    for word in re.findall(r"[a-z_][a-z_0-9]+", reason):
        if len(word) > 4 and (position := _position_of(text, word)) is not None:
            return where(text, position)
    return ""


def _tokens(text: str) -> list[Token]:
    try:
        return tokens(text)
    except QueryRefused:
        return []
