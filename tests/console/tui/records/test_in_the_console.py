"""The Records section within the whole console: leaving it hides identifiers, signing out leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.tui.records.screen import RecordsScreen
from security.records.models import Grant
from security.records.reading import Reading
from tests.console.tui.records.records_app import DAY
from tests.console.tui.sign_in.people import gone, practice, shown, sign_in
from tests.console.tui.workspaces import Opened, SetClock, screen_text

SIZE = (80, 24)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Opened]:
    """The console on a practice workspace at noon, whose policies decide."""
    settings, environ = practice(tmp_path / "home")
    made = Opened(settings, environ, permissions=None, clock=SetClock(DAY))
    yield made
    made.close()


async def revealed(console: Opened, pilot: Any) -> tuple[str, str]:
    """`doctor` has the record of P0001 open, its identifiers shown; its name and its SSN."""
    clinical = console.workshop.open_security().clinical
    grant = Grant("service", "service", {"name": "clear", "ssn": "clear"}, None)
    columns = Reading(clinical).record("P0001", grant).columns
    name, ssn = str(columns["name"]), str(columns["ssn"])
    await sign_in(console, pilot, "doctor")
    await pilot.press("4")
    await shown(console, "P0001", "No record is open")
    await pilot.press("enter")
    await shown(console, name)
    await pilot.press("i")
    await shown(console, ssn)
    return name, ssn


async def test_leaving_the_section_or_asking_for_help_hides_the_identifiers(console: Opened) -> None:
    async with console.app.run_test(size=SIZE) as pilot:
        name, ssn = await revealed(console, pilot)
        await pilot.press("3")
        await gone(console, name)
        await pilot.press("4")
        await shown(console, name, "# hidden XXX-XX-XXXX")
        assert ssn not in screen_text(console.app)
        await pilot.press("i")
        await shown(console, ssn)
        await pilot.press("question_mark")
        await gone(console, ssn)
        for what in ("Show SSN and insurance id", "Open the record of a patient"):
            await shown(console, what)
        await pilot.press("escape")
        await shown(console, "# hidden XXX-XX-XXXX")


async def test_a_sign_off_leaves_nothing_of_a_record(console: Opened) -> None:
    async with console.app.run_test(size=SIZE) as pilot:
        name, ssn = await revealed(console, pilot)
        before = console.app.screen
        assert isinstance(before, RecordsScreen)
        console.app.action_sign_out()
        await gone(console, name, ssn)
        await shown(console, "not signed in")
        assert not before.is_attached
        await pilot.press("4")
        await shown(console, "Nobody is signed in here.")
        assert name.split()[0] not in screen_text(console.app)
        assert console.app.clipboard == ""
