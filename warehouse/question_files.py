"""Question files: one SELECT with a header that gives its title and its named, typed, defaulted parameters.

    -- title: Sales of one region
    -- parameter: region text = North | the region to look at
    -- parameter: least_pieces integer = 0
    -- parameter: level choice(gold, silver, bronze) = gold | whose sales
    SELECT …  WHERE region = :region …

`:as_of`, `:as_of_year`, `:as_of_month`, `:last_month_year` and `:last_month` come from the as-of date.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

from warehouse.errors import QueryRefused
from warehouse.models import Cell
from warehouse.sql_text import one_select

MAX_BYTES = 200_000
FROM_AS_OF = ("as_of", "as_of_year", "as_of_month", "last_month_year", "last_month")
KINDS = ("text", "integer", "number", "date", "choice")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_HEADER = re.compile(r"--\s*(title|parameter)\s*:\s*(.*)")
_PARAMETER = re.compile(r"([A-Za-z_]\w*)\s+(\w+)(?:\s*\(([^()]*)\))?(?:\s*=\s*([^|]*?))?\s*(?:\|\s*(.*))?")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; without a default it has to be given. A choice takes one of its `choices` and nothing else."""

    name: str
    kind: str
    default: Cell
    about: str
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Its type in a few words: `integer`, `one of gold, silver`."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.kind


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `facts_sql` answers the same from the facts alone, where `sql` names an aggregate itself."""

    name: str
    title: str
    sql: str
    facts_sql: str | None
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class BadQuestion:
    """A file that is no question, and why."""

    path: Path
    problem: str


def builtin_questions() -> dict[str, Question]:
    """The questions of the specification, by name."""
    folder = resources.files("warehouse") / "sql" / "questions"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    found = {}
    for file in sorted(texts):
        name = file.removesuffix(".sql")
        if not name.endswith(".facts"):
            found[name] = _question(name, texts[file], texts.get(f"{name}.facts.sql"))
    return found


def user_questions(folder: Path) -> tuple[dict[str, Question], list[BadQuestion]]:
    """The questions in `folder`, which may be missing, and the files that are none."""
    found: dict[str, Question] = {}
    bad = []
    taken = builtin_questions()
    for path in sorted(folder.glob("*.sql")) if folder.is_dir() else []:
        try:
            if path.stem in taken:
                raise QueryRefused("a question of that name comes with the program; rename the file")
            found[path.stem] = _question(path.stem, _text_of(path), None)
        except QueryRefused as error:
            bad.append(BadQuestion(path, str(error)))
    return found, bad


def question_of(name: str, text: str) -> Question:
    """The question that the text of a file makes. Raises `QueryRefused` where it is none."""
    return _question(name, text, None)


def values_of(question: Question, as_of: date, given: Mapping[str, str]) -> dict[str, Cell]:
    """The value of every parameter that the question's SQL uses. Raises `QueryRefused` for what does not fit."""
    known = {parameter.name: parameter for parameter in question.parameters}
    for name in given:
        if name not in known:
            if name in FROM_AS_OF:
                raise QueryRefused(f"{name} comes from the as-of date and is not set: give --as-of YYYY-MM-DD")
            raise QueryRefused(f"{question.name} has no parameter {name!r}; it has {', '.join(known) or 'none'}")
    values: dict[str, Cell] = {}
    for name, parameter in known.items():
        if name in given:
            values[name] = _value(parameter, given[name])
        elif parameter.default is None:
            raise QueryRefused(f"{question.name} needs {name} ({parameter.expected}): give --set {name}=VALUE")
        else:
            values[name] = parameter.default
    if (as_of.year, as_of.month) == (date.min.year, date.min.month):
        raise QueryRefused(f"the as-of date {as_of} has no month before it: expected a later one")
    before = as_of.replace(day=1) - timedelta(days=1)
    derived: dict[str, Cell] = {
        "as_of": as_of.isoformat(),
        "as_of_year": as_of.year,
        "as_of_month": as_of.month,
        "last_month_year": before.year,
        "last_month": before.month,
    }
    used = _all_used(question)
    return values | {name: value for name, value in derived.items() if name in used}


