"""Answers a query on the fact table from the smallest aggregate that gives exactly the same, and says why or why not.

Exact means: with sound foreign keys (which `check` proves), the same rows; integers equal; amounts equal to the cent,
since the aggregates add whole cents, where adding the amounts themselves would gather rounding errors in the order of
the rows. What is not proven is not rewritten: the query then runs on the facts as it was typed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.models import FACT
from warehouse.sql_text import Token

REMEMBERED = 256
MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Route:
    """Where a query is answered: its SQL, the aggregate (None: as typed) and the reason in words."""

    sql: str
    aggregate: str | None
    because: str


class Navigator:
    """Rewrites queries, remembering the last ones. `rows` gives the rows of each table, as far as they are known."""

    def __init__(self, rows: Mapping[str, int] | None = None) -> None:
        self._rows = rows or {}
        self._known: OrderedDict[str, Route] = OrderedDict()

    def route(self, sql: str, found: list[Token]) -> Route:
        """The route of a SELECT with these tokens. Never fails: what it does not understand stays as typed."""
        if (known := self._known.get(sql)) is not None:
            self._known.move_to_end(sql)
            return known
        route = self._route(sql, found)
        self._known[sql] = route
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return route

    def _route(self, sql: str, found: list[Token]) -> Route:
        if not any(token.name == FACT.lower() for token in found):
            return Route(sql, None, f"it does not read {FACT}")
        if len(sql) > MAX_CHARACTERS:
            return Route(sql, None, "it is too long to be looked through for an aggregate")
        # Loading the parser takes about 0.1 s: only a query on the facts pays for it, and once.
        from warehouse.navigator.rewrite import Unproven, rewrite

        try:
            rewritten, shape = rewrite(sql, found, self._rows)
        except Unproven as reason:
            return Route(sql, None, f"answered from the facts because {reason}")
        return Route(rewritten, shape.table, self._why(shape.table))

    def _why(self, aggregate: str) -> str:
        sizes = ""
        if aggregate in self._rows and FACT in self._rows:
            sizes = f" ({self._rows[aggregate]:,} rows instead of {self._rows[FACT]:,})"
        return (
            f"answered from {aggregate}{sizes} because it is the smallest that keeps every column used, and its sums "
            "are whole cents"
        )
