"""Where in a query the cursor stands: what is typed of the word, what fits there, and which tables can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from warehouse.keywords import KEYWORDS
from warehouse.query_scopes import Block, block_at, blocks
from warehouse.sql_text import Token, readable_tokens
from warehouse.statements import around

REACH = 2_000  # characters read before and behind the cursor
MOST_BEFORE = 200_000  # characters before the cursor up to which anything is offered

CLAUSES = frozenset(
    {"select", "from", "join", "on", "using", "where", "group", "having", "order", "limit", "offset", "values", "over"}
)
VALUE_WORDS = frozenset({"null", "end", "current_date", "current_time", "current_timestamp", "isnull", "notnull"})
ENDING_WORDS = frozenset({"asc", "desc", "first", "last"})


class Expected(Enum):
    """What fits at the cursor."""

    STATEMENT = "the beginning of a query"
    TABLE = "a table"
    COLUMN_OF = "a column of what stands before the dot"
    VALUE = "a column, a function or the like"
    JOIN_CONDITION = "how a table goes with those before it"
    COMMON_COLUMN = "a column that two tables have"
    AFTER_TABLE = "an alias, a join or the next clause"
    AFTER_VALUE = "an operator or the next clause"
    NOTHING = "a name that is new"


@dataclass(frozen=True, slots=True)
class Place:
    """The cursor's place. `start` is where the word before it begins, `prefix` that word as far as it is typed.

    `block` is the SELECT around it, `clause` that SELECT's last clause, `qualifier` the name before a dot.
    """

    start: int
    prefix: str
    expected: Expected
    block: Block | None
    clause: str
    qualifier: str
    shouting: bool  # whether keywords are written in capitals here


def place_of(text: str, offset: int) -> Place | None:
    """The place of a cursor; None within a string or comment, in a number, or very far into a text."""
    if offset > MOST_BEFORE or (region := around(text, offset, REACH)) is None:
        return None
    begin, end = region
    head = readable_tokens(text[begin:offset], begin)
    start, prefix = offset, ""
    if head and head[-1].end == offset and head[-1].kind in ("word", "number", "parameter"):
        if head[-1].kind != "word":
            return None
        last = head.pop()
        start, prefix = last.start, last.text
    tail = readable_tokens(text[offset:end], offset)
    if tail and tail[0].start == offset and tail[0].kind in ("word", "number"):
        del tail[0]  # the rest of the word that the cursor is in
    block = block_at(blocks([*head, *tail]), offset)
    clause = _clause(head, block)
    expected = _expected(head, block, clause)
    qualifier = head[-2].bare if expected is Expected.COLUMN_OF else ""
    return Place(start, prefix, expected, block, clause, qualifier, _shouting(head, prefix))


def _clause(head: list[Token], block: Block | None) -> str:
    """The last word before the cursor that begins a clause, within the SELECT and no parentheses that are closed."""
    begin = block.start if block else 0
    depth = 0
    for token in reversed(head):
        if token.start < begin:
            break
        depth += (token.text == ")") - (token.text == "(")
        if depth <= 0 and token.kind == "word" and token.name in CLAUSES:
            return token.name
    return ""


def _expected(head: list[Token], block: Block | None, clause: str) -> Expected:
    if not head:
        return Expected.STATEMENT
    last = head[-1]
    before = head[-2] if len(head) > 1 else None
    name = last.name if last.kind == "word" else last.text
    if name == "." and before is not None and before.kind in ("word", "quoted"):
        return Expected.COLUMN_OF
    if block is None or (name in ("all", "union", "except", "intersect") and clause != "select"):
        return Expected.STATEMENT if name in ("(", "all", "union", "except", "intersect") else Expected.NOTHING
    if name in ("from", "join") or (name == "," and clause in ("from", "join", "on")):
        return Expected.TABLE
    if name == "on":
        return Expected.JOIN_CONDITION
    if clause == "using" and name in ("(", ","):
        return Expected.COMMON_COLUMN
    if name in ("as", "with", "recursive", "limit", "offset"):
        return Expected.NOTHING
    if _ends_value(last, before):
        return Expected.AFTER_TABLE if clause in ("from", "join") else Expected.AFTER_VALUE
    return Expected.VALUE


def _ends_value(last: Token, before: Token | None) -> bool:
    if last.kind in ("quoted", "string", "number", "parameter") or last.text == ")":
        return True
    if last.text == "*":
        return before is not None and (before.name in ("select", "distinct", "all", ",", "(") or before.text == ".")
    if last.kind != "word":
        return False
    return last.name not in KEYWORDS or last.name in VALUE_WORDS or last.name in ENDING_WORDS


def _shouting(head: list[Token], prefix: str) -> bool:
    for token in reversed(head):
        if token.kind == "word" and token.name in KEYWORDS:
            return token.text.isupper()
    return not prefix.islower()
