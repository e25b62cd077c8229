"""A record that may no longer be seen goes from the screen; a slow answer for another patient never comes to it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from console.actions.records import Shown
from tests.console.tui.records.conftest import Open
from tests.console.tui.records.records_app import Desk
from tests.console.tui.workspaces import until

SIZE = (80, 24)
LATE = datetime(2026, 11, 28, 19, 58, tzinfo=UTC)


async def opened(found: Desk, pilot: Any) -> tuple[str, str]:
    """The record of P0001 is open with its identifiers shown; its name and its SSN."""
    await found.shows("P0001")
    await pilot.press("enter")
    await found.shows("# hidden XXX-XX-XXXX")
    await pilot.press("i")
    name, ssn = found.column("P0001", "name"), found.column("P0001", "ssn")
    await found.shows(name, ssn)
    return name, ssn


async def test_the_next_reading_after_the_shift_is_denied_and_the_panel_is_emptied(desk: Open) -> None:
    found = desk("doctor", at=LATE, look_s=3_600.0)
    async with found.app.run_test(size=SIZE) as pilot:
        name, ssn = await opened(found, pilot)
        found.go_on(2)
        await pilot.press("r")
        await found.shows("The record of P0001 is not open to you", "on shift 08:00–20:00 UTC: it was 20:00")
        assert name not in found.text()
        assert ssn not in found.text()


async def test_the_record_and_the_names_go_by_themselves_when_the_shift_ends(desk: Open) -> None:
    found = desk("doctor", at=LATE, look_s=0.2)
    async with found.app.run_test(size=SIZE) as pilot:
        name, ssn = await opened(found, pilot)
        read = len(found.events("view_record"))
        await pilot.pause(0.5)
        assert len(found.events("view_record")) == read, "looking whether it may still be seen is no reading"
        found.go_on(2)
        await found.shows("The record of P0001 is no longer open to you", "it was 20:00", "None is shown.")
        shown = await found.hides(name, ssn, name.split()[0])
    assert not [text for text in found.personal() if text in shown]


async def test_an_earlier_text_that_is_shown_goes_as_well(desk: Open) -> None:
    found = desk("doctor", at=LATE, look_s=0.2)
    async with found.app.run_test(size=SIZE) as pilot:
        await opened(found, pilot)
        await pilot.press("h", "v")
        await found.shows("Esc closes")
        found.go_on(2)
        await found.hides("Esc closes")
        await found.shows("The record of P0001 is no longer open to you")


async def test_the_end_of_the_session_empties_the_panel(desk: Open) -> None:
    found = desk("doctor", look_s=0.2)
    async with found.app.run_test(size=SIZE) as pilot:
        name, ssn = await opened(found, pilot)
        found.security.seat.leave()
        await found.hides(name, ssn, name.split()[0])


async def test_a_denied_reveal_empties_the_panel(desk: Open) -> None:
    found = desk("doctor", at=LATE, look_s=3_600.0)
    async with found.app.run_test(size=SIZE) as pilot:
        name, ssn = await opened(found, pilot)
        await pilot.press("i")  # hidden
        await found.hides(ssn)
        found.go_on(2)
        await pilot.press("i")
        await found.hides(name)
        assert "unmask_ssn" in str(found.app.explained[-1])


async def test_a_slow_answer_for_a_patient_no_longer_wanted_is_dropped(
    desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = desk("doctor")
    show, go, answered = found.app.office.records.show, threading.Event(), threading.Event()

    def slow(patient_id: str, *, identifiers: bool = True) -> Shown:
        shown = show(patient_id, identifiers=identifiers)
        if patient_id == "P0001":
            assert go.wait(20)
            answered.set()
        return shown

    monkeypatch.setattr(found.app.office.records, "show", slow)
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("P0001", "P0002")
        await pilot.press("enter")
        await found.shows("Reading the record of P0001")
        await pilot.press("down", "enter")
        await found.shows(found.column("P0002", "email"))
        go.set()
        await until(answered.is_set, "the slow answer")
        for _ in range(20):
            await pilot.pause()
            assert found.column("P0001", "email") not in found.text()
        assert found.column("P0002", "email") in found.text()


async def test_what_was_denied_is_shown_once_the_shift_begins_and_it_is_read_again(desk: Open) -> None:
    found = desk("doctor-nights", at=LATE)
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("The list of patients is not open to you", "it was 19:58")
        found.go_on(2)
        await pilot.press("r")
        await found.shows("assigned to you", "No record is open")
        await found.hides("The list of patients is not open to you")


async def test_reading_the_list_again_leaves_the_record_open(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        await opened(found, pilot)
        listed = len(found.events("view_record"))
        await pilot.press("shift+tab", "r")
        await until(lambda: len(found.events("view_record")) > listed + 2, "the list")
        await found.shows("P0002", found.column("P0001", "email"))
