"""Sorting and filtering as SQL text around a query, whatever its columns are called.

The query becomes a common table expression with column names of our own, so that duplicate, empty or odd names are no
matter. What its reader types arrives as bound values, never as text. A masked column is a constant there as anywhere:
to sort or filter by it discloses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from warehouse.errors import QueryRefused
from warehouse.governed import Parameters
from warehouse.models import Cell
from warehouse.sql_text import one_select, shown

MAX_TERMS = 50  # conditions, or columns of one order
MAX_VALUE_CHARACTERS = 1_000


class Compare(StrEnum):
    """How a condition compares a cell with its value; the member's value is what people read."""

    IS = "is"
    IS_NOT = "is not"
    CONTAINS = "contains"  # in any case of letters
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EMPTY = "empty"  # null, or a text without characters
    NOT_EMPTY = "not empty"


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by, counted from 0; nulls come last either way."""

    column: int
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a column, counted from 0."""

    column: int
    compare: Compare
    value: Cell = None


@dataclass(frozen=True, slots=True)
class Shape:
    """How a result is sorted and filtered; all conditions hold."""

    order: tuple[Order, ...] = ()
    conditions: tuple[Condition, ...] = ()


PLAIN = Shape()
_OPERATORS = {
    ">=": Compare.AT_LEAST,
    "<=": Compare.AT_MOST,
    "!=": Compare.IS_NOT,
    "<>": Compare.IS_NOT,
    "==": Compare.IS,
    ">": Compare.MORE,
    "<": Compare.LESS,
    "=": Compare.IS,
}
_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_COMPARED = {Compare.LESS: "<", Compare.AT_MOST: "<=", Compare.MORE: ">", Compare.AT_LEAST: ">="}


def parse_condition(column: int, text: str, *, numbers: bool = False) -> Condition:
    """What people type into a filter field: `>= 100`, `oslo` (contains), `=Oslo`, `!= x`, `empty`, `not empty`.

    A value in quotes is text even if it looks like a number. `numbers` says that the column holds numbers alone,
    and nothing else is more or less than they are. Raises `QueryRefused`.
    """
    typed = text.strip()
    if not typed:
        raise QueryRefused("there is no condition: expected a text to look for, or one of = != < <= > >= and a value")
    if len(typed) > MAX_VALUE_CHARACTERS:
        raise QueryRefused(f"the condition has {len(typed):,} characters; at most {MAX_VALUE_CHARACTERS:,} are taken")
    word = " ".join(typed.lower().split())
    if word in (Compare.EMPTY, Compare.NOT_EMPTY):
        return Condition(column, Compare(word))
    for sign, compare in _OPERATORS.items():
        if typed.startswith(sign):
            value = _value(typed[len(sign) :].strip(), sign)
            if numbers and compare in _COMPARED and isinstance(value, str):
                raise QueryRefused(f"{shown(value)} is not a number: expected one such as {sign}100")
            return Condition(column, compare, value)
    return Condition(column, Compare.CONTAINS, _unquoted(typed) or typed)


def shaped(
    sql: str, columns: Sequence[str], shape: Shape, parameters: Parameters | None = None
) -> tuple[str, Parameters]:
    """`sql`, whose result has `columns`, sorted and filtered, and all parameters to bind.

    Raises `QueryRefused` for a column that is not there, or too many terms.
    """
    given = dict(parameters or {})
    if shape == PLAIN:
        return sql, given
    text, found = one_select(sql)
    taken = {token.name.lstrip(":@$") for token in found} | {name.lower() for name in given}
    rows = unused_name("shown_rows", taken)
    conditions, values = conditions_of(shape, len(columns), unused_name("shape", taken))
    listed = ", ".join(f"c{n} AS {quoted(name)}" for n, name in enumerate(columns))
    names = ", ".join(f"c{n}" for n in range(len(columns)))
    # The user's own SELECT in parentheses, with names and signs of ours around it.
    wrapped = f"WITH {rows}({names}) AS (\n{text}\n)\nSELECT {listed} FROM {rows}"
    if conditions:
        wrapped += f" WHERE {conditions}"
    if shape.order:
        wrapped += f" ORDER BY {order_of(shape, len(columns))}"
    return wrapped, given | values


