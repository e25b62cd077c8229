"""Proves what the warehouse promises, from the stored rows alone: keys, ranges, amounts, names, and every aggregate.

A rule is a query for the rows that break it; the rules are `sql/integrity/*.sql`, so that they can be read as such.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from warehouse.database import Warehouse, script, statements
from warehouse.models import AGGREGATES, DIMENSIONS, FACT, SENSITIVE
from warehouse.ports import CellCipher

MOST_SHOWN = 20  # broken rows of one rule
FILE_RULE, SEALED_RULE = "SQLite's own check of the file", "sealed cells open"
_DIMENSIONS, _AGGREGATES = "dimensions", "aggregates"
_REPAIRS = {
    FILE_RULE: "restore warehouse.db from a backup, or move it away and load everything again",
    SEALED_RULE: "restore the key that is missing from a backup, or load those customers again",
    _DIMENSIONS: "load the right rows of that table in place of these with `lakewarden warehouse load`",
    FACT: "load the rows of the dimension that is named, or those sales again with the right values",
    _AGGREGATES: "`lakewarden warehouse refresh` rebuilds the aggregates from the sales",
}  # in the order in which they are made: each rests on those before it


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: how many rows break it, and the first of them by their keys."""

    rule: str
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked, and what was found; nothing is well."""

    rules: int
    rows: dict[str, int]
    findings: tuple[Finding, ...]
    elapsed_s: float

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def repairs(self) -> tuple[str, ...]:
        """What to do about the findings, one after the other."""
        kinds = {_kind_of(finding.rule) for finding in self.findings}
        if FACT in kinds:
            kinds.add(_AGGREGATES)  # of sales whose store or product is not there they lack a part
        return tuple(repair for kind, repair in _REPAIRS.items() if kind in kinds)


def check(warehouse: Warehouse, cipher: CellCipher, *, stop: threading.Event | None = None) -> CheckReport:
    """Prove every rule on one state of the store. Raises a `StoreError`, or `QueryStopped`."""
    started_s = time.monotonic()
    problems = warehouse.problems()
    findings = [Finding(FILE_RULE, len(problems), tuple(problems))] if problems else []
    with warehouse.reading(stop) as connection:
        rules = 2
        for name, sql in _rules(connection):
            rules += 1
            findings += _finding(name, connection.execute(sql))
        findings += _finding(SEALED_RULE, _unopened(connection, cipher))
        counts = {
            table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - fixed names
            for table in (*DIMENSIONS, FACT, *AGGREGATES)
        }
    return CheckReport(rules, counts, tuple(findings), time.monotonic() - started_s)


def content_hash(connection: sqlite3.Connection, cipher: CellCipher) -> str:
    """SHA-256 over the values of every table in the order of its key, sensitive cells in clear: equal content,
    equal hash, whoever sealed it. Raises ValueError for a cell that does not open."""
    digest = hashlib.sha256()
    for table in (*DIMENSIONS, FACT, *AGGREGATES):
        digest.update(table.encode())
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        secret = [index for index, name in enumerate(columns) if (table, name) in SENSITIVE]
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(keys)}"):  # noqa: S608
            cells = list(row)
            for index in secret:
                cells[index] = cipher.open(row[index], table=table, column=columns[index], row=row[0])
            digest.update(repr(cells).encode())
    return digest.hexdigest()


def _rules(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(rule, query for the rows that break it). A comment above a query names its rule; others only prepare."""
    for file in ("dimensions", "facts", "aggregates"):
        for statement in statements(script(f"integrity/{file}")):
            comment, _, sql = statement.strip().partition("\n")
            if comment.startswith("-- RULE "):
                yield comment.removeprefix("-- RULE "), sql
            else:
                connection.execute(statement)


def _kind_of(rule: str) -> str:
    table = rule.partition(":")[0]
    return _AGGREGATES if table in AGGREGATES else rule if rule in _REPAIRS else FACT if table == FACT else _DIMENSIONS


def _finding(rule: str, rows: Iterator[tuple[Any, ...]] | sqlite3.Cursor) -> list[Finding]:
    examples: list[str] = []
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the count
        if len(examples) < MOST_SHOWN:
            examples.append(str(row[0]))
    return [Finding(rule, count, tuple(examples))] if count else []


def _unopened(connection: sqlite3.Connection, cipher: CellCipher) -> Iterator[tuple[str]]:
    for table, column in sorted(SENSITIVE):
        key = f"{table.removesuffix('_Table').lower()}_id"
        for number, sealed in connection.execute(f"SELECT {key}, {column} FROM {table}"):  # noqa: S608 - fixed names
            try:
                cipher.open(sealed, table=table, column=column, row=number)
            except (ValueError, TypeError):
                yield (f"{table} {key}={number}: {column} was changed, moved, or its key is not there",)
