"""A fresh code where an action wants one, and what it opens: the customers of the warehouse in clear, for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.widgets import Input

from console.tui.sign_in.fresh_code import FreshCode
from console.tui.warehouse import screen as warehouse_screen
from console.tui.warehouse.results.cell_detail import CellDetail
from console.tui.warehouse.results.export_dialog import ExportDialog
from console.tui.warehouse.results.result_title import ResultTitle
from console.tui.warehouse.screen import WarehouseScreen
from console.wiring.warehouse import warehouse_actions
from tests.console.tui.sign_in.conftest import Open
from tests.console.tui.sign_in.people import asked, choose, practice, shown, shown_account, sign_in, typed
from tests.console.tui.workspaces import SetClock, screen_text, until

MASK = "***"


@pytest.fixture
def shop(tmp_path: Path) -> None:
    """The workspace has a small warehouse."""
    settings, _environ = practice(tmp_path / "home")
    warehouse_actions(settings).build(rows=500)


def names(screen: WarehouseScreen) -> list[object]:
    assert screen.view.opened is not None
    return [row[0] for row in screen.view.opened.result.first]


async def in_clear(screen: WarehouseScreen) -> None:
    await until(lambda: screen.view.opened is not None and screen.view.opened.unmasked, lambda: screen_text(screen.app))


async def masked(screen: WarehouseScreen) -> None:
    def is_so() -> bool:
        opened = screen.view.opened
        return opened is not None and not opened.unmasked and not screen._desk.at_work

    await until(is_so, lambda: screen_text(screen.app))


@pytest.mark.usefixtures("shop")
async def test_an_operator_sees_customers_in_clear_and_masked_again(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_screen, "IN_CLEAR_S", 2.0)
    made = console()
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "operator")
        screen = await asked(made)
        before = names(screen)
        await pilot.press("U")
        await in_clear(screen)
        clear = names(screen)
        assert before != clear
        assert len(set(before)) == 1
        await shown(made, "IN CLEAR, 2 s left", str(clear[0]))
        await shown(made, "IN CLEAR, 1 s left")
        await masked(screen)
        assert names(screen) == before
        assert str(clear[0]) not in screen_text(made.app)
        assert "IN CLEAR" not in str(screen.query_one(ResultTitle)._parts)


@pytest.mark.usefixtures("shop")
async def test_what_is_in_clear_is_neither_copied_nor_exported_and_goes_with_the_tab(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "operator")
        screen = await asked(made)
        await pilot.press("U")
        await in_clear(screen)
        clear = str(names(screen)[0])
        for key in ("y", "Y", "J", "e", "f", "i", "c"):
            await pilot.press(key)
            assert made.app.screen is screen
            assert not isinstance(made.app.screen, ExportDialog)
        await pilot.press("enter")
        await until(lambda: isinstance(made.app.screen, CellDetail), "the cell")
        await pilot.press("y")
        await shown(made, "A row in clear cannot be copied")
        assert clear not in made.app._clipboard
        await pilot.press("escape")
        await pilot.press("1")
        await masked(screen)
        await pilot.press("2")
        await shown(made, "5 rows")
        assert clear not in screen_text(made.app)


@pytest.mark.usefixtures("shop")
async def test_a_cell_in_clear_that_is_open_closes_when_it_is_masked(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_screen, "IN_CLEAR_S", 8.0)
    made = console()
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "operator")
        screen = await asked(made)
        await pilot.press("U")
        await in_clear(screen)
        await pilot.press("enter")
        await until(lambda: isinstance(made.app.screen, CellDetail), "the cell")
        await shown(made, "In clear: this closes when the time is over.")
        await until(lambda: made.app.screen is screen, "the cell's end")
        await masked(screen)


@pytest.mark.usefixtures("shop")
async def test_an_old_code_is_asked_for_anew_and_the_question_goes_on(console: Open) -> None:
    clock = SetClock(datetime.now(UTC))
    made = console(clock=clock)
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "operator")
        screen = await asked(made)
        clock.at += timedelta(minutes=11)
        await pilot.press("U")
        await until(lambda: isinstance(made.app.screen, FreshCode), lambda: screen_text(made.app))
        await typed(made, pilot, "000000")
        await pilot.press("enter")
        await shown(made, "That code is not right")
        assert isinstance(made.app.focused, Input)
        await typed(made, pilot, shown_account(made, "operator").code or "")
        await pilot.press("enter")
        await in_clear(screen)


@pytest.mark.usefixtures("shop")
async def test_a_fresh_code_that_is_not_given_changes_nothing(console: Open) -> None:
    clock = SetClock(datetime.now(UTC))
    made = console(clock=clock)
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "operator")
        screen = await asked(made)
        clock.at += timedelta(minutes=11)
        await pilot.press("U")
        await until(lambda: isinstance(made.app.screen, FreshCode), lambda: screen_text(made.app))
        await pilot.press("escape")
        await shown(made, "Not permitted")
        await masked(screen)


@pytest.mark.usefixtures("shop")
async def test_a_visitor_who_unmasks_signs_in_and_goes_on(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(100, 30)) as pilot:
        screen = await asked(made)
        await pilot.press("U")
        await shown(made, "unmask_customer is for operator")
        await choose(made, pilot, "operator")
        await in_clear(screen)


@pytest.mark.usefixtures("shop")
async def test_another_role_may_not_unmask_and_is_told_why(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "auditor")
        screen = await asked(made)
        await pilot.press("U")
        await shown(made, "Not permitted", "unmask_customer")
        await masked(screen)


@pytest.mark.usefixtures("shop")
async def test_whose_warehouse_it_is_not_is_told_in_its_place(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(100, 30)) as pilot:
        await sign_in(made, pilot, "officer")
        await pilot.press("2")
        await shown(made, "The warehouse is not open to you", "query_warehouse", "weather")