def depends_on_date(question: Question) -> bool:
    """Whether the answer is another one as of another date."""
    return not _all_used(question).isdisjoint(FROM_AS_OF)


def _all_used(question: Question) -> set[str]:
    return _used(question.sql) | (_used(question.facts_sql) if question.facts_sql else set())


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise QueryRefused(f"it is larger than {MAX_BYTES:,} bytes")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise QueryRefused("it is not UTF-8 text") from error
    except OSError as error:
        raise QueryRefused(f"it cannot be read: {error.strerror}") from error


def _question(name: str, text: str, facts_text: str | None) -> Question:
    if not _NAME.fullmatch(name):
        raise QueryRefused("its name must be of lower-case letters, digits and hyphens")
    title, parameters = "", []
    for line in text.splitlines():
        if header := _HEADER.fullmatch(line.strip()):
            if header[1] == "title":
                title = header[2]
            else:
                parameters.append(_parameter(header[2]))
        elif line.strip() and not line.strip().startswith("--"):
            break
    if not title:
        raise QueryRefused("it has no title: expected a first line `-- title: …`")
    sql, _ = one_select(text)
    _check_parameters(sql, [parameter.name for parameter in parameters])
    return Question(name, title, sql, one_select(facts_text)[0] if facts_text else None, tuple(parameters))


def _parameter(text: str) -> Parameter:
    match = _PARAMETER.fullmatch(text.strip())
    if match is None:
        raise QueryRefused(f"expected `-- parameter: NAME TYPE = DEFAULT | what it is`, found {text[:60]!r}")
    name, kind, among, default, about = match.groups()
    if kind not in KINDS:
        raise QueryRefused(f"the parameter {name} has the type {kind!r}; there are {', '.join(KINDS)}")
    if name in FROM_AS_OF:
        raise QueryRefused(f"the parameter {name} comes from the as-of date and cannot be declared")
    if (among is not None) != (kind == "choice"):
        raise QueryRefused(f"the parameter {name}: expected a list for a choice alone, as in `choice(gold, silver)`")
    parameter = Parameter(name, kind, None, about or "", () if among is None else _choices(name, among))
    return parameter if default is None else replace(parameter, default=_value(parameter, default.strip("'")))


def _choices(name: str, text: str) -> tuple[str, ...]:
    found = [choice.strip().strip("'") for choice in text.split(",")]
    if not all(found) or len({choice.casefold() for choice in found}) < len(found):
        raise QueryRefused(f"the parameter {name}: expected different values between commas, found {text[:60]!r}")
    return tuple(found)


def _check_parameters(sql: str, declared: list[str]) -> None:
    used = _used(sql)
    for name in declared:
        if declared.count(name) > 1:
            raise QueryRefused(f"the parameter {name} is declared twice")
        if name not in used:
            raise QueryRefused(f"the parameter {name} is declared, but the query has no :{name}")
    for name in sorted(used - set(declared) - set(FROM_AS_OF)):
        raise QueryRefused(f"the query has :{name}, which no `-- parameter:` line declares")


def _used(sql: str) -> set[str]:
    found = [token.text for token in one_select(sql)[1] if token.kind == "parameter"]
    for text in found:
        if text[0] != ":":
            raise QueryRefused(f"parameters are written :name, found {text!r}")
    return {text[1:] for text in found}


def _value(parameter: Parameter, text: str) -> Cell:
    kind, name = parameter.kind, parameter.name
    if kind == "choice":
        for choice in parameter.choices:
            if choice.casefold() == text.strip().casefold():
                return choice
        raise QueryRefused(f"{name}: expected {parameter.expected}, found {text[:40]!r}")
    try:
        if kind == "integer":
            number = int(text)
            if abs(number) >= 2**63:
                raise ValueError(text)
            return number
        if kind == "number":
            if not math.isfinite(real := float(text)):  # SQLite takes no other
                raise ValueError(text)
            return real
        if kind == "date":
            return date.fromisoformat(text).isoformat()
    except ValueError as error:
        expected = "a date YYYY-MM-DD" if kind == "date" else f"a value of type {kind}"
        raise QueryRefused(f"{name}: expected {expected}, found {text[:40]!r}") from error
    return text
