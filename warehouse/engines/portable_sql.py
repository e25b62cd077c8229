"""Which SQL means the same on SQLite and on another engine: parsed, qualified and typed; anything else is refused.

It is also what governs: only what is listed here, on tables of the warehouse, ever reaches the other engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from warehouse.errors import QueryRefused
from warehouse.governed import Parameters
from warehouse.models import Cell
from warehouse.sql_text import Token, listed_columns, shown, where

MAX_CHARACTERS = 20_000
MAX_NODES = 5_000
MAX_STARS = 8  # two a level double the columns at each level
MAX_TABLES = 40  # a query named twice at each level doubles the plan at each level

Schema = Mapping[str, Mapping[str, str]]

STRUCTURE = (
    exp.Select, exp.Union, exp.Except, exp.Intersect, exp.With, exp.CTE, exp.TableAlias, exp.Table, exp.From, exp.Join,
    exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct, exp.Subquery,
    exp.Column, exp.Identifier, exp.Star, exp.Alias, exp.Literal, exp.Null, exp.Paren, exp.DataType,
    exp.Window, exp.WindowSpec, exp.Filter, exp.Placeholder,
)  # fmt: skip
OPERATORS = (
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Is,
    exp.NullSafeEQ, exp.NullSafeNEQ, exp.Like, exp.Exists, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg,
    exp.DPipe, exp.Case, exp.If, exp.Cast,
)  # fmt: skip
FUNCTIONS = (
    exp.Sum, exp.Avg, exp.Count, exp.Min, exp.Max, exp.Greatest, exp.Least, exp.Coalesce, exp.Nullif, exp.Abs,
    exp.Length, exp.Upper, exp.Lower, exp.Substring, exp.Trim, exp.StrPosition, exp.Replace, exp.Rank,
    exp.DenseRank, exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.PercentRank,
    exp.CumeDist,
)  # fmt: skip
PERMITTED = frozenset((*STRUCTURE, *OPERATORS, *FUNCTIONS))
NAMES = (
    "abs avg cast coalesce count cume_dist dense_rank first_value ifnull iif instr lag last_value lead length lower "
    "ltrim max min ntile nullif percent_rank rank replace row_number rtrim substr sum trim upper"
)
_TOKEN_SHOWN = re.compile(r"<Token .*>")
_PLACE = re.compile(r"[.,]? ?Line:? (\d+), Col:? (\d+)")
DATES = frozenset(("date", "datetime", "time", "strftime", "julianday", "unixepoch"))


def portable(text: str, found: list[Token], parameters: Parameters, schema: Schema) -> exp.Query:
    """The tree of one SELECT: columns qualified, stars expanded, every value typed, parameters written as literals.

    `schema` has the tables and columns in lower case, with the types BIGINT, DOUBLE and TEXT. Raises `QueryRefused`.
    """
    try:
        tree = _parsed(text)
        _check(tree, text, found, schema)
        _fill(tree, parameters)
        _declare(tree)
        types: dict[str, object] = {table: dict(columns) for table, columns in schema.items()}
        whole = qualify(tree, schema=types, dialect="sqlite", sql=text)
        annotate_types(whole, schema=types, dialect="sqlite")
    except SqlglotError as error:
        raise _unreadable(error, text) from error
    except RecursionError as error:
        raise QueryRefused("the query is nested too deeply") from error
    assert isinstance(whole, exp.Query)
    return whole


def column_names(text: str, found: list[Token], names: Sequence[str]) -> tuple[str, ...]:
    """The names that SQLite gives the columns of a SELECT, of which `names` are its parser's, with stars expanded.

    An expression without a name of its own is called as it was written.
    """
    select = _parsed(text)
    while isinstance(select, exp.SetOperation):
        select = select.left.unnest()  # type: ignore[assignment]
    items = listed_columns(_from_first_select(found))
    if len(items) != len(select.expressions):
        return tuple(names)
    stars = [index for index, part in enumerate(select.expressions) if part.is_star]
    if len(stars) > 1 or (not stars and len(items) != len(names)):
        return tuple(names)
    written = [_name(part, item, text) for part, item in zip(select.expressions, items, strict=True)]
    if stars:
        more = len(names) - len(items) + 1
        return (*written[: stars[0]], *names[stars[0] : stars[0] + more], *written[stars[0] + 1 :])
    return tuple(written)


def _name(part: exp.Expr, item: list[Token], text: str) -> str:
    if isinstance(part, exp.Alias):
        return part.alias
    if isinstance(part, exp.Column):
        return part.name.lower()
    return text[item[0].start : item[-1].end]


def _from_first_select(found: list[Token]) -> list[Token]:
    depth = 0
    for index, token in enumerate(found):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind == "word" and token.name == "select":
            return found[index:]
    return found


def _parsed(text: str) -> exp.Query:
    if len(text) > MAX_CHARACTERS:
        raise QueryRefused(
            f"the query has {len(text):,} characters; at most {MAX_CHARACTERS:,} are taken by this engine"
        )
    tree = parse_one(text, read="sqlite")
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise QueryRefused("only one SELECT is permitted")
    return tree


def _check(tree: exp.Query, text: str, found: list[Token], schema: Schema) -> None:
    """Raise `QueryRefused` at the first thing that is not listed, pointing at it where it has a name."""
    nodes = list(tree.walk())
    stars = sum(isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count) for node in nodes)
    tables = sum(isinstance(node, exp.Table) for node in nodes)
    if len(nodes) > MAX_NODES or stars > MAX_STARS or tables > MAX_TABLES:
        raise QueryRefused(
            f"the query is too large for this engine: at most {MAX_NODES:,} parts, {MAX_TABLES} tables and "
            f"{MAX_STARS} stars"
        )
    for node in nodes:
        if type(node) not in PERMITTED:
            raise _not_portable(node, text, found)
        if isinstance(node, exp.Table):
            _check_table(node, text, found, schema)
        if isinstance(node, exp.Join) and node.args.get("method"):
            raise QueryRefused("NATURAL joins are not permitted: write USING or ON")
        if isinstance(node, exp.With) and node.args.get("recursive"):
            raise QueryRefused("recursion is not portable to this engine; use --engine sqlite")


def _check_table(table: exp.Table, text: str, found: list[Token], schema: Schema) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise _not_portable(table.this, text, found)
    if table.catalog or table.db.lower() not in ("", "main"):
        raise _refused(f"there is no database {shown(table.db)}", table.db, text, found)
    if table.name.lower() not in schema and not _is_cte(table):
        raise _refused(f"there is no table {shown(table.name)}", table.name, text, found)
    table.set("db", None)


def _is_cte(table: exp.Table) -> bool:
    """Whether a WITH of a query around `table` defines its name."""
    around: exp.Expr | None = table
    while around is not None:
        with_ = around.args.get("with_")
        if isinstance(with_, exp.With) and any(c.alias.lower() == table.name.lower() for c in with_.expressions):
            return True
        around = around.parent
    return False


def _fill(tree: exp.Query, parameters: Parameters) -> None:
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name not in parameters:
            raise QueryRefused(f"the query has :{node.name}, and no value was given for it")
        node.replace(literal(parameters[node.name]))


def _declare(tree: exp.Query) -> None:
    """Give replace() its type, which the parser does not know."""
    for node in list(tree.find_all(exp.Replace)):
        node.replace(exp.cast(node.copy(), "TEXT"))


def literal(value: Cell) -> exp.Expr:
    """A value as a literal of its type."""
    if value is None:
        return exp.null()
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, int | float) and value == value and abs(value) != float("inf"):
        number = exp.Literal.number(repr(abs(value)))
        return exp.Paren(this=exp.Neg(this=number)) if value < 0 else number
    raise QueryRefused(f"a parameter is text, a number or nothing; found {type(value).__name__}")


def _not_portable(node: exp.Expr, text: str, found: list[Token]) -> QueryRefused:
    name = next((name for name in _names(node) if any(token.name == name for token in found)), "")
    if name == "round":
        return _refused(
            "round() rounds halves in another way on every engine: leave the number as it is", name, text, found
        )
    if name in DATES:
        return _refused(
            f"{name}() means other things on other engines: use the columns of Time_Table", name, text, found
        )
    if isinstance(node, exp.Func):
        return _refused(f"the function {name}() is not portable to this engine, which has {NAMES}", name, text, found)
    what = name.upper() or f"a part of the query ({node.key})"
    return _refused(f"{what} is not portable to this engine; use --engine sqlite", name, text, found)


def _names(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Anonymous):
        yield node.name.lower()
    elif isinstance(node, exp.Func):
        yield from (name.lower() for name in node.sql_names())
        # Names that SQLite has for what the parser calls otherwise.
        yield from {"TimeToStr": ("strftime",), "GroupConcat": ("group_concat",), "TsOrDsToDate": ("date",)}.get(
            type(node).__name__, ()
        )
    yield node.key.lower()


def _refused(message: str, name: str, text: str, found: list[Token]) -> QueryRefused:
    at = next((token.start for token in found if token.name == name.lower()), None)
    return QueryRefused(message + ("" if at is None else where(text, at)), position=at)


def _unreadable(error: SqlglotError, text: str) -> QueryRefused:
    described = getattr(error, "errors", None) or [{}]
    said = str(described[0].get("description") or str(error).strip().splitlines()[0])
    said = _PLACE.sub("", _TOKEN_SHOWN.sub("the end", said)).rstrip(". ")
    line, column = described[0].get("line"), described[0].get("col")
    if not line or not column:
        if (place := _PLACE.search(str(error))) is None:
            return QueryRefused(f"the query cannot be read: {said[:300]}")
        line, column = int(place[1]), int(place[2])
    begin = sum(len(part) + 1 for part in text.split("\n")[: line - 1])
    word = re.search(r"\w+\Z", text[begin : begin + column])
    at = word.start() if word else min(column, len(text)) - 1
    return QueryRefused(f"the query cannot be read: {said[:300]}{where(text, begin + at)}", position=begin + at)
