"""The Records section within the whole console: leaving it hides identifiers, signing out leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.tui.app import NOT_KEPT
from console.tui.records.screen import RecordsScreen
from security.records.models import Grant
from security.records.reading import Reading
from tests.console.tui.records.records_app import DAY
from tests.console.tui.sign_in.people import gone, practice, shown, sign_in
from tests.console.tui.workspaces import Opened, SetClock, screen_text

SIZE = (80, 24)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(DAY)


@pytest.fixture
def console(tmp_path: Path, clock: SetClock) -> Iterator[Opened]:
    """The console on a practice workspace at noon, whose policies decide."""
    settings, environ = practice(tmp_path / "home")
    made = Opened(settings, environ, permissions=None, clock=clock)
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


async def test_a_sign_off_while_an_entry_is_written_is_announced_and_tells_that_it_was_not_kept(
    console: Opened, clock: SetClock
) -> None:
    async with console.app.run_test(size=SIZE, notifications=True) as pilot:
        await sign_in(console, pilot, "doctor")
        await pilot.press("4")
        await shown(console, "P0001", "No record is open")
        await pilot.press("enter")
        await shown(console, "# hidden XXX-XX-XXXX")
        await pilot.press("a", *"walks again")
        await shown(console, "Ctrl+S saves, Esc leaves")
        clock.at += timedelta(minutes=14, seconds=30)
        await shown(console, "You are signed out in 30 s: Ctrl+S saves, else this is lost")
        clock.at += timedelta(seconds=31)
        await shown(console, "Signed out", "without a key", NOT_KEPT)
        await gone(console, "walks again")
        await pilot.press("enter")
        await gone(console, NOT_KEPT)


async def test_a_sign_off_with_nothing_written_tells_of_nothing_lost(console: Opened) -> None:
    async with console.app.run_test(size=SIZE, notifications=True) as pilot:
        await sign_in(console, pilot, "doctor")
        await pilot.press("4")
        await shown(console, "P0001", "No record is open")
        await pilot.press("o")
        await shown(console, "Open a record")
        console.app.action_sign_out()
        await shown(console, "not signed in", "doctor is signed out.")
        assert NOT_KEPT not in screen_text(console.app)


async def test_what_was_told_of_one_section_does_not_lie_over_the_next(console: Opened) -> None:
    async with console.app.run_test(size=SIZE, notifications=True) as pilot:
        await sign_in(console, pilot, "doctor")
        await pilot.press("4")
        await shown(console, "P0001", "No record is open")
        await pilot.press("e")
        await shown(console, "No record is open.")
        await pilot.press("3")
        await shown(console, "Explorer")
        assert not console.app._notifications


async def test_the_palette_offers_edits_where_they_are_permitted_alone(console: Opened) -> None:
    async with console.app.run_test(size=SIZE) as pilot:
        await sign_in(console, pilot, "doctor")
        await pilot.press("4")
        await shown(console, "P0001", "No record is open")
        await pilot.press("enter")
        await shown(console, "# hidden XXX-XX-XXXX")
        assert {"Add", "Amend", "Identifiers"} <= offered(console)
        console.app.action_sign_out()
        await shown(console, "not signed in")
        await sign_in(console, pilot, "doctor-nights")  # who is not on shift
        await pilot.press("4")
        await shown(console, "The list of patients is not open to you")
        await pilot.press("o", *"P0001", "enter")
        await shown(console, "In an emergency, b opens it")
        await pilot.press("b")
        await shown(console, "EMERGENCY: break the glass")
        await pilot.press(*"unconscious, allergies unknown", "enter")
        await shown(console, "EMERGENCY P0001")
        assert {"Identifiers", "Versions"} <= offered(console)
        assert not {"Add", "Amend"} & offered(console)


def offered(console: Opened) -> set[str]:
    return {command.title for command in console.app.get_system_commands(console.app.screen)}
