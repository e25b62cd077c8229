"""What an operator can ask of the warehouse: questions, governed SQL, the catalogue, diagrams, publishing.

Every method asks the permission port first, and raises `PermissionDenied` or a `WarehouseError`. Methods take as long
as the query, up to its limits, so a user interface calls them off its loop; `stop` ends them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from console.actions.permissions import VIEW_PIPELINES, WEATHER_PIPELINE, Permissions
from console.actions.warehouse import MANAGE_WAREHOUSE, QUERY_WAREHOUSE, WAREHOUSE
from warehouse import diagram
from warehouse.browse import Result
from warehouse.catalogue import DatabaseInfo, catalogue
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.sqlite import SqliteEngine, same_rows
from warehouse.governed import Session, Source
from warehouse.limits import QueryLimits
from warehouse.models import Answer
from warehouse.publish import Publication
from warehouse.question_files import BadQuestion, Question
from warehouse.questions import Questions, ask

Database = Literal["warehouse", "weather"]


@dataclass(frozen=True, slots=True)
class Asked:
    """How to answer: the engine, whether aggregates may, and whether the facts are to confirm it."""

    engine: str = "sqlite"
    aggregates: bool = True
    check: bool = False
    limits: QueryLimits = field(default_factory=QueryLimits)


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer; `same` is None unless the facts were asked too, else whether they give the same."""

    answer: Answer
    same: bool | None


class WarehouseQueries:
    """The actions. What they work with is opened for each."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Callable[[], Source]],
        open_session: Callable[[Source], Session],
        open_sqlite: Callable[[Source], SqliteEngine],
        open_other: Callable[[str], DuckdbEngine],
        questions: Questions,
        publish: Callable[[str, threading.Event | None], Publication],
        permissions: Permissions,
    ) -> None:
        self._sources = sources
        self._open_session = open_session
        self._open_sqlite = open_sqlite
        self._open_other = open_other
        self._questions = questions
        self._publish = publish
        self._permissions = permissions

    def questions(self) -> tuple[dict[str, Question], list[BadQuestion]]:
        """Every question by name, and the files of the workspace that are none."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        return self._questions.all()

    def ask(
        self,
        name: str,
        how: Asked,
        *,
        as_of: date | None = None,
        values: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Checked:
        """The answer to the question of that name."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        question = self._questions.find(name)
        with closing(self._engine(how.engine)) as engine:

            def once(*, aggregates: bool) -> Answer:
                return ask(
                    engine, question, as_of=as_of, values=values, aggregates=aggregates, limits=how.limits, stop=stop
                )

            answer = once(aggregates=how.aggregates)
            if not how.check:
                return Checked(answer, None)
            return _checked(answer, once(aggregates=False))

    def sql(
        self, text: str, how: Asked, *, database: Database = "warehouse", stop: threading.Event | None = None
    ) -> Checked:
        """The answer to one governed SELECT."""
        self._require(database)
        with closing(self._engine(how.engine, database)) as engine:
            answer = engine.answer(text, aggregates=how.aggregates, limits=how.limits, stop=stop)
            if not how.check:
                return Checked(answer, None)
            return _checked(answer, engine.answer(text, aggregates=False, limits=how.limits, stop=stop))

    def plan(self, text: str, *, database: Database = "warehouse") -> list[tuple[int, int, str]]:
        """SQLite's plan of one SELECT: (step, the step it belongs to, what it does)."""
        self._require(database)
        with self._open_session(self._sources[database]()) as session:
            return session.plan(text)

    def browse(self, text: str, *, database: Database = "warehouse", limits: QueryLimits | None = None) -> Result:
        """The result of one governed SELECT as a window, which the caller closes."""
        self._require(database)
        source = self._sources[database]()
        return Result(lambda: self._open_session(source), text, limits=limits)

    def catalogue(self, *, database: Database = "warehouse", counts: bool = True) -> DatabaseInfo:
        """The tables of a database."""
        self._require(database)
        return catalogue(self._sources[database](), counts=counts)

    def diagram(self, kind: str, *, ascii_only: bool = False) -> diagram.Drawing:
        """The `star` or the `snowflake`."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        return diagram.draw(kind, ascii_only=ascii_only)

    def publish(self, to: str, *, stop: threading.Event | None = None) -> Publication:
        """Write the warehouse as Parquet to a folder or `s3://…`; empty: into the workspace's lake."""
        self._permissions.require(MANAGE_WAREHOUSE, WAREHOUSE)
        return self._publish(to, stop)

    def _require(self, database: Database) -> None:
        if database == "weather":
            self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        else:
            self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)

    def _engine(self, name: str, database: Database = "warehouse") -> SqliteEngine | DuckdbEngine:
        if name == "sqlite":
            return self._open_sqlite(self._sources[database]())
        return self._open_other(name)


def _checked(answer: Answer, base: Answer) -> Checked:
    same = answer.columns == base.columns and same_rows(answer, base)
    note = f"{', '.join(base.source)} gives {'the same' if same else 'OTHER ROWS'} ({base.elapsed_ms:.1f} ms)"
    return Checked(replace(answer, notes=(*answer.notes, note)), same)
