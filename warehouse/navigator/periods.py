"""Step 5's limits in days: comparisons of `time_id` or `date` that cut at whole months, told in years and months."""

from __future__ import annotations

import re
from calendar import monthrange

from sqlglot import exp

from warehouse.navigator.columns import Tables
from warehouse.navigator.shapes import TIME

_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE}
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def whole_periods(select: exp.Select, tables: Tables) -> None:
    """Rewrite what is about whole months and years; what is not stays, and no aggregate will keep it."""
    for between in list(select.find_all(exp.Between)):
        if _is_day(between.this, tables):
            low = exp.GTE(this=between.this.copy(), expression=between.args["low"].copy())
            high = exp.LTE(this=between.this.copy(), expression=between.args["high"].copy())
            between.replace(exp.paren(exp.and_(low, high, copy=False)))
    for part in list(select.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE)):
        if (told := _told(part, tables)) is not None:
            part.replace(told)
    for quotient in list(select.find_all(exp.Div)):
        if _is_day(quotient.left, tables) and quotient.left.name.lower() == "time_id" and quotient.right.is_int:
            if quotient.right.name == "10000":
                quotient.replace(_year(tables))
            elif quotient.right.name == "100":
                hundreds = exp.Mul(this=_year(tables), expression=exp.Literal.number(100))
                quotient.replace(exp.paren(exp.Add(this=hundreds, expression=_month(tables))))


def first_day_from(number: int) -> tuple[int, int, int] | None:
    """The first date, as (year, month, day), that is not before `number`, read as YYYYMMDD."""
    year, month, day = number // 10000, number // 100 % 100, number % 100
    if not 1 <= year <= 9998:
        return None
    if month == 0:
        return year, 1, 1
    if month > 12:
        return year + 1, 1, 1
    if day <= monthrange(year, month)[1]:
        return year, month, max(1, day)
    return (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)


def _told(part: exp.Expr, tables: Tables) -> exp.Expr | None:
    """The comparison in whole months; None if it is another, or cuts through a month."""
    kind: type[exp.Expr] = type(part)
    column, literal = part.this, part.expression
    if not isinstance(column, exp.Column):
        kind, column, literal = _MIRRORED[kind], part.expression, part.this
    if not _is_day(column, tables) or (number := _number(column, literal)) is None:
        return None
    # Every comparison is `from that day on` or its opposite, the day being the first that exists.
    first = first_day_from(number if kind in (exp.GTE, exp.LT) else number + 1)
    if first is None or first[2] != 1:
        return None
    comparison = exp.GTE if kind in (exp.GTE, exp.GT) else exp.LT
    if first[1] == 1:
        return comparison(this=_year(tables), expression=exp.Literal.number(first[0]))
    return comparison(
        this=exp.Tuple(expressions=[_year(tables), _month(tables)]),
        expression=exp.Tuple(expressions=[exp.Literal.number(first[0]), exp.Literal.number(first[1])]),
    )


def _number(column: exp.Expr, literal: exp.Expr) -> int | None:
    if not isinstance(literal, exp.Literal):
        return None
    if column.name.lower() == "time_id":
        return int(literal.name) if literal.is_int and len(literal.name) == 8 else None
    match = _DATE.fullmatch(literal.name) if literal.is_string else None
    return int("".join(match.groups())) if match else None


def _is_day(column: exp.Expr, tables: Tables) -> bool:
    if not isinstance(column, exp.Column):
        return False
    table, name = tables.origin(column)
    return name == "time_id" or (table, name) == (TIME, "date")


def _year(tables: Tables) -> exp.Column:
    return exp.column("year", table=exp.to_identifier(tables.time, quoted=True))


def _month(tables: Tables) -> exp.Column:
    return exp.column("month_number", table=exp.to_identifier(tables.time, quoted=True))
