"""Vault and Audit in the console itself: reached by their digits, opened by a sign-in there, cleared by a sign-off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from console.tui.audit.screen import AuditScreen
from console.tui.vault.screen import VaultScreen
from tests.console.tui.sign_in.people import choose, gone, practice, shown, sign_in
from tests.console.tui.workspaces import Opened, until


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Opened]:
    """The console of a practice workspace whose policies decide."""
    console = Opened(*practice(tmp_path / "home"), permissions=None)
    yield console
    console.close()


async def test_a_visitor_signs_in_from_the_panel_and_sees_the_log(made: Opened) -> None:
    app = made.app
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(made, "No run yet")
        await pilot.press("6")
        await shown(made, "The audit log: sign in first", "auditor or officer")
        await pilot.press("enter")
        await choose(made, pilot, "auditor")
        await shown(made, "live, newest at the bottom", "read_audit", "v Verify")
        await pilot.press("5")
        await shown(made, "The vault: not open to you", "signed in as auditor", "role officer")


async def test_what_was_typed_on_the_bench_is_gone_after_a_sign_off(made: Opened) -> None:
    app = made.app
    async with app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "officer")
        await pilot.press("5")
        await shown(made, "one a patient")
        await pilot.press("b")
        app.screen.query_one(Input).value = "a text for officers"
        await pilot.press("enter")
        await shown(made, "opened again     a text for officers")
        before = app.screen
        await pilot.press("escape", "f8", "o")
        await gone(made, "a text for officers", "Bench")
        await until(lambda: not before.is_attached, "the old panel to go")


async def test_a_rotation_goes_on_while_another_section_is_looked_at(made: Opened) -> None:
    app = made.app
    async with app.run_test(size=(120, 40)) as pilot:
        await sign_in(made, pilot, "officer")
        await pilot.press("5")
        await shown(made, "one a patient")
        await pilot.press("r", "y", "6")
        await until(lambda: isinstance(app.screen, AuditScreen), "the log")
        await shown(made, "rotate_keys", "keys:0002-")
        await pilot.press("5")
        await until(lambda: isinstance(app.screen, VaultScreen), "the keys")
        await shown(made, "data keys wrapped anew under 0002-", "Last rotated")
