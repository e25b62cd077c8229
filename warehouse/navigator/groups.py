"""Step 4 of the proof: every value of the result is a sum that adds up, or is the same for all facts of its group."""

from __future__ import annotations

from sqlglot import exp

from warehouse.navigator.columns import FACTS, Tables
from warehouse.navigator.measures import check_measure
from warehouse.navigator.proof import Unproven
from warehouse.navigator.shapes import KEYS, PRODUCT, SUPPLIER, TIME


def check_groups(select: exp.Select, tables: Tables) -> None:
    """Raises `Unproven` unless all values of `select` are determined by its groups."""
    functions = list(select.find_all(exp.AggFunc))
    groups = _groups(select)
    for function in functions:
        check_measure(function, tables)
        if function.find_ancestor(exp.Where, exp.Group):
            raise Unproven("it filters or groups by a sum")
    if not functions and not groups:
        if select.args.get("distinct"):
            return
        raise Unproven("it lists single transactions")
    texts = {group.sql() for group in groups}
    columns = {tables.origin(group) for group in groups if isinstance(group, exp.Column)}
    parts = [*select.expressions, select.args.get("having"), select.args.get("order")]
    for part in parts:
        if part is not None:
            _check(part, texts, columns, tables)


def _groups(select: exp.Select) -> list[exp.Expr]:
    """What the rows are grouped by, numbers of result columns replaced by those columns."""
    found = []
    group = select.args.get("group")
    if group is not None and any(value for key, value in group.args.items() if key != "expressions"):
        raise Unproven("its GROUP BY is not looked through")
    for term in group.expressions if group is not None else []:
        if isinstance(term, exp.Literal) and term.is_int:
            index = int(term.name) - 1
            if not 0 <= index < len(select.expressions):
                raise Unproven("it groups by a column that is not there")
            term = select.expressions[index].unalias()  # noqa: PLW2901 - the column that the number means
        found.append(term.unnest())
    return found


def _check(node: exp.Expr, texts: set[str], columns: set[tuple[str, str]], tables: Tables) -> None:
    if isinstance(node, exp.AggFunc) or node.unnest().sql() in texts:
        return
    if isinstance(node, exp.Column):
        if not _determined(tables.origin(node), columns):
            raise Unproven(f"{node.name} is not determined by its groups")
        return
    for child in node.iter_expressions():
        _check(child, texts, columns, tables)


def _determined(column: tuple[str, str], groups: set[tuple[str, str]]) -> bool:
    """Whether grouping by `groups` leaves one value of `column`: it is one of them, or hangs on a key among them."""
    table, name = column
    if column in groups:
        return True
    if table == FACTS:
        return any(name == KEYS[dimension] and (dimension, name) in groups for dimension in KEYS)
    if table == TIME and (TIME, "month_number") in groups and name in ("month", "quarter"):
        return True
    if table == TIME and (TIME, "month") in groups and name in ("month_number", "quarter"):
        return True
    key = KEYS[table]
    keys = {(table, key), (FACTS, key)}
    if table == SUPPLIER:
        keys = {(SUPPLIER, key), (PRODUCT, key), (PRODUCT, KEYS[PRODUCT]), (FACTS, KEYS[PRODUCT])}
    return bool(keys & groups)
