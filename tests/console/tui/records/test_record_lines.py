"""The lines of a record: a sign for how each column is shown, values as wide as there is room, what may be copied."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from rich.cells import cell_len

from console.tui.records.record_lines import NAME_WIDTH, SHOWN_WIDTH, Reveal, copied, lines_of, same_place
from security.policy.columns import PATIENT_COLUMNS
from security.records.masks import mask
from security.records.models import Encounter, HistoryEntry, Record, Show, Value

AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
VALUES: dict[str, Value] = {
    **dict.fromkeys(PATIENT_COLUMNS, "value"),
    "assigned": ("doctor", "doctor-nights"),
    "encounters": (Encounter(date(2025, 1, 2), "visit", "C50 x"), Encounter(date(2026, 1, 2), "call", "C50 y")),
    "history": (
        HistoryEntry(1, 1, "first " * 30, "doctor", AT),
        HistoryEntry(2, 3, "one\nline\x1b[31m", "doctor-nights", AT),
    ),
}


def record(shown: Show) -> Record:
    columns = {name: value if shown is Show.CLEAR else mask(name) for name, value in VALUES.items()}
    return Record("P1", 3, {} if shown is Show.DENIED else columns, dict.fromkeys(PATIENT_COLUMNS, shown))


def texts(shown: Show, reveal: Reveal | None = None, width: int = 30) -> list[str]:
    lines = lines_of(record(shown), width, reveal or Reveal())
    return [" ".join("".join(text for text, _ in found.parts) for found in line.cells) for line in lines]


def test_every_column_has_a_sign_that_needs_no_colour() -> None:
    assert sum("x denied" in text for text in texts(Show.DENIED)) == len(PATIENT_COLUMNS)
    assert sum("# masked" in text for text in texts(Show.MASKED)) == len(PATIENT_COLUMNS)
    assert sum("= clear" in text for text in texts(Show.CLEAR)) == len(PATIENT_COLUMNS)


def test_identifiers_that_can_be_revealed_are_hidden_until_they_are() -> None:
    hidden = [text for text in texts(Show.CLEAR, Reveal(possible=True)) if "# hidden" in text]
    assert len(hidden) == 2
    assert not any("value" in text for text in hidden)
    values = {"ssn": "000-11-2222", "insurance_id": "PRX-1"}
    revealed = "\n".join(texts(Show.MASKED, Reveal(True, values, 7)))
    assert "000-11-2222  7 s left" in revealed
    assert "PRX-1  7 s left" in revealed


def test_the_newest_stands_first_and_controls_do_not_reach_the_terminal() -> None:
    found = texts(Show.CLEAR)
    assert [text.split()[0] for text in found if text.startswith("  20")] == ["2026-01-02", "2025-01-02"]
    heads = [text for text in found if text.startswith("#") and "UTC" in text]
    assert heads[0].startswith("#2  2026-11-28 09:30 UTC  doctor-nights  amended")
    assert heads[1].startswith("#1  2026-11-28 09:30 UTC  doctor")
    assert "\x1b" not in "".join(found)


def test_no_line_is_wider_than_its_room() -> None:
    whole = NAME_WIDTH + 1 + SHOWN_WIDTH + 1
    for width in (28, 80):
        for line in lines_of(record(Show.CLEAR), width, Reveal()):
            *_, last = line.cells
            room = width if last.span == 1 else whole + width
            assert cell_len("".join(text for text, _ in last.parts)) <= room


def test_only_what_does_not_identify_may_be_copied() -> None:
    found = {line.column: copied(record(Show.CLEAR), line) for line in lines_of(record(Show.CLEAR), 30, Reveal())}
    refused = {column for column, text in found.items() if text is None}
    assert refused == {"name", "birth_date", "address", "phone", "email", "ssn", "insurance_id", "encounters"}
    assert found["assigned"] == "doctor, doctor-nights"
    masked = {copied(record(Show.MASKED), line) for line in lines_of(record(Show.MASKED), 30, Reveal())}
    assert masked == {None}


def test_a_text_in_wide_characters_is_wrapped_by_cells_and_nothing_of_it_is_lost() -> None:
    text = "患者は歩行可能" * 20
    history = (HistoryEntry(1, 1, text, "doctor", AT),)
    found = Record("P1", 1, {**VALUES, "history": history}, dict.fromkeys(PATIENT_COLUMNS, Show.CLEAR))
    lines = [line for line in lines_of(found, 30, Reveal()) if line.entry is not None][1:]
    shown = ["".join(part for part, _ in line.cells[0].parts) for line in lines]
    assert "".join(shown).replace(" ", "") == text
    assert max(map(cell_len, shown)) <= NAME_WIDTH + 1 + SHOWN_WIDTH + 1 + 30


def amended(number: int, text: str) -> Record:
    """The record with a newer text of one entry, which stands first from then on."""
    history = [HistoryEntry(entry, entry, f"text {entry}", "doctor", AT) for entry in (1, 2, 3)]
    history[number - 1] = HistoryEntry(number, 4, text, "doctor", AT)
    return Record("P1", 4, {**VALUES, "history": tuple(history)}, dict.fromkeys(PATIENT_COLUMNS, Show.CLEAR))


@pytest.mark.parametrize("width", [30, 60])
def test_a_line_is_found_again_where_texts_wrap_otherwise_and_entries_stand_elsewhere(width: int) -> None:
    before, now = lines_of(record(Show.CLEAR), 30, Reveal()), lines_of(amended(2, "one"), width, Reveal())
    for place, line in enumerate(before):
        found = now[same_place(before, place, now)]
        assert (found.column, found.part) == (line.column, line.part)


def test_a_line_within_a_text_stays_that_line_as_far_as_there_is_one() -> None:
    before, now = lines_of(amended(1, "a\nb\nc"), 30, Reveal()), lines_of(amended(1, "a\nb"), 30, Reveal())
    first = next(place for place, line in enumerate(before) if line.part == ("history", 1))
    assert [same_place(before, first + by, now) for by in range(4)] == [first, first + 1, first + 2, first + 2]


def test_where_the_part_is_gone_the_line_of_the_same_number_is_taken() -> None:
    before, now = lines_of(amended(3, "x"), 30, Reveal()), lines_of(record(Show.DENIED), 30, Reveal())
    assert same_place(before, len(before) - 1, now) == len(now) - 1
    assert same_place(before, 2, []) == 0
    assert same_place([], 7, now) == 7
