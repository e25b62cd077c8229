"""Breaking the glass: it is explained, wants a reason and a fresh code, shows unmistakably, and ends."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.console.tui.records.conftest import Open
from tests.console.tui.records.records_app import Desk

SIZE = (80, 24)
REASON = "unconscious, allergies unknown"


async def broken(found: Desk, pilot: Any) -> None:
    """`doctor-nights`, off shift, opens P0001 in an emergency."""
    await found.shows("The list of patients is not open to you")
    await pilot.press("o", *"P0001", "enter")
    await found.shows("The record of P0001 is not open to you", "In an emergency, b opens it")
    await pilot.press("b")
    await found.shows("EMERGENCY: break the glass", "audited", "Nothing can", "P0001")
    await pilot.press(*REASON, "enter")
    await found.shows("EMERGENCY P0001   15 min left   read only", found.column("P0001", "name"))


async def test_it_wants_a_reason(desk: Open) -> None:
    found = desk("doctor-nights")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("The list of patients is not open to you")
        await pilot.press("b", *"P0001", "enter", "enter")
        await found.shows("Expected why this record is needed now, found nothing.")
    assert not found.events("break_glass")


async def test_a_reason_that_nobody_could_review_is_refused_in_the_dialog_and_kept(desk: Open) -> None:
    found = desk("doctor-nights")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("The list of patients is not open to you")
        await pilot.press("b", *"P0001", "enter", *"urgent", "enter")
        await found.shows("at least 2 words and 10", "found 1 word of 6 characters", "urgent")
        await pilot.press(*" stroke", "enter")
        await found.shows("EMERGENCY P0001   15 min left")
    assert [str(event.outcome) for event in found.events("break_glass")] == ["intent", "done"]


async def test_the_record_is_shown_under_a_band_and_cannot_be_edited_and_every_reading_is_audited(desk: Open) -> None:
    found = desk("doctor-nights")
    async with found.app.run_test(size=SIZE) as pilot:
        await broken(found, pilot)
        await found.shows("GLASS BROKEN, 15 min left")  # in the list, too
        await pilot.press("a")
        assert found.app.told[-1] == "An emergency lets you read this record, not edit it."
        await pilot.press("i")
        await found.shows(found.column("P0001", "ssn"))
    assert [str(event.outcome) for event in found.events("break_glass")] == ["intent", "done"]
    assert "break-glass" in {event.code for event in found.events("view_record")}
    assert {event.code for event in found.events("unmask_ssn")} == {"break-glass"}


async def test_a_fresh_code_is_asked_for_where_it_is_missing_and_nothing_typed_is_lost(desk: Open) -> None:
    found = desk("doctor-nights")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("The list of patients is not open to you")
        found.go_on(11)
        await broken(found, pilot)
    assert len(found.app.explained) == 1


async def test_it_ends_after_15_minutes_and_nothing_of_the_record_stays(desk: Open) -> None:
    found = desk("doctor-nights", look_s=0.2)
    async with found.app.run_test(size=SIZE) as pilot:
        await broken(found, pilot)
        await pilot.press("i")
        ssn, name = found.column("P0001", "ssn"), found.column("P0001", "name")
        await found.shows(ssn)
        found.go_on(13)
        await pilot.press("r")
        await found.shows("EMERGENCY P0001   2 min left")
        found.go_on(2)
        await found.shows("The record of P0001 is no longer open to you", "was broken at 2026-11-28T12:00:00Z")
        await found.hides(ssn, name, name.split()[0], "min left")


async def test_the_broken_glass_is_told_with_the_patient_until_it_ends_whatever_is_shown(
    desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = desk("doctor")
    (other,) = [one.patient_id for one in found.security.admission.all_facts() if "doctor" not in one.assigned][:1]
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("P0001")
        await pilot.press("slash", *"P0001", "enter")
        await found.shows("only P0001")
        await pilot.press("enter")
        await found.shows(found.column("P0001", "name"))
        await pilot.press("escape", "b", *other, "enter", *REASON, "enter")
        await found.shows(f"EMERGENCY {other}   15 min left", f"> {other}   15 min", "GLASS BROKEN, 15 min left")
        await pilot.press("escape")
        await found.shows(f"GLASS BROKEN   {other} for 15 min", "No record is open", f"{other}   15 min")
        found.go_on(10)
        await pilot.press("r")
        await found.shows(f"GLASS BROKEN   {other} for 5 min", f"{other}   5 min", "GLASS BROKEN, 5 min left")
        found.go_on(5)
        monkeypatch.setattr("console.tui.records.desk.monotonic", lambda: time.monotonic() + 300)
        await found.hides("GLASS BROKEN", f"{other}   5 min", "EMERGENCY")
        await found.shows("P0001")


async def test_a_patient_that_there_is_not_is_not_opened(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("P0001")
        await pilot.press("b", *"P9999", "enter", *REASON, "enter")
        await found.shows("Expected the id of a patient")


async def test_an_assigned_patient_needs_no_emergency(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("P0001")
        await pilot.press("b", *"P0001", "enter", *REASON, "enter")
        await found.shows("already assigned")
    assert [str(event.outcome) for event in found.events("break_glass")] == ["refused"]
