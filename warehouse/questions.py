"""Asking a question by name: which as-of date holds, what its parameters are, and which tables may answer it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from warehouse.database import script
from warehouse.errors import DataRefused, QueryRefused
from warehouse.governed import Parameters
from warehouse.limits import QueryLimits
from warehouse.models import FACT, Answer
from warehouse.question_check import EmptyWarehouse
from warehouse.question_files import (
    BadQuestion,
    Question,
    builtin_questions,
    depends_on_date,
    user_questions,
    values_of,
)

NEWEST_MONTH = """
    SELECT year, month_number, SUM(transaction_count) FROM Monthly_Store_Category_Aggregate_Table
    WHERE (year, month_number) = (SELECT year, month_number FROM Monthly_Store_Category_Aggregate_Table
                                  ORDER BY year DESC, month_number DESC LIMIT 1)
    GROUP BY year, month_number"""
NO_SALES = "there are no sales yet: load some with `lakewarden warehouse load`"


class Engine(Protocol):
    """What answers SQL. `facts_only` says that it has no aggregates."""

    @property
    def name(self) -> str: ...

    @property
    def facts_only(self) -> bool: ...

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """The first rows of one SELECT."""
        ...

    def last_day(self) -> date:
        """The last day with sales. Raises `DataRefused` if there are none."""
        ...


class Questions:
    """The questions of the program and those in a folder of the workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> tuple[dict[str, Question], list[BadQuestion]]:
        """Every question by name, and the files that are none, or whose SELECT is none on the warehouse."""
        added, bad = user_questions(self.folder)
        if added:
            with EmptyWarehouse() as empty:
                problems = {name: empty.problem(question) for name, question in added.items()}
            bad += [BadQuestion(self.folder / f"{name}.sql", problem) for name, problem in problems.items() if problem]
            added = {name: question for name, question in added.items() if not problems[name]}
        return builtin_questions() | added, sorted(bad, key=lambda file: file.path)

    def find(self, name: str) -> Question:
        """The question of that name. Raises `QueryRefused` if there is none, or its file is bad."""
        added, bad = user_questions(self.folder)
        found = builtin_questions() | added
        if name in found:
            return found[name]
        for file in bad:
            if file.path.stem == name:
                raise QueryRefused(f"{file.path} is not a question: {file.problem}")
        raise QueryRefused(f"there is no question {name[:80]!r}; there are {', '.join(found)}")


def ask(
    engine: Engine,
    question: Question,
    *,
    as_of: date | None = None,
    values: Mapping[str, str] | None = None,
    aggregates: bool = True,
    limits: QueryLimits | None = None,
    stop: threading.Event | None = None,
) -> Answer:
    """The answer to a question; without `as_of`, as of the last day with sales, which a note names if it matters."""
    day = as_of or engine.last_day()
    parameters = values_of(question, day, values or {})
    if question.facts_sql is None:
        answer = engine.answer(question.sql, parameters, aggregates=aggregates, limits=limits, stop=stop)
    else:
        from_facts = not aggregates or engine.facts_only
        sql = question.facts_sql if from_facts else question.sql
        answer = engine.answer(sql, parameters, aggregates=False, limits=limits, stop=stop)
        if not engine.facts_only:
            answer = replace(answer, because=why(answer.source, from_facts=from_facts))
    return replace(answer, notes=(*as_of_notes(question, day, asked=as_of is not None), *answer.notes))


def as_of_notes(question: Question, day: date, *, asked: bool) -> tuple[str, ...]:
    """The as-of date, and where it comes from; nothing for a question that uses none."""
    told = f"as of {day.isoformat()} ({'as asked' if asked else 'the last day with sales'})"
    return (told,) if depends_on_date(question) else ()


def last_day_in_columns(engine: Engine, *, otherwise: str = NO_SALES) -> date:
    """The last day with sales, of an engine that reads one column of the facts at once.

    Raises `DataRefused`, which says `otherwise`, if there are none.
    """
    found = engine.answer(f"SELECT max(time_id) FROM {FACT}").rows[0][0]  # noqa: S608 - own name
    if not isinstance(found, int):
        raise DataRefused(otherwise)
    return date(found // 10000, found // 100 % 100, found % 100)


def last_day_in_sqlite(engine: Engine) -> date:
    """The last day with sales, found without a walk through all facts. Raises `DataRefused` if there are none."""
    newest = engine.answer(NEWEST_MONTH, aggregates=False).rows
    if not newest:
        raise DataRefused(NO_SALES)
    year, month, lines = (int(cell) for cell in newest[0] if isinstance(cell, int))
    parameters = {"before": year * 10000 + month * 100}
    bound, found = engine.answer(script("last_day_at_most"), parameters, aggregates=False).rows[0]
    if bound != found:
        parameters["lines"] = lines
        found = engine.answer(script("last_day_with_sales"), parameters, aggregates=False).rows[0][0]
    if not isinstance(found, int):
        raise DataRefused("the aggregates do not agree with the facts: run `lakewarden warehouse refresh`")
    return date(found // 10000, found // 100 % 100, found % 100)


def why(source: Sequence[str], *, from_facts: bool) -> str:
    """Why a question that names its aggregate itself was answered from there."""
    if from_facts:
        return "answered from the facts as asked"
    tables = ", ".join(source)
    return f"answered from {tables} because it is the smallest aggregate with what the question needs, to the cent"
