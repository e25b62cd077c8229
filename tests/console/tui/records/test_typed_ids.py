"""An id that is typed in small letters means the patient who has it in capitals; a refusal does not tell that."""

from __future__ import annotations

from console.tui.records.desk import RecordDesk
from tests.console.tui.records.conftest import Open

SIZE = (80, 40)


async def test_a_record_is_opened_by_an_id_in_small_letters(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("P0001", "No record is open")
        await pilot.press("o", *"p0001", "enter")
        await found.shows(found.column("P0001", "name"), "# hidden XXX-XX-XXXX")
        assert found.app.records.query_one(RecordDesk).wanted == "P0001"


async def test_an_emergency_takes_an_id_in_small_letters_and_its_refusal_keeps_it_as_it_was_typed(desk: Open) -> None:
    found = desk("doctor-nights")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("The list of patients is not open to you")
        for typed in ("p0001", "p9999"):
            await pilot.press("o", *typed, "enter")
            await found.shows(f"The record of {typed} is not open to you", "An id that nobody has is refused alike")
        await pilot.press("b", "up", "ctrl+u", *"p0001", "down", *"unconscious, allergies unknown", "enter")
        await found.shows("EMERGENCY P0001   15 min left", found.column("P0001", "name"))


async def test_an_officer_assigns_by_an_id_in_small_letters(desk: Open) -> None:
    found = desk("officer")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("Who treats whom")
        await pilot.press("a", *"p0001", "enter", *"doctor-nights", "enter")
        await found.shows("doctor-nights treats P0001 from now on.")
