"""Which columns of a result are money: what the SELECT that gave them says, and where that cannot be read, their names.

It never decides what is read, only with how many decimals it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache

from warehouse.errors import QueryRefused
from warehouse.sql_text import REMEMBERED_CHARACTERS, Token, listed_columns, one_select, split_at_commas

COLUMNS = frozenset(("total_sales_amount", "unit_price"))
CENTS = frozenset(("total_sales_cents", "unit_price_cents"))
KEEPING = frozenset(("sum", "min", "max", "avg", "total", "round", "abs", "coalesce", "ifnull"))
HUNDRED = frozenset(("100", "100.0"))
AFTER_CALL = frozenset(("over", "filter"))
PASSES = 3  # over names that are money because other names are: the parts of a query may stand in any order
DEEPEST = 8


class _Unit(Enum):
    MONEY = "in currency units"
    CENTS = "in cents"
    NONE = "a count"
    STAR = "of any number of columns"
    UNKNOWN = "not said"


# The specified amounts, what keeps their unit, and what people call them.
_NAMED = re.compile(
    r"(?:\w*_)?(?:amount|revenue|turnover)|unit_price"
    r"|(?:sum|min|max|avg|total)\(\s*(?:[\w\"]+\.)?\"?(?:total_sales_amount|unit_price)\"?\s*\)",
    re.IGNORECASE,
)


def money_columns(columns: Sequence[str], sql: str = "") -> tuple[bool, ...]:
    """For each column whether its numbers are money. `sql` is the SELECT that gave them, empty where not known.

    An item of the SELECT list is money that is an amount or a price, or their sum, mean, least or largest, whatever
    it is called; a count is none, whatever it is called.
    """
    said = _listed(sql) if 0 < len(sql) <= REMEMBERED_CHARACTERS else ()
    return tuple(
        unit is _Unit.MONEY or (unit is _Unit.UNKNOWN and bool(_NAMED.fullmatch(name.strip())))
        for name, unit in zip(columns, _spread(said, len(columns)), strict=True)
    )


def _spread(said: Sequence[_Unit], wanted: int) -> Sequence[_Unit]:
    """What the items say for `wanted` columns; one star stands for all that are missing, which their names decide."""
    if said.count(_Unit.STAR) == 1 and wanted >= len(said) - 1:
        at = said.index(_Unit.STAR)
        return [*said[:at], *[_Unit.UNKNOWN] * (wanted - len(said) + 1), *said[at + 1 :]]
    return said if _Unit.STAR not in said and len(said) == wanted else [_Unit.UNKNOWN] * wanted


@lru_cache(maxsize=64)
def _listed(sql: str) -> tuple[_Unit, ...]:
    """The unit of each item of the outermost list; none where that cannot be read."""
    try:
        _, found = one_select(sql)
    except QueryRefused:
        return ()
    lists = [(depth, [_named(item) for item in items if item]) for depth, items in _lists(found)]
    outermost = next((items for depth, items in lists if depth == 0), [])
    names: dict[str, _Unit] = {}
    for _ in range(PASSES):
        before, names = names, _units_of_names([named for _, items in lists for named in items], names)
        if names == before:
            break
    return tuple(_unit(core, names) for _, core in outermost)


def _lists(found: list[Token]) -> Iterator[tuple[int, list[list[Token]]]]:
    """The items behind each SELECT, and how many parentheses are around it."""
    depth = 0
    for index, token in enumerate(found):
        depth += (token.text == "(") - (token.text == ")")
        if token.kind == "word" and token.name == "select":
            yield depth, listed_columns(_within(found, index))


def _within(found: list[Token], begin: int) -> list[Token]:
    """The tokens from `begin` to the parenthesis that closes around them."""
    depth = 0
    for index in range(begin, len(found)):
        depth += (found[index].text == "(") - (found[index].text == ")")
        if depth < 0:
            return found[begin:index]
    return found[begin:]


def _named(item: list[Token]) -> tuple[str, list[Token]]:
    """An item's own name, empty if it has none, and the expression before it."""
    if len(item) > 2 and item[-2].kind == "word" and item[-2].name == "as":
        return item[-1].name, item[:-2]
    if len(item) > 1 and item[-1].kind in ("word", "quoted") and (item[-2].kind != "operator" or item[-2].text == ")"):
        return item[-1].name, item[:-1]
    return "", item


def _units_of_names(items: list[tuple[str, list[Token]]], known: Mapping[str, _Unit]) -> dict[str, _Unit]:
    """The unit of each name that stands for one thing wherever it is given."""
    said: dict[str, set[_Unit]] = {}
    for name, core in items:
        if name:
            said.setdefault(name, set()).add(_unit(core, known))
    return {name: next(iter(units)) for name, units in said.items() if len(units) == 1}


def _unit(core: Sequence[Token], names: Mapping[str, _Unit], deep: int = 0) -> _Unit:
    if not core or deep > DEEPEST:
        return _Unit.UNKNOWN
    if core[-1].text == "*" and (len(core) == 1 or core[-2].text == "."):
        return _Unit.STAR
    if len(core) == 1 or (len(core) == 3 and core[1].text == "."):
        name = core[-1].name
        if core[-1].kind not in ("word", "quoted"):
            return _Unit.UNKNOWN
        specified = _Unit.MONEY if name in COLUMNS else _Unit.CENTS if name in CENTS else _Unit.UNKNOWN
        return names.get(name, specified)
    if core[-2].text == "/" and core[-1].text in HUNDRED:
        return _Unit.MONEY if _unit(core[:-2], names, deep + 1) is _Unit.CENTS else _Unit.UNKNOWN
    opening = 0 if core[0].text == "(" else 1
    if core[opening].text != "(":
        return _Unit.UNKNOWN
    within = _within(list(core), opening + 1)
    rest = core[opening + 2 + len(within) :]
    if opening == 0:
        return _Unit.UNKNOWN if rest else _unit(within, names, deep + 1)
    if rest and rest[0].name not in AFTER_CALL:
        return _Unit.UNKNOWN
    if core[0].name == "count":
        return _Unit.NONE
    first = split_at_commas(within)[0]
    first = first[1:] if first and first[0].name == "distinct" else first
    return _unit(first, names, deep + 1) if core[0].name in KEEPING else _Unit.UNKNOWN
