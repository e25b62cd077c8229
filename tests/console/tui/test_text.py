"""Any text becomes harmless and fits: what names and messages of strangers may do to a terminal."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.tui.text import UNSHOWABLE, age_words, duration_words, fitted, local_clock, plain, utc_hour

NOW = datetime(2026, 11, 24, 14, 20, 45, tzinfo=UTC)


@given(st.text())
def test_nothing_that_a_terminal_acts_upon_is_left(text: str) -> None:
    shown = plain(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "\n" not in shown


@given(st.text(), st.integers(min_value=0, max_value=120), st.sampled_from(["left", "right"]))
def test_a_fitted_text_has_exactly_the_width(text: str, width: int, align: str) -> None:
    assert cell_len(fitted(plain(text), width, align)) == width


def test_escapes_and_direction_marks_lose_their_effect() -> None:
    assert plain("\x1b[31mred\x1b[0m") == f"{UNSHOWABLE}[31mred{UNSHOWABLE}[0m"
    assert plain("\u202eabc\u2066") == "abc"
    assert plain("[red]markup[/red]") == "[red]markup[/red]"
    assert plain("a" + "\u0301" * 50) == "a" + "\u0301" * 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (61, "1m01s"), (599, "9m59s"), (1800, "30m"), (3700, "1h01m")],
)
def test_durations_take_five_cells(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
    assert len(words) <= 5


def test_an_age_is_a_time_of_day_within_the_hour_and_coarser_later() -> None:
    assert age_words(NOW - timedelta(minutes=5), NOW) == local_clock(NOW - timedelta(minutes=5))
    assert age_words(NOW - timedelta(minutes=125), NOW) == "2 h ago"
    assert age_words(NOW - timedelta(days=3), NOW) == "3 d ago"
    assert age_words(NOW - timedelta(days=800), NOW) == "2 y ago"


def test_a_logical_time_shows_its_year_where_it_is_another() -> None:
    assert utc_hour(NOW, NOW, width=14) == "11-24 14:20:45"
    assert utc_hour(NOW.replace(second=0), NOW, width=14) == "11-24 14:20"
    assert utc_hour(NOW.replace(year=2025), NOW, width=14) == "25-11-24 14:20"
    assert utc_hour(NOW, NOW, width=19) == "2026-11-24 14:20:45"
