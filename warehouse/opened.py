"""A result as it was opened: what was asked, where it was answered, and how each column is to be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import NoneType
from typing import Literal

from warehouse.browse import Result
from warehouse.governed import Parameters
from warehouse.limits import QueryLimits
from warehouse.models import Cell
from warehouse.money import money_columns
from warehouse.shaping import Shape

Database = Literal["warehouse", "weather"]
BROWSING = QueryLimits(rows=0)  # a window costs the same in any result, so that all rows are shown


class Kind(StrEnum):
    """How the cells of a column are shown and aligned."""

    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"  # in currency units, with two decimals
    TEXT = "text"
    DATE = "date"  # YYYY-MM-DD, with or without a time behind it
    FLAG = "flag"  # Yes or No
    BLOB = "blob"
    NONE = "none"  # nothing but nulls so far


_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")


@dataclass
class Opened:
    """An open result with all that is told beside its rows; whoever opened it closes `result`.

    `text` is what was typed, `sql` what answers it before it was sorted and filtered, `source` the tables read.
    `unmasked` says that sealed columns are shown in clear.
    """

    text: str
    database: Database
    shape: Shape
    parameters: Parameters | None
    result: Result
    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    source: tuple[str, ...]
    because: str
    sql: str
    elapsed_ms: float
    limits: QueryLimits = BROWSING
    unmasked: bool = False
    notes: tuple[str, ...] = field(default=())


def kinds(columns: Sequence[str], rows: Sequence[tuple[Cell, ...]], sql: str = "") -> tuple[Kind, ...]:
    """The kind of each column, from its name, the cells of the first rows, and the SELECT that gave them, if known."""
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return tuple(map(_kind, money_columns(columns, sql), cells))


def _kind(money: bool, cells: Sequence[Cell]) -> Kind:
    types = set(map(type, cells)) - {NoneType}
    if not types:
        return Kind.MONEY if money else Kind.NONE
    if types <= {int, float}:
        if money:
            return Kind.MONEY
        return Kind.NUMBER if float in types else Kind.INTEGER
    if types == {bytes}:
        return Kind.BLOB
    if types != {str}:
        return Kind.TEXT
    texts = {cell for cell in set(cells) if isinstance(cell, str)}
    if texts <= {"Yes", "No"}:
        return Kind.FLAG
    return Kind.DATE if all(map(_DATE.fullmatch, texts)) else Kind.TEXT
