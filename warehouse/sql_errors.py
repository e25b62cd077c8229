"""What SQLite says about a query of a user, told in one line that points at the place."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

from warehouse.errors import QueryRefused, QueryStopped
from warehouse.keywords import meant_word
from warehouse.limits import SQLITE_LIMITS
from warehouse.models import AGGREGATES, DIMENSIONS, FACT
from warehouse.printf import LARGEST, MAX_CHARACTERS, NAMES, problem_of
from warehouse.sql_text import Token, shown, tokens, where

MAX_PLACES_TRIED = 200
MOST_NAME = 100  # characters of a name in a message
DATABASES = {"warehouse": "the warehouse", "weather": "the weather readings"}
_TABLES_OF = {"warehouse": (FACT, *DIMENSIONS, *AGGREGATES), "weather": ("Weather_Readings",)}
DEEP = 20  # parentheses, one within another: the place that is too deep
_LIKE = 0.6  # of difflib's 0 to 1

_NEAR = re.compile(r'near "(.*)": (.*)', re.DOTALL)
_NO_SUCH = re.compile(r"no such (column|table|function): (.+)|ambiguous column name: (.+)")
_NOT_BOUND = re.compile(r"binding parameter :?(\w+)\.|Binding \d+ has no name")
_CALLED = re.compile(r"\b(\w+)\(\)")
_JOINTS = ("union", "intersect", "except")
_LENGTHENING = (
    "replace", "group_concat", "printf", "format", "hex", "quote", "char", "concat", "json_group_array",
    "json_group_object", "json_array", "json_object",
)  # fmt: skip
_TOO_BIG = (
    "too big",
    "too large",
    "too many",
    "too deep",
    "overflow",
    "pattern too complex",
    "too much data",
    "at most",
)


@dataclass(frozen=True, slots=True)
class Names:
    """What a query may name: the database, its tables and their columns, as they are written there."""

    database: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]


def in_words(
    text: str,
    error: Exception,
    denied: str,
    parses: Callable[[str], str],
    names: Callable[[], Names] | None = None,
) -> QueryRefused | QueryStopped:
    """The error to raise for what SQLite said; `denied` is the authorizer's reason, `parses` asks SQLite's parser.

    With `names`, a name that is not there is told with the one that is most like it.
    """
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
        meant = meant_word(near[1]) or meant_word(_word_before(text, position))
        return _refused(f"{near[2]}: {shown(near[1])} is not expected there", text, position, meant)
    if missing := _NO_SUCH.match(said):
        name = missing[2] or missing[3]
        kind = f"there is no {missing[1]}" if missing[1] else "more than one table has a column"
        elsewhere, meant = _instead(text, missing[1], name, names()) if names else ("", "")
        return _refused(
            f"{kind} {name if len(name) <= MOST_NAME else name[:MOST_NAME] + '…'}{elsewhere}",
            text,
            _position_of(text, name),
            meant,
        )
    if unbound := _NOT_BOUND.search(said):
        return unbound_refused(text, unbound[1])
    if "incomplete input" in said:
        return _refused("the query ends too early", text, len(text))
    if "user-defined function raised" in said and (call := _failed_printf(text)):
        name, reason, position = call
        return _refused(f"{name} cannot be carried out: {reason}", text, position)
    if any(sign in said for sign in _TOO_BIG):
        words, position = _limit_met(text, said)
        return _refused(f"the query asks for more than is permitted: {words}", text, position)
    called = _CALLED.search(said)
    return _refused(f"the query cannot be carried out: {said}", text, _position_of(text, called[1]) if called else None)


def _failed_printf(text: str) -> tuple[str, str, int] | None:
    """The call of printf or format that failed: its name, why, and where it is; None where there is none."""
    found = _tokens(text)
    calls = [index for index, token in enumerate(found[:-2]) if token.name in NAMES and found[index + 1].text == "("]
    for index in calls:
        template = found[index + 2]
        if template.kind == "string" and (reason := problem_of(template.text[1:-1].replace("''", "'"))):
            return found[index].name, reason, found[index].start
    if not calls:
        return None
    first = found[calls[0]]
    return first.name, f"a field is not known, or the text has more than {MAX_CHARACTERS:,} characters", first.start


def _limit_met(text: str, said: str) -> tuple[str, int | None]:
    """Which limit a query met, in words, and the place that met it, where one is likely."""
    found = _tokens(text)
    if "string or blob too big" in said:
        maker = _maker(found)
        by = f", made by {maker.text}" if maker else ""
        longest = SQLITE_LIMITS[sqlite3.SQLITE_LIMIT_LENGTH]
        return f"a text or blob too big, of over {longest:,} bytes{by}", maker.start if maker else None
    if "stack overflow" in said or "tree is too large" in said or "too deep" in said:
        levels = SQLITE_LIMITS[sqlite3.SQLITE_LIMIT_EXPR_DEPTH]
        return f"an expression may have {levels} levels, and one is nested too deep", _deepest(found)
    if "pattern too complex" in said:
        longest = SQLITE_LIMITS[sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH]
        return f"a pattern of more than {longest:,} bytes", _only(found, ("like", "glob"))
    if "compound SELECT" in said:
        most = SQLITE_LIMITS[sqlite3.SQLITE_LIMIT_COMPOUND_SELECT]
        joints = [token.start for token in found if token.kind == "word" and token.name in _JOINTS]
        return f"more than {most} SELECTs in one", joints[most - 1] if len(joints) >= most else None
    if "integer overflow" in said:
        likely = _only(found, ("sum", "abs"))
        return f"a whole number beyond {LARGEST:,} (multiply by 1.0 for one with a fraction)", likely
    if "too many columns" in said:
        return f"more than {SQLITE_LIMITS[sqlite3.SQLITE_LIMIT_COLUMN]} columns", None
    if many := re.search(r"too many arguments on function (\w+)", said):
        return many[0], _position_of(text, many[1])
    return said, None


def _maker(found: Sequence[Token]) -> Token | None:
    """What makes a text long: the one function or operator of the query that can, blobs of a given size first."""
    calls = [token for token, following in pairwise(found) if following.text == "("]
    for names in (("zeroblob", "randomblob"), _LENGTHENING):
        likely = [token for token in calls if token.kind == "word" and token.name in names]
        if len(likely) == 1:
            return likely[0]
        if likely:
            return likely[0] if names != _LENGTHENING else None
    return next((token for token in found if token.text == "||"), None)


def _deepest(found: Sequence[Token]) -> int | None:
    """Where the parentheses are deepest, if they are deep."""
    depth, most, position = 0, DEEP, None
    for token in found:
        depth += (token.text == "(") - (token.text == ")")
        if depth > most:
            most, position = depth, token.start
    return position


def _only(found: Sequence[Token], names: Sequence[str]) -> int | None:
    likely = [token.start for token in found if token.kind == "word" and token.name in names]
    return likely[0] if len(likely) == 1 else None


def _instead(text: str, kind: str | None, name: str, names: Names) -> tuple[str, str]:
    """What to say of a name that is not there: in which database it is not, and what may have been meant."""
    bare = name.rpartition(".")[2].strip("\"'`[]")
    if kind == "table":
        for database, tables in _TABLES_OF.items():
            if database != names.database and bare.lower() in map(str.lower, tables):
                there = DATABASES[database]
                return f" in {DATABASES.get(names.database, names.database)}", f"; it is in {there}"
    if kind == "column" and bare.lower() in map(str.lower, names.columns):
        if not any(token.kind == "word" and token.name == "from" for token in _tokens(text)):
            return "", "; the query has no FROM: name the table there"
        return "", f"; no {name.rpartition('.')[0][:MOST_NAME] or 'table'} in FROM has one of that name"
    known = {"table": names.tables, "column": names.columns}.get(kind or "", ())
    likely = _alike(bare, known)
    return "", f"; did you mean {likely[0]}?" if likely else ""


def _alike(written: str, known: Sequence[str]) -> list[str]:
    """The name that is most like what is written, with and without the ending that tables have."""
    if len(written) > MOST_NAME:
        return []
    whole = {name.lower(): name for name in reversed(known)}
    short = {name.lower().removesuffix("_table"): name for name in reversed(known)} | whole
    return [short[found] for found in get_close_matches(written.lower(), list(short), n=1, cutoff=_LIKE)]


def unbound_refused(text: str, name: str | None) -> QueryRefused:
    """The error of a query with a parameter, None for one without a name: only a question is given values."""
    asked = (
        token
        for token in _tokens(text)
        if token.kind == "parameter" and (token.text[0] == "?" if name is None else token.text[1:] == name)
    )
    token = next(asked, None)
    written = token.text[:MOST_NAME] if token else f":{name or 'name'}"
    given = "" if written[:1] != "?" else f", as :name in place of {written},"
    return _refused(
        f"the statement asks for {written}",
        text,
        token.start if token else None,
        f": save it{given} as a question (Ctrl+S in the console, or a .sql file in questions/) and give the value "
        "there, or write the value",
    )


def _refused(message: str, text: str, position: int | None, advice: str = "") -> QueryRefused:
    place = where(text, position) if position is not None else ""
    return QueryRefused(f"{message}{place}{advice}", position=position)


def _first_wrong(text: str, near: str, said: str, parses: Callable[[str], str]) -> int | None:
    """The offset of the token that the parser stumbled over: the first that makes a prefix fail in the same way."""
    candidates = [token for token in _tokens(text) if token.text == near or token.text.startswith(near)]
    if len(candidates) <= 1 or len(candidates) > MAX_PLACES_TRIED:
        return candidates[0].start if candidates else None
    return next((token.start for token in candidates if parses(text[: token.end]) == said), candidates[0].start)


def _word_before(text: str, position: int | None) -> str:
    """The word before a place: a mistyped keyword passes for an alias, and what follows it is not understood."""
    before = [token for token in _tokens(text) if position is not None and token.start < position]
    return before[-1].text if before and before[-1].kind == "word" else ""


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
