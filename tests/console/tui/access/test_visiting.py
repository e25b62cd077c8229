"""Looking around: whoever opens a section that is closed to them has tried nothing, and no refusal goes on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.wiring.security import Security
from security.audit.event import Decision
from security.audit.search import Filter
from tests.console.tui.access.access_app import console

CLOSED = {"5": "The vault", "6": "The audit log", "4": "The section Records"}


def refused(security: Security) -> list[str]:
    """The actions that were refused, by the log."""
    found = security.audit.search(Filter(decision=Decision.DENY)).events
    return [f"{one.event.principal} {one.event.action}" for one in found]


@pytest.mark.parametrize("user", [None, "guest", "operator", "doctor-nights"])
async def test_whoever_visits_all_four_sections_leaves_no_denial_in_the_log(tmp_path: Path, user: str | None) -> None:
    """`doctor-nights` reads records, but is off shift at noon."""
    async with console(tmp_path / "home") as here:
        if user is not None:
            await here.press("u")
            await here.sign_in(user)
        end = "needs a sign-in" if user is None else "is not open to you"
        sections = CLOSED | ({"4": "The list of patients"} if user == "doctor-nights" else {})
        await here.press("3", "f5")
        await here.shows(f"The list of accounts {end}")
        for key, name in sections.items():
            await here.press(key)
            await here.shows(f"{name} {end}")
        assert refused(here.security) == []


async def test_what_is_really_tried_is_still_on_record(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("u")
        await here.sign_in("doctor-nights")
        await here.press("4")
        await here.shows("The list of patients is not open to you")
        await here.press("o")
        await here.shows("Opening it is recorded")
        await here.type("P0001")
        await here.press("enter")
        await here.shows("The record of P0001 is not open to you")
        assert refused(here.security) == ["doctor-nights view_record"]
