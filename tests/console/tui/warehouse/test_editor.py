"""The SQL editor: typing, statements, tabs that survive, what it posts, and that a long text does not make it slow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.binding import Binding
from textual.pilot import Pilot

from console.tui.screens.dialogs import Confirm
from console.tui.warehouse.editor import editor_tabs
from console.tui.warehouse.editor.editor import FILE, SqlEditor
from console.tui.warehouse.editor.editor_tabs import EditorTab, EditorTabs, TabsFile
from console.tui.warehouse.editor.plan_view import PlanView
from console.tui.warehouse.editor.query_history import HistoryDialog, HistoryTable
from console.tui.warehouse.editor.question_form import QuestionForm
from console.tui.warehouse.editor.question_list import QuestionList
from console.tui.warehouse.editor.question_save import SaveQuestion
from console.tui.warehouse.editor.sql_area import SqlArea
from console.tui.warehouse.editor.sql_document import clean
from console.tui.warehouse.editor.sql_paper import BAR, bracket_pairs
from tests.console.tui.warehouse.editor_app import EditorApp
from tests.console.tui.workspaces import until

TWO = "SELECT 1;\n\nSELECT 2\nFROM Store_Table"

Show = Callable[..., AbstractAsyncContextManager[tuple[EditorApp, Pilot[None]]]]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    @asynccontextmanager
    async def shown(text: str = "", size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[EditorApp, Pilot[None]]]:
        app = EditorApp(tmp_path)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(lambda: app.editor._loaded and app.area.has_focus, "the tabs")
            if text:
                app.editor.open_tab(text)
                await pilot.pause()
            yield app, pilot

    return shown


def posted(app: EditorApp) -> list[tuple[str, Any]]:
    return [(type(one).__name__, getattr(one, "text", None)) for one in app.posted]


def saved(home: Path) -> list[str]:
    return [tab["text"] for tab in json.loads((home / FILE).read_text())["tabs"]]


async def test_letters_that_are_commands_elsewhere_are_text_here(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press("q", "m", "question_mark", "1", "slash", "g", "G", "x")
        assert app.editor.text == "qm?1/gGx"


@pytest.mark.parametrize("key", ["f5", "ctrl+j"])
async def test_the_statement_under_the_cursor_is_run(show: Show, key: str) -> None:
    async with show(TWO) as (app, pilot):
        await pilot.press(key)
        app.area.move_cursor((2, 3))
        await pilot.press(key)
        assert posted(app) == [("Run", "SELECT 1"), ("Run", "SELECT 2\nFROM Store_Table")]
        run = app.posted[-1]
        assert isinstance(run, SqlEditor.Run)
        assert run.database == "warehouse"


async def test_what_is_selected_is_run_alone(show: Show) -> None:
    async with show("SELECT 1 + 2") as (app, pilot):
        await pilot.press("shift+right", "shift+right", "f5")
        assert posted(app) == [("Run", "SE")]


async def test_with_no_statement_nothing_is_run_and_that_is_told(show: Show) -> None:
    async with show("-- nothing but a remark") as (app, pilot):
        await pilot.press("f5", "f4")
        assert posted(app) == []
        await until(lambda: "There is no statement here" in app.shown(), "the message")


async def test_other_keys_post_what_the_screen_does(show: Show) -> None:
    async with show("SELECT 1") as (app, pilot):
        await pilot.press("f4", "ctrl+e", "ctrl+o", "ctrl+r", "ctrl+s", "escape", "ctrl+c")
        assert posted(app) == [
            ("Explain", "SELECT 1"), ("Explain", "SELECT 1"), ("AskQuestion", None), ("AskHistory", None),
            ("SaveQuestion", "SELECT 1"), ("Cancel", None), ("Cancel", None),
        ]  # fmt: skip


async def test_the_current_one_of_several_statements_is_marked(show: Show) -> None:
    async with show(TWO) as (app, pilot):
        app.area.move_cursor((3, 0))
        await pilot.pause()
        lines = app.shown().splitlines()[1:5]
        assert [BAR in line for line in lines] == [False, False, True, True]
    async with show("SELECT 1") as (app, _):
        app.editor.open_tab("SELECT 1\nFROM x", "one")
        await until(lambda: "FROM x" in app.shown(), "the text")
        assert BAR not in app.shown()


@pytest.mark.parametrize("keys", [("escape", "tab"), ("ctrl+down",), ("shift+tab",)])
async def test_the_keyboard_leaves_the_editor(show: Show, keys: tuple[str, ...]) -> None:
    async with show("SELECT 1 ") as (app, pilot):
        await pilot.press(*keys)
        assert app.focused is not None
        assert app.focused.id == "below"
        assert app.editor.text == "SELECT 1 "


async def test_tab_indents_where_there_is_no_word_and_stays(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press("tab", "x", "escape", "y", "enter", "tab")
        assert app.editor.text == "    xy\n        "
        assert app.area.has_focus


async def test_a_new_line_is_indented_as_the_one_before_and_deeper_behind_a_bracket(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press(*"  a", "enter", *"b (", "enter", "c")
        assert app.editor.text == "  a\n  b (\n      c"


async def test_changes_are_taken_back_and_made_again(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press(*"ab", "enter", *"c")
        await pilot.press("ctrl+z", "ctrl+z")
        assert app.editor.text == "ab"
        await pilot.press("ctrl+y", "ctrl+y")
        assert app.editor.text == "ab\nc"


async def test_each_tab_has_changes_of_its_own_to_take_back(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press(*"one", "ctrl+t", *"two", "f7")
        assert app.editor.text == "one"
        await pilot.press("ctrl+z")
        assert app.editor.text == ""
        await pilot.press("ctrl+pagedown")
        assert app.editor.text == "two"
        await pilot.press("alt+1")
        assert app.editor.text == ""


async def test_lines_become_comments_and_code_again(show: Show) -> None:
    async with show("SELECT 1\nFROM x") as (app, pilot):
        await pilot.press("ctrl+a", "ctrl+underscore")
        assert app.editor.text == "-- SELECT 1\n-- FROM x"
        await pilot.press("ctrl+a", "ctrl+underscore")
        assert app.editor.text == "SELECT 1\nFROM x"


async def test_copying_cutting_and_pasting(show: Show) -> None:
    async with show("SELECT 1") as (app, pilot):
        await pilot.press("ctrl+a", "ctrl+c")
        assert app.clipboard == "SELECT 1"
        await pilot.press("ctrl+x")
        assert app.editor.text == ""
        await pilot.press("ctrl+v", "ctrl+v")
        assert app.editor.text == "SELECT 1SELECT 1"


async def test_a_statement_is_laid_out_and_an_error_is_pointed_at(show: Show) -> None:
    async with show("select 1,2 from Store_Table where x=1;\nselect ) from x") as (app, pilot):
        await pilot.press("ctrl+f")
        await until(lambda: "FROM Store_Table" in app.editor.text, "the layout")
        assert app.editor.text.endswith(";\nselect ) from x")
        await pilot.press("ctrl+z")
        assert app.editor.text == "select 1,2 from Store_Table where x=1;\nselect ) from x"
        app.area.move_cursor((1, 0))
        await pilot.press("ctrl+f")
        await until(lambda: "cannot be laid out" in app.shown(), "the message")


async def test_an_error_is_marked_in_its_statement_until_the_next_edit(show: Show) -> None:
    async with show("SELECT 1;\nSELECT oops") as (app, pilot):
        app.area.move_cursor((1, 0))
        await pilot.press("f5")
        app.editor.mark_error(7)
        await pilot.pause()
        assert app.area.cursor_location == (1, 7)
        assert "✖" in app.shown().splitlines()[2]
        await pilot.press("x")
        await pilot.pause()
        assert "✖" not in app.shown()
        app.editor.mark_error(0)  # the text is another now
        assert app.area.cursor_location == (1, 8)


async def test_the_bracket_that_belongs_to_the_one_at_the_cursor_is_found() -> None:
    text = "f(a, ')', (b)) -- ("
    assert bracket_pairs(text) == {1: 13, 13: 1, 10: 12, 12: 10}
    assert bracket_pairs(")(") == {}


async def test_what_no_terminal_shows_does_not_get_in(show: Show) -> None:
    async with show() as (app, _):
        app.area.post_message(events.Paste("SELECT\t'\x1b[31m\u202e'\r\nFROM\u00a0x"))
        await until(lambda: app.editor.text, "the paste")
        assert app.editor.text == "SELECT    '\ufffd[31m'\nFROM x"
        await until(lambda: "2 characters that cannot be shown" in app.shown(), "the message")


def test_cleaning_counts_what_is_lost() -> None:
    assert clean("SELECT 'ü🛒'\n") == ("SELECT 'ü🛒'\n", 0)
    assert clean("a\x00b\u200bc\n") == ("a\ufffdbc\n", 2)


async def test_a_text_that_is_too_long_is_refused_whole(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.tui.warehouse.editor.sql_area.MOST_CHARACTERS", 100)
    async with show("SELECT 1") as (app, pilot):
        await pilot.press("ctrl+a")
        app.area.post_message(events.Paste("x" * 200))
        await until(lambda: "Nothing was" in app.shown(), "the message")
        assert app.editor.text == "SELECT 1"


# ---- tabs ------------------------------------------------------------------------------------------------------------


async def test_what_was_typed_is_kept_without_leaving_and_there_again(tmp_path: Path, show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press(*"one", "ctrl+t", *"two")
        app.editor.use_database("weather")
        await until(lambda: (tmp_path / FILE).exists() and saved(tmp_path) == ["one", "two"], "the file", patience_s=5)
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        await pilot.press("!")  # within the pause: kept as the editor goes
    async with show() as (app, pilot):
        await until(lambda: app.editor.text == "two!", "the tab")
        assert app.editor.database == "weather"
        assert app.area.cursor_location == (0, 4)
        await pilot.press("f8")
        assert app.editor.text == "one"


async def test_a_tab_with_changes_that_were_not_run_has_a_mark(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press(*"SELECT 1")
        await until(lambda: "Query 1 •" in app.shown(), "the mark")
        await pilot.press("f5")
        await until(lambda: "•" not in app.shown(), "no mark")
        await pilot.press("2")
        await until(lambda: "Query 1 •" in app.shown(), "the mark")


async def test_closing_a_tab_with_text_asks_first(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press("ctrl+t", *"keep me", "ctrl+w")
        await until(lambda: isinstance(app.screen, Confirm), "the question")
        assert "Its line of text is gone then." in app.shown()
        await pilot.press("n")
        assert app.editor.text == "keep me"
        await pilot.press("ctrl+w")
        await until(lambda: isinstance(app.screen, Confirm), "the question")
        await pilot.press("y")
        await until(lambda: app.editor.text == "", "the tab is closed")
        await pilot.press("ctrl+w")  # the last one, without text
        assert len(app.editor._tabs.tabs) == 1


async def test_many_tabs_stay_within_the_line_and_their_number_is_bounded(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.tui.warehouse.editor.editor.MOST_TABS", 12)
    async with show() as (app, pilot):
        for _ in range(12):
            await pilot.press("ctrl+t")
        assert len(app.editor._tabs.tabs) == 12
        await until(lambda: "There are 12 tabs already" in app.shown(), "the message")
        line = app.shown().splitlines()[0]
        assert len(line) == 80
        assert "Query 12" in line
        assert "warehouse" in line


async def test_opening_a_text_reuses_its_tab_and_an_empty_one(show: Show) -> None:
    async with show() as (app, _):
        app.editor.open_tab("SELECT 1", "first")
        app.editor.open_tab("SELECT 2")
        app.editor.open_tab("SELECT 1", "first")
        assert [(tab.title, tab.text) for tab in app.editor._tabs.tabs] == [
            ("first", "SELECT 1"), ("Query 1", "SELECT 2"),
        ]  # fmt: skip
        assert app.editor.text == "SELECT 1"


async def test_inserted_text_keeps_apart_from_the_word_before(show: Show) -> None:
    async with show("SELECT") as (app, pilot):
        await pilot.press("end")
        app.editor.insert("region")
        app.editor.insert(", city")
        assert app.editor.text == "SELECT region, city"


@pytest.mark.parametrize(
    ("text", "keys", "inserted", "expected"),
    [
        ("SELECT 1", (), "sales", "sales| SELECT 1"),
        ("a b", ("right", "right"), '"Order Items"', 'a "Order Items"| b'),
        ("count(*)", ("end",), "pieces", "count(*) pieces|"),
        ("t.", ("end",), "city", "t.city|"),
        (".city", (), "t", "t|.city"),
    ],
)
async def test_an_inserted_name_touches_no_word(
    show: Show, text: str, keys: tuple[str, ...], inserted: str, expected: str
) -> None:
    async with show(text) as (app, pilot):
        await pilot.press("ctrl+home", *keys)
        app.editor.insert(inserted)
        column = app.area.cursor_location[1]
        assert f"{app.editor.text[:column]}|{app.editor.text[column:]}" == expected


async def test_tabs_are_clicked(show: Show) -> None:
    async with show() as (app, pilot):
        await pilot.press(*"one", "ctrl+t", *"two")
        await pilot.click("#editor-tabs", offset=(4, 0))
        await until(lambda: app.editor.text == "one", "the first tab")
        await pilot.click("#editor-tabs", offset=(70, 0))
        await until(lambda: app.editor.database == "weather", "the other database")


@pytest.mark.parametrize(
    "body", [b"no json", b"[]", b'{"tabs": 3}', b'{"tabs": [{"title": 1}]}', b"\xff" * 9, b"[" * 9999]
)
def test_a_file_that_is_broken_is_put_aside(tmp_path: Path, body: bytes) -> None:
    (tmp_path / FILE).write_bytes(body)
    assert TabsFile(tmp_path / FILE).load().current.text == ""
    assert (tmp_path / "editor.unreadable").read_bytes() == body


def test_saved_values_out_of_range_are_brought_into_it(tmp_path: Path) -> None:
    tab = {"title": "t\x1b" + "x" * 300, "database": "other", "text": "ab\nc", "cursor": [99, 99], "ran": 0}
    (tmp_path / FILE).write_text(json.dumps({"current": 99, "tabs": [tab] * 60}))
    tabs = TabsFile(tmp_path / FILE).load()
    assert len(tabs.tabs) == editor_tabs.MOST_TABS
    assert tabs.index == editor_tabs.MOST_TABS - 1
    assert tabs.current.database == "warehouse"
    assert tabs.current.sheet.selection.end == (1, 1)
    assert len(tabs.current.title) == editor_tabs.MOST_TITLE
    assert "\x1b" not in tabs.current.title


def test_an_older_state_never_replaces_a_newer_one(tmp_path: Path) -> None:
    file = TabsFile(tmp_path / FILE)
    file.save({"tabs": [{"text": "new"}]}, 2)
    file.save({"tabs": [{"text": "old"}]}, 1)
    assert saved(tmp_path) == ["new"]


# ---- drawing and speed -----------------------------------------------------------------------------------------------


def _repaints(app: EditorApp) -> list[int]:
    """Counts the lines of the area that are drawn from now on."""
    drawn: list[int] = []
    render = app.area.render_line

    def counted(y: int) -> Any:
        drawn.append(y)
        return render(y)

    app.area.render_line = counted  # type: ignore[method-assign]
    return drawn


async def test_a_letter_repaints_its_line_alone_and_rest_repaints_nothing(show: Show) -> None:
    async with show("SELECT 1\nFROM x\nWHERE y\n") as (app, pilot):
        app.area.move_cursor((1, 6))
        await pilot.pause()
        drawn = _repaints(app)
        await pilot.press("z")
        await pilot.pause()
        assert set(drawn) == {1}
        drawn.clear()
        app.area.refresh()
        await pilot.pause()
        assert not drawn


async def test_a_long_line_is_scrolled_and_shown_from_its_beginning_again(show: Show) -> None:
    async with show("SELECT " + "abc, " * 40 + "last") as (app, pilot):
        await until(lambda: app.shown().splitlines()[1].rstrip().endswith("▸"), "the mark of more")
        await pilot.press("end")
        await until(lambda: "last" in app.shown(), "the end")
        line = app.shown().splitlines()[1]
        assert "◂" in line
        assert "▸" not in line
        await pilot.press("home")
        await until(lambda: "SELECT" in app.shown(), "the beginning")


async def test_wide_characters_and_accents_keep_their_places(show: Show) -> None:
    async with show("SELECT '日本🛒e\u0301x' AS ü") as (app, pilot):
        await pilot.press("end", "!")
        await until(lambda: "AS ü!" in app.shown(), "the text")
        assert app.area.cursor_screen_offset.x == 4 + len("SELECT '") + 6 + len("ex' AS ü!")


async def test_a_narrow_area_has_no_line_numbers(show: Show) -> None:
    async with show("SELECT 1", size=(36, 16)) as (app, _):
        await until(lambda: "  SELECT 1" in app.shown(), "the text")
        assert "1  SELECT" not in app.shown()


async def test_a_key_is_on_the_screen_at_once_in_two_hundred_lines(show: Show) -> None:
    sql = "SELECT s.region, SUM(f.total_sales_cents) -- in full\nFROM Sales_Transactions_Table AS f\n" * 100
    async with show(sql) as (app, pilot):
        app.area.move_cursor((150, 5))
        await pilot.pause()
        took = []
        for _ in range(40):
            begin = time.perf_counter()
            app.area._replace_via_keyboard("x", *app.area.selection)
            app.area._repaint_changed()
            took.append(time.perf_counter() - begin)
            await pilot.pause()
        assert sorted(took)[20] < 0.1, f"half of the keys within {sorted(took)[20] * 1000:.1f} ms"


@pytest.mark.parametrize("line", ["SELECT 'abc', 1 -- x\n", "SELECT 'abc', 1, "])
async def test_a_paste_of_a_megabyte_does_not_freeze(show: Show, line: str) -> None:
    text = line * (1_000_000 // len(line))
    async with show() as (app, pilot):
        begin = time.perf_counter()
        app.area.post_message(events.Paste(text))
        await until(lambda: len(app.editor.text) > 900_000, "the paste")
        await pilot.pause()
        assert time.perf_counter() - begin < 5.0
        begin = time.perf_counter()
        await pilot.press("x")
        await pilot.pause()
        assert time.perf_counter() - begin < 2.0
        assert app.editor.text.endswith("x")


def test_the_first_paint_of_the_console_does_without_the_editor() -> None:
    script = (
        "import sys, console.tui.app; print([m for m in sys.modules if 'text_area' in m or 'warehouse.editor' in m])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "[]", found.stderr


def test_every_key_is_in_the_help() -> None:
    for widget in (SqlArea, HistoryDialog, HistoryTable, QuestionList, QuestionForm, SaveQuestion, PlanView):
        for binding in widget.__dict__["BINDINGS"]:
            assert isinstance(binding, Binding)
            assert binding.id, binding
            assert binding.description, binding
            assert binding.tooltip, binding


def test_a_new_tab_comes_behind_the_one_that_is_shown() -> None:
    tabs = EditorTabs([EditorTab("one"), EditorTab("two"), EditorTab("three")], 0)
    tabs.add(EditorTab("new"))
    assert [tab.title for tab in tabs.tabs] == ["one", "new", "two", "three"]
    assert tabs.current.title == "new"