def conditions_of(shape: Shape, columns: int, prefix: str) -> tuple[str, dict[str, Cell]]:
    """The conditions on c0, c1, … as SQL, empty if there are none, and the values bound to `:PREFIX_0`, ….

    Raises `QueryRefused`.
    """
    _check(shape, columns)
    parts, values = [], dict[str, Cell]()
    for condition in shape.conditions:
        part, bound = _condition(condition, f"{prefix}_{len(values)}", values)
        parts.append(f"({part})")
        values |= bound
    return " AND ".join(parts), values


def order_of(shape: Shape, columns: int, *, backwards: bool = False) -> str:
    """The order by c0, c1, … as SQL. Raises `QueryRefused`."""
    _check(shape, columns)
    return ", ".join(
        f"c{term.column} {'DESC' if term.descending != backwards else 'ASC'} NULLS {'FIRST' if backwards else 'LAST'}"
        for term in shape.order
    )


def quoted(name: str) -> str:
    """Any text as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def unused_name(name: str, taken: set[str]) -> str:
    """`name`, with a number behind it if one in `taken` (lower case) begins so."""
    number = 0
    found = name
    while any(other.startswith(found) for other in taken):
        number += 1
        found = f"{name}{number}_"
    return found


def _check(shape: Shape, columns: int) -> None:
    if len(shape.conditions) > MAX_TERMS or len(shape.order) > MAX_TERMS:
        raise QueryRefused(f"at most {MAX_TERMS} conditions and {MAX_TERMS} columns to sort by are taken")
    for column in [term.column for term in shape.order] + [term.column for term in shape.conditions]:
        if not 0 <= column < columns:
            raise QueryRefused(f"there is no column {column + 1}: the result has {columns}")


def _condition(condition: Condition, name: str, taken: Mapping[str, Cell]) -> tuple[str, dict[str, Cell]]:
    cell = f"c{condition.column}"
    match condition.compare:
        case Compare.EMPTY:
            return f"{cell} IS NULL OR {cell} = ''", {}
        case Compare.NOT_EMPTY:
            return f"{cell} IS NOT NULL AND {cell} <> ''", {}
        case Compare.IS:
            return f"{cell} IS :{name}", {name: condition.value}
        case Compare.IS_NOT:
            return f"{cell} IS NOT :{name}", {name: condition.value}
        case Compare.CONTAINS:
            return _contains(cell, str(condition.value), name.rpartition("_")[0], len(taken))
        case _:
            return f"{cell} {_COMPARED[condition.compare]} :{name}", {name: condition.value}


def _contains(cell: str, value: str, prefix: str, first: int) -> tuple[str, dict[str, Cell]]:
    """SQLite lowers ASCII letters alone, so that other letters are looked for in both cases."""
    forms = {value.translate(_ASCII_LOWER), value.lower(), value.upper().translate(_ASCII_LOWER)}
    bound: dict[str, Cell] = {f"{prefix}_{first + n}": form for n, form in enumerate(sorted(forms))}
    return " OR ".join(f"instr(lower({cell}), :{name}) > 0" for name in bound), bound


_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _value(text: str, sign: str) -> Cell:
    """A number if it looks like one, else text."""
    if not text:
        raise QueryRefused(f"a value is missing behind {sign}; to look for nothing, write `empty`")
    if (bare := _unquoted(text)) is not None:
        return bare
    if not _NUMBER.fullmatch(text):
        return text
    plain = text.replace(",", "")
    number = int(plain) if plain.lstrip("+-").isdigit() else float(plain)
    return number if abs(number) < 2**63 else float(plain)


def _unquoted(text: str) -> str | None:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"" else None
