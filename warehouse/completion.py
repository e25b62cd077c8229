"""What may be typed next in a query: tables, columns, joins, functions and keywords that fit the place.

Pure and quick: it reads the text around the cursor with the tokenizer, half-typed as it is, and the catalogue. Offers
are ranked by how well they match what is typed, then by how well they fit the place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from warehouse.authorizer import FUNCTIONS
from warehouse.catalogue import ColumnInfo, DatabaseInfo, TableInfo
from warehouse.completion_place import Expected, Place, place_of
from warehouse.function_words import FUNCTION_WORDS
from warehouse.keywords import KEYWORDS
from warehouse.query_scopes import MOST_DEPTH, Block, Origin
from warehouse.words import rows_words

CompletionKind = Literal["table", "column", "function", "keyword", "alias", "join"]
MOST_ITEMS = 100

_PLAIN = re.compile(r"[A-Za-z_]\w*")
_VALUE_WORDS = ("CASE", "WHEN", "NOT", "EXISTS", "NULL", "CAST", "SELECT")
_CLAUSE_WORDS = ("WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "UNION ALL", "UNION", "EXCEPT", "INTERSECT")
_TEST_WORDS = ("AND", "OR", "IN", "LIKE", "BETWEEN", "IS NULL", "IS NOT NULL", "NOT")
_REST_OF_CASE = ("THEN", "WHEN", "ELSE", "END", "COLLATE NOCASE")
_AFTER_VALUE = {
    "select": ("FROM", "AS", *_TEST_WORDS, *_REST_OF_CASE, "OVER", "FILTER"),
    "where": (*_TEST_WORDS, *_CLAUSE_WORDS[1:], *_REST_OF_CASE),
    "on": (*_TEST_WORDS, "JOIN", "LEFT JOIN", *_CLAUSE_WORDS, *_REST_OF_CASE),
    "using": ("JOIN", "LEFT JOIN", *_CLAUSE_WORDS),
    "group": ("HAVING", "ORDER BY", "LIMIT", "UNION ALL"),
    "having": (*_TEST_WORDS, "ORDER BY", "LIMIT", "UNION ALL", *_REST_OF_CASE),
    "order": ("DESC", "ASC", "NULLS LAST", "NULLS FIRST", "LIMIT"),
    "limit": ("OFFSET",),
    "over": ("ORDER BY", "PARTITION BY", "DESC", "ROWS BETWEEN"),
}


@dataclass(frozen=True, slots=True)
class Completion:
    """One offer: the text that takes the place of what is typed, and a few words about it."""

    text: str
    kind: CompletionKind
    detail: str


@dataclass(frozen=True, slots=True)
class Completions:
    """What fits at the cursor, best first; it replaces the text from `start` to the cursor."""

    start: int
    items: tuple[Completion, ...]


def complete(text: str, offset: int, databases: Sequence[DatabaseInfo], database: str) -> Completions:
    """What may be typed at `offset` in a query on `database`. Never raises; within strings and comments, nothing."""
    offset = max(0, min(offset, len(text)))
    place = place_of(text, offset)
    if place is None:
        return Completions(offset, ())
    info = next((found for found in databases if found.name == database), DatabaseInfo(database, ()))
    offers = _Offers(info, place)
    return Completions(place.start, tuple(_ranked(offers.all(), place.prefix)))


class _Offers:
    """All that fits at one place, the best first."""

    def __init__(self, info: DatabaseInfo, place: Place) -> None:
        self._info = info
        self._place = place
        self._tables = {table.name.lower(): table for table in info.tables}
        self._block = place.block

    def all(self) -> Iterator[Completion]:
        match self._place.expected:
            case Expected.STATEMENT:
                yield from self._keywords("SELECT", "WITH", "VALUES")
            case Expected.TABLE:
                if self._place.clause == "join":
                    yield from self._joins("")
                yield from self._named_tables()
            case Expected.COLUMN_OF:
                yield from self._columns_of(self._place.qualifier)
            case Expected.JOIN_CONDITION:
                yield from self._conditions("")
                yield from self._values()
            case Expected.COMMON_COLUMN:
                yield from self._common_columns()
            case Expected.AFTER_TABLE:
                if self._place.clause == "join":
                    yield from self._conditions("ON ")
                    yield from self._keywords("ON", "USING")
                yield from self._keywords("JOIN", "LEFT JOIN", *_CLAUSE_WORDS, "AS", "CROSS JOIN")
                yield from self._joins("JOIN ")
            case Expected.AFTER_VALUE:
                yield from self._keywords(*_AFTER_VALUE.get(self._place.clause, _TEST_WORDS))
            case Expected.VALUE:
                yield from self._values()

    # ---- tables and joins ---------------------------------------------------

    def _named_tables(self) -> Iterator[Completion]:
        for with_ in self._block.withs.values() if self._block else ():
            yield Completion(_written(with_.name), "table", "of WITH")
        for table in self._info.tables:
            rows = "" if table.rows is None else f", {rows_words(table.rows)}"
            yield Completion(_written(table.name), "table", table.kind + rows)

    def _joins(self, lead: str) -> Iterator[Completion]:
        """Tables to which those that are read already lead, then those that lead to them, with the condition."""
        origins = self._block.origins if self._block else []
        read = {origin.table.lower() for origin in origins}
        ways = [(join.many, join.one, join.key) for join in self._info.joins]
        sums = {table.name for table in self._info.tables if table.kind == "aggregate"}  # queries find those themselves
        ways += [(join.one, join.many, join.key) for join in self._info.joins if join.many not in sums]
        for here, there, key in ways:
            for origin in origins:
                if here.lower() == origin.table.lower() and there.lower() not in read:
                    condition = f"{there}.{key} = {_written(origin.name)}.{key}"
                    yield Completion(f"{lead}{there} ON {condition}", "join", f"by {key}")

    def _conditions(self, lead: str) -> Iterator[Completion]:
        """How the table joined last goes with those before it."""
        origins = [o for o in self._block.origins if o.name] if self._block else []
        for origin in origins[:-1]:
            last = origins[-1]
            for join in self._info.joins:
                if {join.many.lower(), join.one.lower()} == {origin.table.lower(), last.table.lower()}:
                    text = f"{_written(last.name)}.{join.key} = {_written(origin.name)}.{join.key}"
                    yield Completion(lead + text, "join", "key")

    # ---- columns ------------------------------------------------------------

    def _values(self) -> Iterator[Completion]:
        place = self._place
        if place.clause in ("group", "order", "having") and self._block:
            for name in self._block.outputs:
                if "*" not in name:
                    yield Completion(_written(name), "alias", "of this query")
        yield from self._visible_columns()
        for origin in self._origins():
            if origin.name:
                yield Completion(_written(origin.name) + ".", "alias", origin.table or "of this query")
        if place.clause == "select":
            yield from self._keywords("DISTINCT", "FROM")
        yield from self._keywords(*_VALUE_WORDS)
        yield from self._functions()

    def _visible_columns(self) -> Iterator[Completion]:
        own = self._block.origins if self._block else []
        if not own and not any(True for _ in self._origins()):
            yield from self._columns_anywhere()
            return
        found = [(origin, column, detail) for origin in own for column, detail in self._described(origin)]
        times = Counter(column.lower() for _, column, _ in found)
        for origin, column, detail in found:
            shared = times[column.lower()] > 1 and origin.name
            text = f"{_written(origin.name)}.{_written(column)}" if shared else _written(column)
            yield Completion(text, "column", detail)
        for origin in self._origins():
            if origin not in own and origin.name:
                for column, detail in self._described(origin):
                    yield Completion(f"{_written(origin.name)}.{_written(column)}", "column", detail)

    def _common_columns(self) -> Iterator[Completion]:
        """The columns of the table joined last that one before it has too."""
        origins = self._block.origins if self._block else []
        before = {name.lower() for origin in origins[:-1] for name, _ in self._described(origin)}
        for origin in origins[-1:]:
            for name, detail in self._described(origin):
                if name.lower() in before:
                    yield Completion(_written(name), "column", detail)

    def _columns_anywhere(self) -> Iterator[Completion]:
        """The columns of all tables: nothing is read from yet."""
        where: dict[str, list[str]] = {}
        for table in self._info.tables:
            if table.kind != "bookkeeping":
                for column in table.columns:
                    where.setdefault(column.name, []).append(table.name)
        for name, tables in where.items():
            detail = f"of {tables[0]}" if len(tables) == 1 else f"of {len(tables)} tables"
            yield Completion(_written(name), "column", detail)

    def _columns_of(self, qualifier: str) -> Iterator[Completion]:
        wanted = qualifier.lower()
        for origin in self._origins():
            if origin.name.lower() == wanted or (not origin.named and origin.table.lower() == wanted):
                yield from (Completion(_written(c), "column", detail) for c, detail in self._described(origin))
                return
        if wanted == "main":
            yield from (item for item in self._named_tables() if item.detail != "of WITH")
        elif wanted in self._tables and self._block is None:
            yield from (Completion(_written(c), "column", d) for c, d in self._described(Origin(wanted, wanted)))

    def _origins(self) -> Iterator[Origin]:
        """What the SELECT at the cursor reads from, and what those around it do."""
        block = self._block
        for _ in range(MOST_DEPTH):
            if block is None:
                return
            yield from block.origins
            block = block.parent

    def _described(self, origin: Origin) -> Iterator[tuple[str, str]]:
        table = self._tables.get(origin.table.lower()) if origin.table else None
        with_ = self._block.withs.get(origin.table.lower()) if self._block else None
        if with_ is not None or table is None:
            yield from ((name, "of this query") for name in self._given(with_ or origin, 0))
        else:
            yield from ((column.name, _detail(column, table)) for column in table.columns)

    def _given(self, origin: Origin, depth: int) -> Iterable[str]:
        """The columns of a subquery or a WITH."""
        if origin.columns or origin.inner is None or depth > 5:
            return origin.columns
        return list(self._given_by(origin.inner, depth))

    def _given_by(self, block: Block, depth: int) -> Iterator[str]:
        for output in block.outputs:
            if "*" not in output:
                yield output
                continue
            for origin in block.origins:
                if output in ("*", f"{origin.name}.*"):
                    with_ = block.withs.get(origin.table.lower())
                    table = self._tables.get(origin.table.lower())
                    if with_ is None and table is not None:
                        yield from (column.name for column in table.columns)
                    else:
                        yield from self._given(with_ or origin, depth + 1)

    # ---- words --------------------------------------------------------------

    def _keywords(self, *words: str) -> Iterator[Completion]:
        for word in words:
            yield Completion(word if self._place.shouting else word.lower(), "keyword", "")

    def _functions(self) -> Iterator[Completion]:
        upper = self._place.prefix.isupper() and len(self._place.prefix) > 1
        for name in _FUNCTION_NAMES:
            yield Completion(f"{name.upper() if upper else name}(", "function", FUNCTION_WORDS.get(name, "function"))


_FUNCTION_NAMES = (*FUNCTION_WORDS, *sorted(n for n in FUNCTIONS if n.isidentifier() and n not in FUNCTION_WORDS))


def _detail(column: ColumnInfo, table: TableInfo) -> str:
    if column.masked:
        return f"masked, of {table.name}"
    if column.references:
        return f"{column.type}, key → {column.references.partition('.')[0]}"
    return f"{column.type}{', key' if column.primary_key else ''} of {table.name}"


def _written(name: str) -> str:
    """A name as SQL takes it."""
    if _PLAIN.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def _ranked(offers: Iterable[Completion], prefix: str) -> list[Completion]:
    typed = prefix.lower()
    found: dict[tuple[str, str], tuple[int, int, Completion]] = {}
    for number, offer in enumerate(offers):
        score = _score(offer, typed)
        key = (offer.text.lower(), offer.kind)
        if score is not None and key not in found and key[0] != typed:
            found[key] = (score, number, offer)
    return [offer for _, _, offer in sorted(found.values(), key=lambda item: item[:2])[:MOST_ITEMS]]


def _score(offer: Completion, typed: str) -> int | None:
    """How well an offer matches what is typed, 0 best; None where it does not."""
    text = offer.text.lower().lstrip('"')
    if text.startswith(typed):
        return 0
    if offer.kind in ("keyword", "function"):
        return None
    text = text.partition(" on ")[0]
    parts = re.split(r"[._ ]", text)
    if any(part.startswith(typed) for part in parts):
        return 1
    if len(typed) > 1 and "".join(part[:1] for part in parts).startswith(typed):
        return 2  # `tsc` for total_sales_cents
    if typed in text:
        return 3
    letters = iter(text)
    return 4 if len(typed) > 1 and all(letter in letters for letter in typed) else None
