"""What stands in each line of a record: every column with a sign of how it is shown, the encounters, the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Part, cell
from security.policy.columns import IDENTIFIERS, IDENTIFYING, PATIENT_COLUMNS
from security.records.masks import mask
from security.records.models import Encounter, HistoryEntry, Record, Show

NAME_WIDTH, SHOWN_WIDTH = 12, 8
SIGNS = {Show.CLEAR: ("= clear", "good"), Show.MASKED: ("# masked", "wait"), Show.DENIED: ("x denied", "bad")}
HIDDEN = ("# hidden", "wait")
_TITLES = {
    "patient_id": "Patient id",
    "name": "Name",
    "birth_date": "Born",
    "sex": "Sex",
    "address": "Address",
    "phone": "Phone",
    "email": "E-mail",
    "ssn": "SSN",
    "insurance_id": "Insurance id",
    "site": "Site",
    "domain": "Domain",
    "assigned": "Assigned",
    "encounters": "Encounters",
    "history": "History",
}


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A line of the record: of which column it is, and of which entry of the history."""

    column: str
    cells: tuple[Cell, ...]
    entry: HistoryEntry | None = None
    encounter: int | None = None  # which, counted from the oldest

    @property
    def part(self) -> tuple[str, int | None]:
        """The column, and the number of the entry or encounter: the same whenever the record is read again."""
        return self.column, self.entry.entry if self.entry is not None else self.encounter


@dataclass(frozen=True, slots=True)
class Reveal:
    """What is known of the identifiers beside the record: whether a key shows them, and their values while it does."""

    possible: bool = False
    values: Mapping[str, str] | None = None
    left_s: int = 0


def lines_of(record: Record, width: int, reveal: Reveal) -> list[RecordLine]:
    """The lines for values `width` cells wide, in the order of the columns, the newest encounter and entry first."""
    lines: list[RecordLine] = []
    for column in PATIENT_COLUMNS:
        lines += _column(record, column, width, reveal)
    return lines


def same_place(before: Sequence[RecordLine], place: int, now: Sequence[RecordLine]) -> int:
    """Where the line at `place` is `now`: of the same part as near as can be, else of the same number."""
    if place >= len(before):
        return max(0, min(place, len(now) - 1))
    part = before[place].part
    within = sum(line.part == part for line in before[:place])
    places = [number for number, line in enumerate(now) if line.part == part]
    return places[min(within, len(places) - 1)] if places else max(0, min(place, len(now) - 1))


def copied(record: Record, line: RecordLine) -> str | None:
    """What the copy key takes from a line; None where it must not."""
    if line.column in IDENTIFYING or record.shown[line.column] is not Show.CLEAR:
        return None
    if line.entry is not None:
        return line.entry.text
    value = record.columns[line.column]
    return value if isinstance(value, str) else None if line.column != "assigned" else ", ".join(map(str, value))


def title_of(column: str) -> str:
    """The name of a column for people."""
    return _TITLES[column]


def _column(record: Record, column: str, width: int, reveal: Reveal) -> Iterator[RecordLine]:
    show = record.shown[column]
    if column in IDENTIFIERS and (reveal.possible or reveal.values is not None):
        yield _identifier(column, reveal)
    elif show is Show.DENIED:
        yield _first(column, SIGNS[show], "not shown to this role", "muted")
    elif show is Show.MASKED:
        yield _first(column, SIGNS[show], mask(column), "wait")
    elif column == "encounters":
        yield from _encounters(record.columns[column], width)
    elif column == "history":
        yield from _history(record.columns[column], width)
    else:
        value = record.columns[column]
        text = value if isinstance(value, str) else ", ".join(map(str, value))
        yield from _wrapped(column, SIGNS[show], text or "nobody", width, "strong" if column == "name" else "text")


def _identifier(column: str, reveal: Reveal) -> RecordLine:
    if reveal.values is None:
        told = ((mask(column), "wait"), ("   i shows it", "muted"))
        return RecordLine(column, (cell(title_of(column), "muted"), cell(*HIDDEN), Cell(told)))
    shown = ((plain(reveal.values.get(column, mask(column))), "strong"), (f"  {reveal.left_s} s left", "wait"))
    return RecordLine(column, (cell(title_of(column), "muted"), cell(*SIGNS[Show.CLEAR]), Cell(shown)))


def _encounters(value: object, width: int) -> Iterator[RecordLine]:
    found = [one for one in value if isinstance(one, Encounter)] if isinstance(value, tuple) else []
    yield _first("encounters", SIGNS[Show.CLEAR], _count(len(found), "encounter"), "muted")
    newest_first = sorted(found, key=lambda encounter: encounter.on, reverse=True)
    for number, one in zip(range(len(found), 0, -1), newest_first, strict=True):
        texts = _wrap(one.diagnosis, width)
        head = (cell(f"  {one.on.isoformat()}"), cell(plain(one.kind), "muted"), cell(texts[0]))
        yield RecordLine("encounters", head, encounter=number)
        for text in texts[1:]:
            yield RecordLine("encounters", (cell(""), cell(""), cell(text)), encounter=number)


def _history(value: object, width: int) -> Iterator[RecordLine]:
    found = [one for one in value if isinstance(one, HistoryEntry)] if isinstance(value, tuple) else []
    told = _count(len(found), "entry", "entries")
    yield _first("history", SIGNS[Show.CLEAR], f"{told}, newest first" if len(found) > 1 else told, "muted")
    for one in sorted(found, key=lambda entry: entry.version, reverse=True):
        yield RecordLine("history", (Cell(head_of(one), span=3),), one)
        for text in _wrap(one.text, width + SHOWN_WIDTH + NAME_WIDTH):
            yield RecordLine("history", (cell("  " + text, span=3),), one)


def head_of(entry: HistoryEntry) -> tuple[Part, ...]:
    """`#3  2026-11-02 14:05 UTC  doctor  amended`: which entry, when its newest text was written, by whom."""
    amended = "  amended" if entry.version != entry.entry else ""
    when = f"{entry.written_at:%Y-%m-%d %H:%M} UTC"
    return ((f"#{entry.entry}", "accent"), (f"  {when}  {plain(entry.written_by)}{amended}", "muted"))


def _first(column: str, sign: Part, text: str, tone: str) -> RecordLine:
    return RecordLine(column, (cell(title_of(column), "muted"), cell(*sign), cell(text, tone)))


def _wrapped(column: str, sign: Part, text: str, width: int, tone: str) -> Iterator[RecordLine]:
    first, *more = _wrap(text, width)
    yield _first(column, sign, first, tone)
    for line in more:
        yield RecordLine(column, (cell(""), cell(""), cell(line, tone)))


def _wrap(text: str, width: int) -> Sequence[str]:
    """The lines of `text`, each within `width` cells; its own line breaks stay."""
    parts = [Content(plain(part)).wrap(max(width, 10)) for part in text.splitlines()]
    return [line.plain.rstrip() for lines in parts for line in lines] or [""]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
