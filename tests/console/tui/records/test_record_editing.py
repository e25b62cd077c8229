"""Entries of a history are added and amended; nothing typed is lost, and nothing written before is changed."""

from __future__ import annotations

from typing import Any

from console.tui.records.record_view import RecordLines
from tests.console.tui.records.conftest import Open
from tests.console.tui.records.records_app import Desk

SIZE = (100, 30)


async def opened(found: Desk, pilot: Any) -> int:
    """The record of P0001 is open; its version."""
    await found.shows("P0001")
    await pilot.press("enter")
    await found.shows("# hidden XXX-XX-XXXX")
    return found.app.office.records.show("P0001").version


async def test_an_entry_is_added_and_stands_first(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        version = await opened(found, pilot)
        await pilot.press("a", *"walks again", "ctrl+s")
        await found.shows(f"version {version + 1}")
        await pilot.press("h")
        await found.shows("walks again", f"#{version + 1}  2026-11-28 12:00 UTC  doctor")
    newest = found.app.office.records.versions("P0001")[-1]
    assert (newest.text, newest.written_by, newest.version) == ("walks again", "doctor", version + 1)


async def test_an_amended_entry_keeps_its_earlier_text_which_a_key_shows(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        version = await opened(found, pilot)
        earlier = found.app.office.records.versions("P0001")[-1]
        await pilot.press("h", "e", *" Better.", "ctrl+s")
        await found.shows(f"version {version + 1}")
        await pilot.press("h")
        await found.shows(f"#{earlier.entry}  2026-11-28 12:00 UTC  doctor  amended")
        await pilot.press("v")
        await found.shows(
            f"P0001, entry {earlier.entry}: 2 texts",
            f"version {version + 1} (now)   2026-11-28 12:00 UTC   doctor",
            f"version {earlier.version} (earlier)   {earlier.written_at:%Y-%m-%d %H:%M} UTC   {earlier.written_by}",
            earlier.text + " Better.",
        )
    texts = [one.text for one in found.app.office.records.versions("P0001") if one.entry == earlier.entry]
    assert texts == [earlier.text, earlier.text + " Better."]


async def test_leaving_with_text_is_asked_about_first(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        version = await opened(found, pilot)
        await pilot.press("a", *"unsaved words", "escape")
        await found.shows("Leave without saving?")
        await pilot.press("n")
        await found.hides("Leave without saving?")
        await found.shows("unsaved words")
        await pilot.press("escape", "y")
        await found.hides("unsaved words")
    assert found.app.office.records.show("P0001").version == version


async def test_nothing_is_saved_where_nothing_was_written(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        version = await opened(found, pilot)
        await pilot.press("a", "ctrl+s")
        await found.shows("Nothing was written yet.")
        await pilot.press("escape", "h", "e", "ctrl+s")
        await found.shows("Nothing was changed.")
    assert found.app.office.records.show("P0001").version == version


async def test_a_record_that_somebody_else_edited_is_read_again_and_the_text_is_kept(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        version = await opened(found, pilot)
        await pilot.press("a", *"my words")
        found.app.office.records.add("P0001", "their words", expected_version=version)
        await pilot.press("ctrl+s")
        await found.shows("was edited since you read it: nothing was written", "my words", "Ctrl+R")
        await pilot.press("ctrl+r")
        await found.shows("doctor, entry", "their words", "my words")
        await pilot.press("ctrl+s")
        await found.shows(f"version {version + 2}")
    texts = [one.text for one in found.app.office.records.versions("P0001")][-2:]
    assert texts == ["their words", "my words"]


async def test_a_text_is_kept_when_the_shift_ends_before_it_is_saved(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        version = await opened(found, pilot)
        await pilot.press("a", *"too late")
        found.go_on(8 * 60)
        await pilot.press("ctrl+s")
        await found.shows("Not saved", "on shift 08:00–20:00 UTC: it was", "too late", "Your text is kept")
    versions = found.security.clinical.database.query("SELECT version FROM patient WHERE patient_id = 'P0001'")
    assert [row[0] for row in versions] == [version]


async def test_what_is_cut_in_the_editor_stays_in_it(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        await opened(found, pilot)
        await pilot.press("a", *"cut me", "shift+home", "ctrl+x")
        await found.hides("cut me")
        assert found.app.clipboard == ""
        await pilot.press("ctrl+v")
        await found.shows("cut me")
        assert found.app.clipboard == ""


async def three_entries(found: Desk, pilot: Any) -> int:
    """Entries with long texts, the record open at the newest; the number of the oldest of the three."""
    records = found.app.office.records
    version = records.show("P0001", identifiers=False).version
    for number in range(3):
        records.add("P0001", f"text {number} " + "in many words " * 12, expected_version=version + number)
    await found.shows("P0001")
    await pilot.press("enter")
    await found.shows("# hidden XXX-XX-XXXX")
    await pilot.press("h")
    return version + 1


def selected(found: Desk) -> int | None:
    line = found.app.records.query_one(RecordLines).line
    return line.entry.entry if line is not None and line.entry is not None else None


async def test_the_amended_entry_stays_the_selected_one_for_the_next_edit(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        first = await three_entries(found, pilot)
        while selected(found) != first:
            await pilot.press("down")
        await pilot.press("e", *" One.", "ctrl+s")
        await found.shows(f"version {first + 3}")
        assert selected(found) == first
        await pilot.press("e", *" Two.", "ctrl+s")
        await found.shows(f"version {first + 4}")
        assert selected(found) == first
    texts = [one.text for one in found.app.office.records.versions("P0001") if one.entry == first]
    assert texts[1:] == [f"{texts[0].rstrip()} One.", f"{texts[0].rstrip()} One. Two."]


async def test_the_selected_entry_stays_selected_in_a_window_of_another_size(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=(140, 40)) as pilot:
        first = await three_entries(found, pilot)
        while selected(found) != first:
            await pilot.press("down")
        for size in ((80, 24), (60, 16), (140, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert selected(found) == first
        await pilot.press("v")
        await found.shows(f"P0001, entry {first}: 1 text")
