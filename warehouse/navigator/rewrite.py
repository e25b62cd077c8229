"""Rewrites one parsed SELECT on the facts to one on an aggregate, or says what stands in the way.

The proof, in order; each step refuses what it does not know:
1. One plain SELECT, made only of parts whose text SQLite reads back as the same (`ALLOWED`).
2. The facts, joined to dimensions by their keys alone: no join multiplies or drops a fact.
3. Every column is known to come from one of these tables; aliases are replaced by what they stand for.
4. Every function over many rows is one that adds up; every other column is determined by the groups.
5. The smallest aggregate whose grain determines every column that is left. Limits in days must be those of whole
   months or years.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from warehouse.models import FACT
from warehouse.navigator.columns import Tables, resolve, tables_of
from warehouse.navigator.groups import check_groups
from warehouse.navigator.measures import measured
from warehouse.navigator.periods import whole_periods
from warehouse.navigator.proof import Unproven
from warehouse.navigator.shapes import FACT_COLUMNS, KEYS, SHAPES, TIME, Shape
from warehouse.sql_text import Token, listed_columns

__all__ = ["Unproven", "rewrite"]

ALLOWED = (
    exp.Select, exp.From, exp.Join, exp.Table, exp.TableAlias, exp.Identifier, exp.Column, exp.Alias, exp.Literal,
    exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Star, exp.Distinct, exp.Paren,
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Is, exp.Null,
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Case, exp.If, exp.Coalesce, exp.Round, exp.Abs,
    exp.Like, exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max, exp.Cast, exp.DataType, exp.Placeholder,
)  # fmt: skip
CASTS = ("INT", "INTEGER", "REAL", "TEXT", "FLOAT", "DOUBLE")


def rewrite(sql: str, found: list[Token], rows: Mapping[str, int]) -> tuple[str, Shape]:
    """The SELECT on the smallest aggregate that answers `sql` exactly, and that aggregate. Raises `Unproven`."""
    try:
        parsed = sqlglot.parse_one(sql, read="sqlite")
        select = _plain_select(parsed)
        return _rewritten(select, sql, found, rows)
    except (SqlglotError, RecursionError) as error:
        raise Unproven("the query is not of a form that is looked through") from error


def _rewritten(select: exp.Select, sql: str, found: list[Token], rows: Mapping[str, int]) -> tuple[str, Shape]:
    names = _column_names(sql, found, select)
    tables = tables_of(select)
    resolve(select, tables)
    whole_periods(select, tables)
    check_groups(select, tables)
    if select.args.get("limit") and not select.args.get("order"):
        raise Unproven("a LIMIT without ORDER BY leaves open which rows it means")
    used = _columns_used(select, tables)
    refusals = []
    for shape in sorted(SHAPES, key=lambda shape: rows.get(shape.table, shape.usual_rows)):
        missing = _missing(shape, used)
        if missing is None:
            return _on(shape, select, tables, names), shape
        refusals.append(missing)
    raise Unproven(f"no aggregate keeps {refusals[-1]}")


def _plain_select(parsed: exp.Expr) -> exp.Select:
    if not isinstance(parsed, exp.Select) or parsed.args.get("with_"):
        raise Unproven("only a single SELECT without WITH or UNION is looked through")
    for node in parsed.walk():
        if not isinstance(node, ALLOWED):
            raise Unproven(f"{node.sql(dialect='sqlite')[:60]} is not looked through")
        if isinstance(node, exp.Select) and node is not parsed:
            raise Unproven("a SELECT within it is not looked through")
        if isinstance(node, exp.Cast) and node.to.sql(dialect="sqlite").upper() not in CASTS:
            raise Unproven("a CAST to that type is not looked through")
    return parsed


def _column_names(sql: str, found: list[Token], select: exp.Select) -> list[str]:
    """How SQLite names the columns of the result: as aliased, as in the schema, or as the text was written."""
    items = listed_columns(found)
    if len(items) != len(select.expressions):
        raise Unproven("its list of columns is not looked through")
    return [
        column.name.lower() if isinstance(column, exp.Column) else sql[item[0].start : item[-1].end]
        for item, column in zip(items, select.expressions, strict=True)
        if item
    ]


def _columns_used(select: exp.Select, tables: Tables) -> set[tuple[str, str]]:
    """(table, column) of all that is left outside of measures and join conditions."""
    used = set()
    for column in select.find_all(exp.Column):
        if _is_measure(column, tables):
            continue
        used.add(tables.origin(column))
    return used


def _is_measure(column: exp.Column, tables: Tables) -> bool:
    return tables.origin(column)[0] == FACT.lower() and isinstance(column.parent, exp.Sum | exp.Avg | exp.Count)


def _missing(shape: Shape, used: set[tuple[str, str]]) -> str | None:
    """What this aggregate does not keep, None if it keeps everything."""
    for table, column in sorted(used):
        if _column_on(shape, table, column) is None:
            return f"{column} of {table}"
    return None


def _column_on(shape: Shape, table: str, column: str) -> str | None:
    """`{0}.column` of the aggregate, or `` where a join keeps the column; None if it has neither."""
    if (table, column) in shape.derived:
        return shape.derived[table, column]
    for dimension in shape.joins:
        if column == KEYS[dimension] and table in (FACT.lower(), dimension):
            return "{0}." + column
        if table == dimension or (table == "supplier_table" and dimension == "product_table"):
            return ""
    return None


def _on(shape: Shape, select: exp.Select, tables: Tables, names: list[str]) -> str:
    """The SQL of the query on the aggregate, its result columns named as before."""
    new = select.copy()
    alias = tables.fact
    for item, name in zip(list(new.expressions), names, strict=True):
        if not isinstance(item, exp.Alias):
            item.replace(exp.alias_(item.copy(), name, quoted=True))
    for function in list(new.find_all(exp.Sum, exp.Avg, exp.Count)):
        if (replacement := measured(function, alias, tables)) is not None:
            function.replace(replacement)
    for column in list(new.find_all(exp.Column)):
        if column.table.lower() == alias and column.name.lower() not in FACT_COLUMNS:
            continue  # it is one of the aggregate already
        written = _column_on(shape, *tables.origin(column))
        if written:
            column.replace(sqlglot.parse_one(written.format(f'"{alias}"'), read="sqlite"))
    _tables(shape, new, tables)
    return new.sql(dialect="sqlite")


def _tables(shape: Shape, new: exp.Select, tables: Tables) -> None:
    """The aggregate in the place of the facts, and only the dimensions that are still read."""
    read = {column.table.lower() for column in new.find_all(exp.Column)}
    joins = []
    for table, alias in tables.joined():
        if alias in read or (table == "product_table" and tables.alias_of("supplier_table") in read):
            assert table != TIME
            parent = tables.alias_of("product_table") if table == "supplier_table" else tables.fact
            key = KEYS[table]
            joins.append(f'JOIN {table} AS "{alias}" ON "{alias}".{key} = "{parent}".{key}')
    text = f'SELECT 1 FROM {shape.table} AS "{tables.fact}" {" ".join(joins)}'  # noqa: S608 - of known names alone
    parsed = sqlglot.parse_one(text, read="sqlite")
    new.set("from_", parsed.args["from_"])
    new.set("joins", parsed.args.get("joins"))
