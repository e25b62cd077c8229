"""The log view: any text is shown safely, the newest is followed, searching finds, and length costs nothing."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from console.tui.widgets.log_text import MOST_CHARACTERS, shown_lines, wrapped
from console.tui.widgets.log_view import LogView
from etl.history.queries import LogLine
from tests.console.tui.workspaces import until

AT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


def lines(texts: Sequence[str], level: str = "INFO", *, first: int = 1) -> list[LogLine]:
    return [LogLine(n, AT + timedelta(seconds=n), level, text) for n, text in enumerate(texts, first)]


# ---- the text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", ["\\x1b[31mred\\x1b[0m"]),
        ("a\tb", ["a    b"]),
        ("one\r\ntwo\n", ["one", "two", ""]),
        ("over\rwritten", ["over\\rwritten"]),
        ("\u202egnirts\u2069", ["\\u202egnirts\\u2069"]),
        ("[red]not markup[/red]", ["[red]not markup[/red]"]),
        ("東京 São Paulo", ["東京 São Paulo"]),
        ("\x9b31m", ["\\x9b31m"]),
        ("\ud800", ["\\ud800"]),
    ],
)
def test_what_a_terminal_would_act_upon_is_shown_escaped(text: str, shown: list[str]) -> None:
    assert shown_lines(text) == shown


def test_marks_do_not_pile_up() -> None:
    assert shown_lines("a" + "\u0301" * 5) == ["a\u0301\u0301" + "\\u0301" * 3]


def test_of_a_very_long_line_the_rest_is_counted() -> None:
    (shown,) = shown_lines("x" * (MOST_CHARACTERS + 5000))
    assert shown == "x" * MOST_CHARACTERS + " … and 5,000 characters more"


@given(st.text(), st.integers(2, 40))
def test_rows_hold_the_whole_text_and_never_are_wider_than_asked(text: str, width: int) -> None:
    for line in shown_lines(text):
        rows = wrapped(line, width)
        assert "".join(line[start:end] for start, end in rows) == line
        assert all(cell_len(line[start:end]) <= width for start, end in rows)
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in line)


def test_rows_break_at_a_space_near_their_end() -> None:
    text = "check the spelling, or write it as a city id"
    assert [text[start:end] for start, end in wrapped(text, 16)] == [
        "check the ",
        "spelling, or ",
        "write it as a ",
        "city id",
    ]
    text = "“prüfe” die Schreibweise bitte"
    assert [text[start:end] for start, end in wrapped(text, 14)] == ["“prüfe” die ", "Schreibweise ", "bitte"]


# ---- the widget -------------------------------------------------------------------------------------------------


class LogApp(App[None]):
    """A log view alone on the screen."""

    def compose(self) -> ComposeResult:
        yield LogView(id="log")

    def on_mount(self) -> None:
        self.animation_level = "none"
        self.copied: list[str] = []
        self.view.focus()

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def on_log_view_copy_line(self, event: LogView.CopyLine) -> None:
        self.copied.append(event.text)

    def rows(self) -> list[str]:
        return [self.view.render_line(y).text.rstrip() for y in range(self.view.size.height)]


async def test_a_line_shows_time_level_and_text() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 6)):
        app.view.show(
            lines(["poke 1: 503"], "WARNING") + lines(["saved"], first=2) + lines(["no\nmore"], "ERROR", first=3)
        )
        local = [(AT + timedelta(seconds=n)).astimezone().strftime("%H:%M:%S") for n in (1, 2, 3)]
        assert app.rows()[:4] == [
            f" {local[0]} WARN  poke 1: 503",
            f" {local[1]} INFO  saved",
            f" {local[2]} ERROR no",
            "                more",
        ]


async def test_the_newest_is_followed_until_the_operator_moves_away_and_end_follows_again() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.show(lines([f"line {n}" for n in range(1, 21)]))
        assert app.rows()[-1].endswith("line 20")
        app.view.append(lines(["line 21"], first=21))
        assert app.rows()[-1].endswith("line 21")
        await pilot.press("up", "up")
        app.view.append(lines(["line 22", "line 23"], first=22))
        assert app.rows()[-1].endswith("line 21")
        assert "End follows" in app.view.note
        await pilot.press("end")
        assert app.rows()[-1].endswith("line 23")
        app.view.append(lines(["line 24"], first=24))
        assert app.rows()[-1].endswith("line 24")


async def test_scrolling_away_with_the_wheel_ends_following_too() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.show(lines([f"line {n}" for n in range(1, 41)]))
        await pilot.pause()
        app.view.scroll_up(animate=False, immediate=True)
        await pilot.pause()
        before = app.rows()
        app.view.append(lines(["line 41"], first=41))
        assert app.rows() == before
        assert not app.view.following


async def test_searching_marks_counts_and_goes_around() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 6)) as pilot:
        app.view.show(lines([f"Poke {n}" if n % 10 == 0 else f"line {n}" for n in range(1, 51)]))
        await pilot.press("home")
        assert app.view.search("POKE") == 5
        assert app.view.note.startswith("match 1 of 5")
        visited = []
        for _ in range(5):
            await pilot.press("n")
            assert app.view.line is not None
            visited.append(app.view.line.text)
        assert visited == ["Poke 20", "Poke 30", "Poke 40", "Poke 50", "Poke 10"]
        await pilot.press("N")
        assert app.view.line is not None
        assert app.view.line.text == "Poke 50"
        marked = [s for y in range(6) for s in app.view.render_line(y) if s.text == "Poke"]
        assert marked
        assert all(s.style is not None and s.style.bold for s in marked)
        app.view.append(lines(["poke again"], first=51))
        assert "of 6" in app.view.note
        assert app.view.search("[red]") == 0
        assert app.view.note.startswith("no match")


async def test_the_selected_line_is_copied_whole_and_unescaped() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 6)) as pilot:
        text = "a long line " * 20 + "\x1b[31m"
        app.view.show(lines([text]))
        await pilot.press("c")
        await until(lambda: app.copied, "the copied line")
        assert app.copied == [text]


async def test_hostile_lines_keep_the_layout() -> None:
    app = LogApp()
    hostile = [
        "\x1b[2J\x1b[H",
        "\u202eabc" * 30,
        "👩\u200d👩\u200d👧 family",
        "東" * 100,
        "e" + "\u0301" * 50,
        "\x00\x07\x1b]0;title\x07",
    ]
    async with app.run_test(size=(40, 20)):
        app.view.show(lines(hostile))
        for y in range(20):
            strip = app.view.render_line(y)
            assert strip.cell_length == app.view.size.width
            assert cell_len(strip.text) == app.view.size.width
            assert strip.text.isprintable()


async def test_a_narrower_window_wraps_anew_and_keeps_the_selected_line_in_sight() -> None:
    app = LogApp()
    async with app.run_test(size=(100, 8)) as pilot:
        app.view.show(lines([f"line {n} " + "word " * 12 for n in range(1, 41)]))
        await pilot.press("home", *["down"] * 20)
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert app.view.line is not None
        assert any("line 21 " in row for row in app.rows())


async def test_a_hundred_thousand_lines_stay_quick() -> None:
    app = LogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        begun_s = time.monotonic()
        app.view.show(lines([f"line {n}: nothing to report" for n in range(100_000)]))
        await pilot.press("home")
        assert app.view.search("99999") == 1
        assert app.rows()[-1].endswith("line 99999: nothing to report")
        for _ in range(200):
            app.view.append(lines(["one more"], first=100_000))
        assert time.monotonic() - begun_s < 10  # a second on an idle machine; a quadratic way takes minutes
