"""Research questions: typed, answered from the projection by one fixed statement, with small groups hidden.

A question groups by columns of the projection, measures one thing, and may ask for single values of columns. Nothing of
it becomes SQL. At most two columns take part, since for a table of two it can be shown that no set of its cells with 1
to 10 persons can be computed (see `suppression.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from security.database import Database
from security.errors import QuestionRefused
from security.records.masks import SSN
from security.records.research.projection import built
from security.records.research.suppression import SMALLEST, told_cells, told_groups

COLUMNS = ("sex", "age_band", "state", "diagnosis", "first_year")
CONSTANT = "ssn"  # may be grouped by: it holds nothing but the mask
MEASURES = ("patients", "encounters", "mean_encounters")
MOST_COLUMNS = 2
LONGEST_VALUE = 200
_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ROWS = (
    "SELECT sex, age_band, state, diagnosis, first_year, count(*), sum(encounters) FROM subject WHERE domain = ? "
    "GROUP BY 1, 2, 3, 4, 5"
)

Key = tuple[str, ...]
Sums = dict[Key, tuple[int, int]]  # group → patients, encounters


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one domain, checked when it is made. Raises QuestionRefused."""

    domain: str
    by: tuple[str, ...]
    measure: str
    where: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.domain):
            raise QuestionRefused("domain: expected the name of a research domain, found another text")
        if not self.by or len(set(self.by)) != len(self.by):
            raise QuestionRefused("by: expected one or more different columns")
        _check("by", self.by, (*COLUMNS, CONSTANT))
        _check("measure", (self.measure,), MEASURES)
        _check("where", [column for column, _ in self.where], COLUMNS)
        if len(dict(self.where)) != len(self.where):
            raise QuestionRefused("where: expected each column once")
        if any(len(value) > LONGEST_VALUE for _, value in self.where):
            raise QuestionRefused(f"where: expected values of at most {LONGEST_VALUE} characters")
        if len(self.columns) > MOST_COLUMNS:
            raise QuestionRefused(
                f"expected at most {MOST_COLUMNS} columns in by and where together, found {len(self.columns)}: "
                f"{', '.join(self.columns)}; with more, groups under {SMALLEST} could be computed from the others"
            )

    @classmethod
    def parse(cls, domain: str, by: str, measure: str, where: Sequence[str] = ()) -> Question:
        """The question of the command line: `by` is COLUMN[,…], each of `where` is COLUMN=VALUE."""
        conditions = []
        for text in where:
            column, equals, value = text.partition("=")
            if not equals:
                raise QuestionRefused("where: expected COLUMN=VALUE, found a text without `=`")
            conditions.append((column.strip(), value.strip()))
        return cls(domain, tuple(part.strip() for part in by.split(",")), measure.strip(), tuple(conditions))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that take part, in the order of COLUMNS."""
        taking_part = {*self.by, *dict(self.where)}
        return tuple(column for column in COLUMNS if column in taking_part)


@dataclass(frozen=True, slots=True)
class Answer:
    """The groups that may be told. `complete` is False where others are hidden, or may be."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    complete: bool
    built_at: datetime
    smallest_group: int = SMALLEST


class Research:
    """The projection as it may be asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def domains(self) -> list[str]:
        """The domains that have enough patients to be asked about. Raises StoreError."""
        sql = "SELECT domain FROM subject GROUP BY domain HAVING count(*) >= ? ORDER BY domain"
        return [row[0] for row in self._database.query(sql, (SMALLEST,))]

    def ask(self, question: Question, *, permitted: Iterable[str]) -> Answer:
        """The answer to a question about one of the domains `permitted`.

        Raises QuestionRefused: another domain, no projection yet, or nothing can be told. Raises StoreError.
        """
        if question.domain not in permitted:
            raise QuestionRefused("expected a question about a domain that the decision permits, found another")
        with self._database.snapshot():
            projection = built(self._database)
            rows = self._database.query(_ROWS, (question.domain,))
        if projection is None:
            raise QuestionRefused("expected a research projection, found none: it has not been built yet")
        table = _Domain(rows)
        told, complete = _told(table, question)
        return Answer((*question.by, question.measure), told, complete, projection.built_at)


class _Domain:
    """The rows of a domain, summed by any columns."""

    def __init__(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._rows = [(row[:5], int(str(row[5])), int(str(row[6]))) for row in rows]

    def sums(self, columns: Sequence[str]) -> Sums:
        places = [COLUMNS.index(column) for column in columns]
        found: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
        for values, patients, encounters in self._rows:
            group = found[tuple(str(values[place]) for place in places)]
            group[0] += patients
            group[1] += encounters
        return {key: (patients, encounters) for key, (patients, encounters) in found.items()}

    def told(self, columns: Sequence[str]) -> frozenset[Key]:
        """The groups by `columns` that may be told. Raises QuestionRefused if none may be."""
        counts = {key: patients for key, (patients, _) in self.sums(columns).items()}
        if sum(counts.values()) < SMALLEST:
            raise QuestionRefused(f"there are fewer than {SMALLEST} patients to ask about: nothing can be told")
        if not columns:
            return frozenset({()})
        if len(columns) == 1:
            return frozenset((group,) for group in told_groups({key[0]: n for key, n in counts.items()}) or ())
        rows, others = ({key[0] for key in self.told([column])} for column in columns)
        cells = told_cells({(key[0], key[1]): n for key, n in counts.items()}, rows, others)
        if cells is None:
            raise QuestionRefused(
                f"by {' and '.join(columns)} nothing can be told: groups under {SMALLEST} could be computed from it"
            )
        return frozenset(cells)


def _told(table: _Domain, question: Question) -> tuple[tuple[tuple[str | int | float, ...], ...], bool]:
    columns = question.columns
    sums, told = table.sums(columns), table.told(columns)
    wanted = dict(question.where)
    chosen = [
        key
        for key in sums
        if all(wanted.get(column, value) == value for column, value in zip(columns, key, strict=True))
    ]
    rows = sorted((_row(question, columns, key, sums[key]) for key in chosen if key in told), key=lambda row: row[:-1])
    # An empty slice says that it may be incomplete: whether somebody is hidden in it must not show.
    return tuple(rows), bool(chosen) and all(key in told for key in chosen)


def _row(question: Question, columns: Key, key: Key, sums: tuple[int, int]) -> tuple[str | int | float, ...]:
    values = {**dict(zip(columns, key, strict=True)), CONSTANT: SSN}
    patients, encounters = sums
    measured = {"patients": patients, "encounters": encounters, "mean_encounters": round(encounters / patients, 2)}
    return (*(values[column] for column in question.by), measured[question.measure])


def _check(what: str, found: Iterable[str], expected: Sequence[str]) -> None:
    for one in found:
        if one not in expected:
            shown = one if one.isidentifier() and len(one) <= 40 else "another text"
            raise QuestionRefused(f"{what}: expected one of {', '.join(expected)}, found {shown}")
