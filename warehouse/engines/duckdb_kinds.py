"""Refuses what DuckDB would answer otherwise than SQLite without a word: text that meets a number or bytes, above all.

DuckDB takes one for the other (`'10' = 10` is true), SQLite does not. Nor do a number with a point as text and its
remainder have the same digits. A part whose kind cannot be told, such as what a function gives that SQLite does not
have, is left to DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from sqlglot import exp, parse_one
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from warehouse.engines.duckdb_text import REALS, cast_types
from warehouse.engines.portable_sql import literal
from warehouse.engines.spark_sql import NUMBERS, REAL, TEXT, kind_of
from warehouse.errors import QueryRefused
from warehouse.governed import Parameters
from warehouse.sql_text import Token, shown, where

MOST_TOKENS = 5_000
MOST_STARS = 8  # two a level double the columns at each level
SHOWN = 60
BYTES = "bytes"
CASTS = ("int", *REALS, "blob", "char", "clob", "text")  # parts of the name of a type, as SQLite reads it
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Nullif, exp.In, exp.Between)

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
Schema = Mapping[str, Mapping[str, str]]


def refuse_mixed(text: str, found: list[Token], parameters: Parameters, schema: Schema) -> None:
    """Raise `QueryRefused`, pointing at the place, where DuckDB would take one kind of value for another.

    `schema` has the tables and columns in lower case, with the types BIGINT, DOUBLE and TEXT.
    """
    if len(found) > MOST_TOKENS:
        raise QueryRefused(
            f"the query has {len(found):,} words and signs; at most {MOST_TOKENS:,} are taken by this engine: use "
            "--engine sqlite"
        )
    for kind in cast_types(found):
        if not any(part in kind.name for part in CASTS):
            raise QueryRefused(
                f"SQLite knows no type {shown(kind.bare)} and casts to another: write INTEGER, REAL or TEXT, or use "
                f"--engine sqlite{where(text, kind.start)}",
                position=kind.start,
            )
    try:
        nodes = list(_typed(text, parameters, schema).walk())
    except SqlglotError:
        return  # it is no SQL of SQLite's: whatever DuckDB says, SQLite has no other answer
    except RecursionError as error:
        raise QueryRefused("the query is nested too deeply for this engine; simplify it") from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise QueryRefused("the query cannot be understood well enough for this engine: use --engine sqlite") from error
    for node in nodes:
        for does, parts in _meeting(node):
            kinds = [kind for kind in dict.fromkeys(map(_kind, parts)) if kind]
            if len(kinds) > 1 and not _is_column_beside_its_numbers(parts):
                raise _refused(node, f"{does} {' with '.join(kinds)}", text)
        if isinstance(node, exp.Mod) and REAL in (kind_of(node.this), kind_of(node.expression)):
            raise _refused(node, "has a number with a point", text)
        if _writes(node) and REAL in map(kind_of, node.iter_expressions()):
            raise _refused(node, "makes text of a number with a point", text, "write printf('%.2f', …)")


def _typed(text: str, parameters: Parameters, schema: Schema) -> exp.Expr:
    """The tree of a query, each part with its type; without those of columns where not all of them can be found."""
    tree = parse_one(text, read="sqlite")
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name in parameters:
            node.replace(literal(parameters[node.name]))
    stars = sum(isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count) for node in tree.walk())
    types: dict[str, object] = {table: dict(columns) for table, columns in schema.items()}
    with suppress(OptimizeError):
        tree = qualify(
            tree.copy(),
            schema=types,
            dialect="sqlite",
            validate_qualify_columns=False,
            expand_alias_refs=False,  # a chain of them doubles the tree at each link
            expand_stars=stars <= MOST_STARS,
        )
    return annotate_types(tree, schema=types, dialect="sqlite")


def _writes(node: exp.Expr) -> bool:
    return isinstance(node, exp.DPipe) or (isinstance(node, exp.Cast) and kind_of(node) == TEXT)


def _meeting(node: exp.Expr) -> Iterator[tuple[str, list[exp.Expr | None]]]:
    """The parts of a node that meet each other, and what it does with them."""
    if isinstance(node, COMPARISONS):
        sides = [node.this, node.args.get("expression"), node.args.get("low"), node.args.get("high"), *node.expressions]
        rows = [_row(side) for side in (*sides, node.args.get("query")) if side is not None]
        for meeting in zip(*rows, strict=False):
            yield "compares", list(meeting)
    elif isinstance(node, exp.Case):
        branches = node.args["ifs"]
        if node.this is not None:
            yield "compares", [node.this, *(branch.this for branch in branches)]
        yield "mixes", [*(branch.args["true"] for branch in branches), node.args.get("default")]
    elif isinstance(node, exp.Coalesce):
        yield "mixes", [node.this, *node.expressions]
    elif isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
        yield "mixes", [node.args["true"], node.args.get("false")]
    elif isinstance(node, exp.SetOperation):
        for left, right in zip(node.left.selects, node.right.selects, strict=False):
            yield "mixes", [left, right]


def _is_column_beside_its_numbers(parts: list[exp.Expr | None]) -> bool:
    """Whether a column of numbers meets whole numbers written as text, which both engines take for numbers there."""
    texts = [part for part in parts if part is not None and _kind(part) == TEXT]
    others = [part for part in parts if part is not None and _kind(part) not in (TEXT, "")]
    return (
        all(isinstance(part, exp.Literal) and _WHOLE.fullmatch(part.this) for part in texts)
        and all(isinstance(part, exp.Column) or not part.find(exp.Column) for part in others)
        and any(isinstance(part, exp.Column) for part in others)
    )


def _row(side: exp.Expr) -> list[exp.Expr]:
    """The values of one side of a comparison: several where it is a row of them."""
    bare = side.unnest() if isinstance(side, exp.Paren | exp.Subquery) else side
    if isinstance(bare, exp.Query):
        return bare.selects
    return bare.expressions if isinstance(bare, exp.Tuple) else [side]


def _kind(part: exp.Expr | None) -> str:
    """Text, a number or bytes; empty where that cannot be told, or is nothing."""
    while isinstance(part, exp.Paren | exp.Alias):
        part = part.this
    if part is None or isinstance(part, exp.Null):
        return ""
    if isinstance(part, exp.HexString):
        return BYTES
    kind = kind_of(part)
    return TEXT if kind == TEXT else "a number" if kind in NUMBERS else ""


def _refused(node: exp.Expr, what: str, text: str, instead: str = "write a CAST") -> QueryRefused:
    places = [int(part.meta["start"]) for part in node.walk() if "start" in part.meta]
    at = min(places, default=None)
    shown = node.copy()
    for column in shown.find_all(exp.Column):
        column.set("table", None)
    words = " ".join(shown.sql("sqlite", comments=False).replace('"', "").split())
    return QueryRefused(
        f"{words if len(words) <= SHOWN else words[: SHOWN - 1] + '…'} {what}, where this engine and "
        f"SQLite differ: {instead}, or use --engine sqlite" + ("" if at is None else where(text, at)),
        position=at,
    )
