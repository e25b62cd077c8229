"""Vault and Audit in the console itself: reached by their digits, opened by a sign-in there, cleared by a sign-off."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from textual.widgets import Input

from console.actions.seat import InMemory
from console.tui.audit.screen import AuditScreen
from console.tui.vault.screen import VaultScreen
from security.errors import AuditUnavailable
from tests.console.tui.sign_in.people import choose, gone, practice, shown, sign_in
from tests.console.tui.workspaces import Opened, until
from tests.practice import opened
from tests.security.audit_logs import event


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
        await shown(made, "The audit log needs a sign-in", "auditor and officer")
        await pilot.press("enter")
        await choose(made, pilot, "auditor")
        await shown(made, "live, newest at the bottom", "read_audit", "v Verify")
        await pilot.press("5")
        await shown(made, "The vault is not open to you", "signed in as auditor", "the role officer")


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


async def test_a_damaged_log_is_told_in_the_sign_in_with_what_to_do(tmp_path: Path) -> None:
    """Nobody can sign in: that could not be recorded."""
    settings, environ = practice(tmp_path / "home")
    with closing(opened(tmp_path / "home", environ, keeper=InMemory())) as security:
        security.audit.append([event(number, at=security.now()) for number in range(20)])
    with closing(sqlite3.connect(settings.audit_db, isolation_level=None)) as thief:
        for (name,) in thief.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            thief.execute(f"DROP TRIGGER {name}")
        thief.execute("DELETE FROM event WHERE seq >= 5")
    console = Opened(settings, environ, permissions=None)
    try:
        async with console.app.run_test(size=(80, 24)) as pilot:
            await pilot.press("6")
            await shown(console, "The audit log needs a sign-in")
            await pilot.press("enter")
            await choose(console, pilot, "auditor")
            await shown(console, "The audit log is damaged: it has 5 events", "nobody can sign in", "--file")
            assert console.app.who is None
    finally:
        with suppress(AuditUnavailable):
            console.close()
