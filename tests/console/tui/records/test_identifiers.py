"""SSN and insurance id are shown by a key, for a short time, and can be taken nowhere."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from console.tui.screens.help import HelpScreen, bindings_of
from tests.console.tui.records.conftest import Open
from tests.console.tui.records.records_app import Desk
from tests.console.tui.workspaces import until

SIZE = (80, 24)


async def opened(found: Desk, pilot: Any) -> tuple[str, str]:
    """The record of P0001 is open; its SSN and insurance id."""
    await found.shows("P0001")
    await pilot.press("enter")
    await found.shows("# hidden XXX-XX-XXXX")
    return found.column("P0001", "ssn"), found.column("P0001", "insurance_id")


async def test_a_key_shows_them_with_a_countdown_and_hides_them_again_and_it_is_audited(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        ssn, insurance = await opened(found, pilot)
        await pilot.press("i")
        await found.shows(f"= clear  {ssn}  ", f"= clear  {insurance}  ", " s left")
        assert [str(event.outcome) for event in found.events("unmask_ssn")] == ["intent", "done"]
        await pilot.press("i")
        await found.hides(ssn, insurance)
        assert len(found.events("unmask_ssn")) == 2, "hiding reads nothing"


async def test_they_are_hidden_after_their_time(desk: Open) -> None:
    found = desk("doctor", identifiers_s=0.6)
    async with found.app.run_test(size=SIZE) as pilot:
        ssn, insurance = await opened(found, pilot)
        await pilot.press("i")
        await found.shows(ssn, insurance)
        await found.hides(ssn, insurance)
        assert "# hidden XXX-XX-XXXX" in found.text()


@pytest.mark.parametrize("away", ["escape", "o", "question_mark", "r", "a"])
async def test_they_are_hidden_when_anything_else_is_wanted(desk: Open, away: str) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        ssn, insurance = await opened(found, pilot)
        await pilot.press("i")
        await found.shows(ssn)
        if away == "question_mark":
            found.app.push_screen(HelpScreen(bindings_of(found.app.screen), unicode=True))
        else:
            await pilot.press(away)
        await found.hides(ssn, insurance)
        await pilot.press("escape")
        await pilot.pause()
        assert ssn not in found.text(), "they do not come back"


async def test_an_answer_that_comes_after_the_record_was_left_shows_nothing(
    desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = desk("doctor")
    reveal, go, answered = found.app.office.records.reveal, threading.Event(), threading.Event()

    def slow(patient_id: str) -> dict[str, str]:
        values = reveal(patient_id)
        assert go.wait(20)
        answered.set()
        return values

    monkeypatch.setattr(found.app.office.records, "reveal", slow)
    async with found.app.run_test(size=SIZE) as pilot:
        ssn, _ = await opened(found, pilot)
        await pilot.press("i")
        await until(lambda: found.events("unmask_ssn"), "the request")
        await pilot.press("escape", "enter")
        await found.shows("# hidden XXX-XX-XXXX")
        go.set()
        await until(answered.is_set, "the answer")
        for _ in range(20):
            await pilot.pause()
            assert ssn not in found.text()


async def test_they_cannot_be_copied_and_are_told_nowhere(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=SIZE) as pilot:
        ssn, insurance = await opened(found, pilot)
        await pilot.press("i")
        await found.shows(ssn)
        lines: Any = found.app.records.query_one("#record")
        for column, words in (("ssn", "SSN cannot be copied."), ("insurance_id", "Insurance id cannot be copied."),
                              ("name", "Name cannot be copied.")):  # fmt: skip
            lines.move_to(next(n for n, line in enumerate(lines._lines) if line.column == column))
            await pilot.press("y")
            assert found.app.told[-1] == words
        assert found.app.clipboard == ""
        lines.move_to(next(n for n, line in enumerate(lines._lines) if line.column == "patient_id"))
        await pilot.press("y")
        assert found.app.clipboard == "P0001"
        assert not lines.allow_select
        assert not found.app.records.allow_select
        await pilot.mouse_down("#record", offset=(0, 5))
        await pilot.hover("#record", offset=(45, 12))
        await pilot.mouse_up("#record", offset=(45, 12))
        assert found.app.records.get_selected_text() is None
        assert ssn not in "\n".join(found.app.told)
        assert insurance not in "\n".join(found.app.told)
