"""Customers of the warehouse, masked and in clear: the key for it is told, and what was told of them goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.wiring.warehouse import warehouse_actions
from tests.console.tui.sign_in.people import asked, practice, shown, sign_in
from tests.console.tui.workspaces import Opened, screen_text, until


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Opened]:
    """The console on a practice workspace with a small warehouse, whose policies decide."""
    settings, environ = practice(tmp_path / "home")
    warehouse_actions(settings).build(rows=500)
    made = Opened(settings, environ, permissions=None)
    yield made
    made.close()


def hints(made: Opened) -> str:
    return screen_text(made.app).splitlines()[-1]


async def test_the_key_that_unmasks_is_told_where_customers_are_masked(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await sign_in(console, pilot, "operator")
        await asked(console, "SELECT customer_name FROM Customer_Table LIMIT 5")
        await until(lambda: " U Unmask" in hints(console), lambda: hints(console))
        await pilot.press("U")
        await until(lambda: " U Mask" in hints(console), lambda: hints(console))
        assert "Unmask" not in hints(console)
        await pilot.press("U")
        await until(lambda: " U Unmask" in hints(console), lambda: hints(console))
        await pilot.press("f6")
        await until(lambda: "Unmask" not in hints(console), lambda: hints(console))


async def test_of_a_result_without_customers_it_is_not_told(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await sign_in(console, pilot, "operator")
        await asked(console, "SELECT 'XXXX' AS x")
        await until(lambda: " s Sort" in hints(console), lambda: hints(console))
        assert "Unmask" not in hints(console)


async def test_what_was_told_of_customers_in_clear_goes_when_they_are_masked(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24), notifications=True) as pilot:
        await sign_in(console, pilot, "operator")
        screen = await asked(console, "SELECT customer_name FROM Customer_Table LIMIT 5")
        await pilot.press("U")
        await shown(console, "IN CLEAR")
        await pilot.press("e")
        await until(lambda: console.app._notifications, "why it is not exported")
        await pilot.press("U")
        await until(lambda: screen.view.masks, lambda: screen_text(console.app))
        assert not console.app._notifications
