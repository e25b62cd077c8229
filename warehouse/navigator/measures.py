"""Functions over many facts, and how the same comes from the sums and counts of an aggregate."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from warehouse.navigator.columns import FACTS, Tables
from warehouse.navigator.proof import Unproven
from warehouse.navigator.shapes import MEASURES

COUNT = "COALESCE(SUM({0}.transaction_count), 0)"
AS_A_NUMBER: tuple[type[exp.Expr], ...] = (
    exp.Alias, exp.Paren, exp.Ordered, exp.Order, exp.Having, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg,
)  # fmt: skip


def check_measure(function: exp.AggFunc, tables: Tables) -> None:
    """Raises `Unproven` unless the function adds up, or looks at columns of the grain alone."""
    if any(isinstance(inner, exp.AggFunc) for inner in function.this.find_all(exp.AggFunc)):
        raise Unproven("a sum of sums is not looked through")
    if isinstance(function, exp.Min | exp.Max):
        if function.expressions:
            raise Unproven(f"{function.sql()} is not looked through")
    elif isinstance(function, exp.Count):
        _check_count(function)
    elif not isinstance(function, exp.Sum | exp.Avg) or _measure(function, tables) is None:
        raise Unproven(f"{function.sql(dialect='sqlite')[:60]} does not add up from sums that are kept")
    elif _measure(function, tables) == "total_sales_amount":
        _check_amount(function)


def _check_amount(function: exp.AggFunc) -> None:
    """Refuse what can tell a sum of cents from a sum of amounts, which is off by what rounding each gathered.

    A sum of whole cents may be rounded to cents and compared: the facts mean that sum. An average lies anywhere, also
    where rounding it takes the one or the other side.
    """
    allowed = AS_A_NUMBER + ((exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And) if isinstance(function, exp.Sum) else ())
    node = function.parent
    while node is not None and not isinstance(node, exp.Select):
        to_cents = isinstance(node, exp.Round) and isinstance(function, exp.Sum) and node.this is function
        if to_cents and (digits := node.args.get("decimals")) is not None and digits.name in ("2", "3", "4"):
            return
        if not isinstance(node, allowed):
            raise Unproven(f"{node.sql(dialect='sqlite')[:60]} depends on how amounts are rounded")
        node = node.parent


def measured(function: exp.Expr, alias: str, tables: Tables) -> exp.Expr | None:
    """The function on an aggregate called `alias`; None where it stays as it is."""
    if isinstance(function, exp.Count):
        return None if isinstance(function.this, exp.Distinct) else _parsed(COUNT, alias)
    column = _measure(function, tables)
    assert column is not None
    total = f"SUM({{0}}.{MEASURES[column]})"
    if column == "total_sales_amount":
        total = f"({total} / 100.0)"
    if isinstance(function, exp.Avg):
        total = f"(CAST({total} AS REAL) / SUM({{0}}.transaction_count))"
    return _parsed(total, alias)


def _measure(function: exp.Expr, tables: Tables) -> str | None:
    """The measure that a SUM or AVG is of."""
    column = function.this
    if not isinstance(column, exp.Column) or tables.origin(column)[0] != FACTS:
        return None
    return tables.origin(column)[1] if tables.origin(column)[1] in MEASURES else None


def _check_count(function: exp.Count) -> None:
    of = function.this
    if function.expressions:
        raise Unproven("a COUNT of several columns is not looked through")
    if isinstance(of, exp.Distinct):
        if len(of.expressions) != 1 or not isinstance(of.expressions[0], exp.Column):
            raise Unproven("that COUNT (DISTINCT …) is not looked through")
    elif not isinstance(of, exp.Star | exp.Column) and not (isinstance(of, exp.Literal) and of.is_int):
        raise Unproven("that COUNT is not looked through")


def _parsed(text: str, alias: str) -> exp.Expr:
    return sqlglot.parse_one(text.format(f'"{alias}"'), read="sqlite")
