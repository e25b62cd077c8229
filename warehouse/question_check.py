"""Whether the tables and columns of a question are there, asked of SQLite's parser on an empty warehouse in memory."""

from __future__ import annotations

import re
import sqlite3
from types import TracebackType
from typing import Self

from warehouse.database import script, statements
from warehouse.models import AGGREGATES, DIMENSIONS, FACT
from warehouse.question_files import Question
from warehouse.sql_errors import Names, in_words

_NAMED = re.compile(r":(\w+)")
_OF_ENGINE = "no such function"  # another engine may have it


class EmptyWarehouse:
    """The schema without a row, for one thread; used as a context manager."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:")
        for statement in statements(script("schema/001_supermart")):
            self._connection.execute(statement)

    def problem(self, question: Question) -> str:
        """What SQLite does not understand of a question, in words; empty if nothing. It is not carried out."""
        if said := self._says(question.sql):
            return str(in_words(question.sql, sqlite3.OperationalError(said), "", self._says, self._names))
        return ""

    def _says(self, sql: str) -> str:
        try:
            self._connection.execute(f"EXPLAIN {sql}", dict.fromkeys(_NAMED.findall(sql))).close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            return "" if str(error).startswith(_OF_ENGINE) else str(error)
        return ""

    def _names(self) -> Names:
        tables = (FACT, *DIMENSIONS, *AGGREGATES)
        columns = {
            str(row[1]): None for table in tables for row in self._connection.execute(f"PRAGMA table_xinfo({table})")
        }
        return Names("warehouse", tables, tuple(columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()
