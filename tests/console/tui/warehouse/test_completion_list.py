"""What is offered while typing: when it appears, how it is chosen, and that it stays on the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot

from console.tui.warehouse.editor.completer import offers
from console.tui.warehouse.editor.completion_list import CompletionList
from tests.console.tui.warehouse.editor_app import EditorApp, shop_catalogue
from tests.console.tui.workspaces import until
from warehouse.catalogue import DatabaseInfo
from warehouse.completion import Completion, Completions

Show = Callable[..., AbstractAsyncContextManager[tuple[EditorApp, Pilot[None], CompletionList]]]


@pytest.fixture
def catalogue(tmp_path: Path) -> DatabaseInfo:
    return shop_catalogue(tmp_path / "shop")


@pytest.fixture
def show(tmp_path: Path, catalogue: DatabaseInfo) -> Show:
    @asynccontextmanager
    async def shown(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[EditorApp, Pilot[None], CompletionList]]:
        app = EditorApp(tmp_path, (catalogue,))
        async with app.run_test(size=size) as pilot:
            await until(lambda: app.editor._loaded and app.area.has_focus, "the tabs")
            yield app, pilot, app.query_one(CompletionList)

    return shown


async def test_offers_appear_by_themselves_and_tab_takes_one(show: Show) -> None:
    async with show() as (app, pilot, popup):
        await pilot.press(*"SELECT * FROM Store")
        await until(lambda: popup.display, "the offers")
        assert popup.chosen is not None
        assert popup.chosen.text == "Store_Table"
        await pilot.press("tab")
        assert app.editor.text == "SELECT * FROM Store_Table"
        assert not popup.display
        await pilot.press("ctrl+z")
        assert app.editor.text == "SELECT * FROM Store"


async def test_behind_join_the_joins_are_offered_before_anything_is_typed(show: Show) -> None:
    async with show() as (app, pilot, popup):
        await pilot.press(*"SELECT * FROM Sales_Transactions_Table JOIN ")
        await until(lambda: popup.display, "the offers")
        assert popup.chosen is not None
        assert popup.chosen.kind == "join"
        await pilot.press("escape", "ctrl+@")
        await until(lambda: popup.display, "the offers again")
        await pilot.press("enter")
        assert app.editor.text.startswith("SELECT * FROM Sales_Transactions_Table JOIN Time_Table ON ")


async def test_enter_begins_a_line_unless_an_offer_was_chosen(show: Show) -> None:
    async with show() as (app, pilot, popup):
        await pilot.press(*"SELECT stor")
        await until(lambda: popup.display, "the offers")
        await pilot.press("enter")
        assert app.editor.text == "SELECT stor\n"
        assert not popup.display
        await pilot.press(*"FROM Stor")
        await until(lambda: popup.display, "the offers")
        await pilot.press("down", "up", "enter")
        assert app.editor.text == "SELECT stor\nFROM Store_Table"


async def test_the_arrows_choose_and_escape_closes_without_leaving(show: Show) -> None:
    async with show() as (app, pilot, popup):
        await pilot.press(*"SELECT s")
        await pilot.press("ctrl+@")
        await until(lambda: popup.display, "the offers")
        first = popup.chosen
        await pilot.press("down")
        assert popup.chosen != first
        await pilot.press("up")
        assert popup.chosen == first
        await pilot.press("up")  # around to the last
        assert popup.chosen == popup._found.items[-1]
        await pilot.press("escape")
        assert not popup.display
        assert app.posted == []
        assert app.editor.text == "SELECT s"
        await pilot.press("down", "!")
        assert app.editor.text == "SELECT s!"


async def test_typing_on_narrows_the_offers_and_a_whole_word_needs_none(show: Show) -> None:
    async with show() as (_app, pilot, popup):
        await pilot.press(*"SELECT * FROM St")
        await until(lambda: popup.display, "the offers")
        many = len(popup._found.items)
        await pilot.press(*"ore_Tabl")
        await until(lambda: len(popup._found.items) < many, "fewer offers")
        assert popup.chosen is not None
        assert popup.chosen.text == "Store_Table"
        await pilot.press("e")
        await until(lambda: not popup.display, "no offers")


async def test_tab_behind_a_word_completes_it(show: Show) -> None:
    async with show() as (app, pilot, popup):
        await pilot.press(*"SELECT * FROM Yearly_Sal", "tab")
        await until(lambda: app.editor.text.endswith("Yearly_Sales_Aggregate_Table"), "the only table of that name")
        assert not popup.display


async def test_columns_of_an_alias_are_offered_behind_its_dot(show: Show) -> None:
    async with show() as (app, pilot, popup):
        app.editor.open_tab("SELECT 1; SELECT  FROM Store_Table AS s")
        app.area.move_cursor((0, 17))
        await pilot.press("s", "full_stop")
        await until(lambda: popup.display, "the offers")
        assert {"store_id", "city", "region"} <= {one.text for one in popup._found.items}
        await pilot.press(*"cit", "tab")
        await until(lambda: app.editor.text == "SELECT 1; SELECT s.city FROM Store_Table AS s", "the column")


async def test_the_offers_go_with_the_cursor_the_focus_and_the_tab(show: Show) -> None:
    async with show() as (app, pilot, popup):
        for keys in (("left",), ("ctrl+t",)):
            app.editor.open_tab("")
            await pilot.press(*"SELECT * FROM Sto")
            await until(lambda: popup.display, "the offers")
            await pilot.press(*keys)
            await until(lambda: not popup.display, "no offers")
        await pilot.press(*"SELECT * FROM Sto")
        await until(lambda: popup.display, "the offers")
        app.query_one("#below").focus()
        await until(lambda: not popup.display, "no offers")


async def test_nothing_is_offered_where_the_text_changed_within_the_pause(show: Show) -> None:
    async with show() as (app, pilot, popup):
        await pilot.press(*"xy", "enter")
        await pilot.pause(0.3)
        assert not popup.display
        assert app.editor.text == "xy\n"


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
@pytest.mark.parametrize("anchor", [Offset(3, 1), Offset(58, 14), Offset(30, 8)])
async def test_the_list_is_on_the_screen_beside_its_word(show: Show, size: tuple[int, int], anchor: Offset) -> None:
    items = tuple(Completion(f"column_{n}", "column", "INTEGER of a table with a long name " * 3) for n in range(40))
    async with show(size) as (app, pilot, popup):
        popup.show(Completions(0, items), anchor)
        await until(lambda: popup.region.width > 1, "the layout")
        await pilot.pause()
        assert app.screen.region.contains_region(popup.region)
        assert anchor.y not in range(popup.region.y, popup.region.bottom)
        assert "column_0" in app.shown()
        for _ in range(39):
            popup.move(1)
        await until(lambda: "column_39" in app.shown(), "the last one")


async def test_hostile_names_are_shown_as_text(show: Show) -> None:
    item = Completion("[red]\x1b[31m\u202e日本", "table", "[b]\n\x07")
    async with show() as (app, _pilot, popup):
        popup.show(Completions(0, (item,)), Offset(2, 2))
        await until(lambda: "[red]\ufffd[31m日本" in app.shown(), "the name")
        assert "\x1b" not in app.shown()


def test_only_the_statement_around_the_cursor_counts(catalogue: DatabaseInfo) -> None:
    text = "SELECT 1 FROM Product_Table AS p;\nSELECT s. FROM Store_Table AS s"
    found = offers(text, text.index("s.") + 2, (catalogue,), "warehouse")
    assert found.start == text.index("s.") + 2
    assert "store_name" in {one.text for one in found.items}
    begun = offers("SELECT 1; SEL", 13, (catalogue,), "warehouse")
    assert begun.start == 10
    assert begun.items[0].text == "SELECT"
    assert offers("SELECT " + "1," * 60_000, 120_000, (catalogue,), "warehouse").items == ()


async def test_long_offers_end_where_short_ones_do(show: Show) -> None:
    items = tuple(Completion("x" * length, "join", "") for length in (5, 46, 47, 48, 49, 50, 51, 52, 90, 5))
    async with show() as (_app, _pilot, popup):
        popup.show(Completions(0, items), Offset(2, 2))
        await until(lambda: popup.region.width > 10, "the layout")
        assert {popup.render_line(y).text.rstrip()[-1] for y in range(popup.region.height)} <= {"│", "┃"}
        assert {len(popup.render_line(y).text.rstrip()) for y in range(popup.region.height)} == {popup.region.width}
