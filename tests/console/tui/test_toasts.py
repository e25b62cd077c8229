"""What short messages say of a run that ended, and how long they are."""

from __future__ import annotations

import pytest
from textual.notifications import Notification

from console.tui.toasts import LINES, WIDTH, ended_words, in_the_way, shortened
from etl.errors import Cancelled, CityNotFound, EtlError
from etl.models import City
from etl.run import RunOutcome

CANCELLED = Cancelled("cancelled by the operator")


@pytest.mark.parametrize(
    ("failures", "loaded", "busy", "told", "severity"),
    [
        ([], 2, 0, "Run ended: 2 loaded.", "information"),
        ([CANCELLED] * 3, 1, 0, "Run cancelled: 1 loaded, 3 cancelled.", "warning"),
        ([CityNotFound("no such place"), CANCELLED], 0, 0, "Run ended: 1 failed, 1 cancelled, 0 loaded. no such place",
         "error"),
        ([], 0, 1, "Nothing was done: another process works on this run.", "warning"),
    ],
)  # fmt: skip
def test_the_end_of_a_run_is_told(failures: list[EtlError], loaded: int, busy: int, told: str, severity: str) -> None:
    outcome = RunOutcome("run", loaded, 0, [City("Oslo", "oslo")] * busy, failures)
    assert ended_words(outcome) == (told, severity)


def test_a_newer_message_takes_the_place_of_its_kind_and_two_are_shown_at_most() -> None:
    one, other = Notification("Saved a.sql: done"), Notification("Run ended: 2 loaded.")
    assert in_the_way([one, other], Notification("Run ended: 3 loaded.")) == [other]
    assert in_the_way([one, other], Notification("Nothing was done.")) == [one]
    assert in_the_way([one], Notification("Saved b.sql", severity="error")) == []
    assert in_the_way([other, one], one) == []


def test_a_long_message_is_shortened_to_two_lines() -> None:
    lines = shortened("word " * 100, width=80).splitlines()
    assert len(lines) == LINES
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[-1].endswith("…")
    assert shortened("short", width=60) == "short"
