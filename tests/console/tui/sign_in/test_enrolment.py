"""Setting up an authenticator at the console: what is told at once, what the fields take, which keys are offered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from console.tui.sign_in import enrolment
from console.tui.sign_in.enrolment import EnrolmentScreen, RecoveryCodes
from console.tui.sign_in.fields import CODE_ONLY
from console.tui.sign_in.forms import PasswordForm
from console.tui.sign_in.refusal import Refusal
from tests.console.tui.sign_in.people import PASSWORD, code_of, form_of, gone, production, shown, typed
from tests.console.tui.workspaces import Opened, screen_text, settled, until

WEAK = ("short", "password1234", "anna lakewarden")
SCROLL = "PgDn"


@pytest.fixture
def open_production(tmp_path: Path, consoles: list[Opened]) -> tuple[Opened, str]:
    """The console of a production workspace, and the enrolment code of anna."""
    settings, environ, code = production(tmp_path / "home")
    consoles.append(Opened(settings, environ, permissions=None))
    return consoles[-1], code


async def begun(made: Opened, pilot: Pilot[Any], code: str) -> EnrolmentScreen:
    """The enrolment of anna, the focus in its first field."""
    await form_of(made, PasswordForm)
    for text in ("anna", code):
        await typed(made, pilot, text)
        await pilot.press("enter")
    await shown(made, "The authenticator of anna")
    await at(made, "password")
    screen = made.app.screen
    assert isinstance(screen, EnrolmentScreen)
    return screen


async def at(made: Opened, name: str) -> None:
    await until(lambda: made.app.focused is not None and made.app.focused.id == name, f"the focus at {name}")


async def test_a_password_that_cannot_be_set_is_told_before_it_is_repeated(open_production: tuple[Opened, str]) -> None:
    made, code = open_production
    async with made.app.run_test(size=(80, 24)) as pilot:
        screen = await begun(made, pilot, code)
        refusal = screen.query_one("#refusal")
        for password in WEAK:
            screen.query_one("#password", Input).value = password
            await pilot.press("enter")
            await until(lambda: refusal.has_class("-bad"), lambda: screen_text(made.app))
            await at(made, "password")
            assert not screen.query_one("#code", Input).value
            screen.query_one("#password", Input).value = PASSWORD
            await pilot.press("tab")
            await until(lambda: not refusal.has_class("-bad"), "that this one may be set")
            await at(made, "repeated")
            await pilot.press("up")
            await at(made, "password")


@pytest.mark.parametrize("password", [*WEAK, "aaaaaaaaaaaaaaaaaaaaaaaa", "1234567890", "lakewarden1"])
async def test_why_a_password_is_refused_is_seen_whole_beside_the_picture_at_80x24(
    open_production: tuple[Opened, str], password: str
) -> None:
    made, code = open_production
    async with made.app.run_test(size=(80, 24)) as pilot:
        screen = await begun(made, pilot, code)
        assert screen.has_class("-beside")
        refusal = screen.query_one(Refusal)
        screen.query_one("#password", Input).value = password
        await pilot.press("enter")
        await until(lambda: refusal.has_class("-bad"), lambda: screen_text(made.app))
        await settled(made.app)
        left = screen.query_one("#enrolment-form").region.x
        beside = " ".join(line[left:].strip() for line in screen_text(made.app).splitlines()[2:-1])
        assert refusal.said in " ".join(beside.split())
        assert "6 digits the app shows" in beside


async def test_a_password_repeated_otherwise_is_told_before_the_code(open_production: tuple[Opened, str]) -> None:
    made, code = open_production
    async with made.app.run_test(size=(80, 24)) as pilot:
        await begun(made, pilot, code)
        for text in (PASSWORD, f"{PASSWORD} too"):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await shown(made, "The two new passwords differ")
        await at(made, "repeated")


async def test_what_was_typed_of_the_repetition_stays_while_the_password_is_refused(
    open_production: tuple[Opened, str],
) -> None:
    made, code = open_production
    async with made.app.run_test(size=(80, 24)) as pilot:
        screen = await begun(made, pilot, code)
        screen.query_one("#password", Input).value = WEAK[0]
        screen.query_one("#repeated", Input).value = WEAK[0]
        await pilot.press("tab")
        await until(lambda: screen.query_one("#refusal").has_class("-bad"), "the refusal")
        await at(made, "repeated")
        await typed(made, pilot, WEAK[0])
        await typed(made, pilot, WEAK[0])
        assert screen.query_one("#repeated", Input).value


async def test_the_code_takes_six_digits_and_nothing_else(open_production: tuple[Opened, str]) -> None:
    made, code = open_production
    async with made.app.run_test(size=(80, 24)) as pilot:
        screen = await begun(made, pilot, code)
        field = screen.query_one("#code", Input)
        screen.set_focus(field)
        await pilot.press("a", "b", "1")
        await gone(made, CODE_ONLY)
        assert field.value == "1"
        await pilot.press("x")
        await shown(made, CODE_ONLY)
        field.value = ""
        field.post_message(events.Paste(" 123 456\n"))
        await until(lambda: field.value == "123456", lambda: field.value)
        await pilot.press("7")
        assert field.value == "123456"
        await shown(made, CODE_ONLY)


@pytest.mark.parametrize(
    ("variables", "size", "scrolls"),
    [
        ({}, (80, 24), False),
        ({}, (80, 16), True),
        ({}, (120, 40), False),
        ({"LC_ALL": "C"}, (80, 24), False),
        ({"LC_ALL": "C"}, (120, 40), True),
        ({}, (60, 16), True),
    ],
)
async def test_scrolling_is_offered_only_where_a_picture_is_higher_than_its_room(
    tmp_path: Path, consoles: list[Opened], variables: dict[str, str], size: tuple[int, int], scrolls: bool
) -> None:
    settings, environ, code = production(tmp_path / "home", **variables)
    consoles.append(Opened(settings, environ, permissions=None))
    made = consoles[-1]
    async with made.app.run_test(size=size) as pilot:
        screen = await begun(made, pilot, code)
        await settled(made.app)
        foot = screen_text(made.app).splitlines()[-1]
        assert (SCROLL in foot) is scrolls, screen_text(made.app)
        room = screen.query_one("#picture-room")
        before = room.scroll_offset
        await pilot.press("pagedown")
        await settled(made.app)
        assert (room.scroll_offset != before) is scrolls
        await pilot.press("f1")
        await shown(made, "Leave; nothing is changed")
        assert ("Move the QR code" in screen_text(made.app)) is scrolls


async def enrolled(made: Opened, pilot: Pilot[Any], code: str) -> list[str]:
    """Anna enrols, to the recovery codes; those."""
    screen = await begun(made, pilot, code)
    for text in (PASSWORD, PASSWORD, code_of(screen._proposal.secret, made.app.now())):
        await typed(made, pilot, text)
        await pilot.press("enter")
    await shown(made, "Recovery codes of anna")
    await settled(made.app)
    dialog = made.app.screen
    assert isinstance(dialog, RecoveryCodes)
    return dialog._codes


def above(made: Opened) -> str:
    """The screen without its line of keys."""
    return "\n".join(screen_text(made.app).splitlines()[:-1])


@pytest.mark.parametrize("size", [(80, 24), (80, 20), (80, 16), (60, 16), (120, 40)])
async def test_all_recovery_codes_stand_on_the_screen_and_say_that_they_are_shown_once(
    open_production: tuple[Opened, str], size: tuple[int, int]
) -> None:
    made, code = open_production
    async with made.app.run_test(size=size) as pilot:
        codes = await enrolled(made, pilot, code)
        assert [one for one in codes if one not in above(made)] == [], screen_text(made.app)
        assert "this once: write" in above(made)
        assert "I have written them down" in above(made), "the button is in sight"
        foot = screen_text(made.app).splitlines()[-1]
        assert "Enter I have written them down" in foot
        assert "Esc" not in foot
        assert "PgDn" not in screen_text(made.app)
        await pilot.press("escape")
        await shown(made, "Write them down first", codes[-1])
        await pilot.press("enter")
        await gone(made, "Recovery codes of anna")


async def test_the_button_acts_only_once_every_code_was_on_the_screen(
    open_production: tuple[Opened, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the dialog has less room for them than on any supported terminal; the button keeps the focus."""
    monkeypatch.setattr(enrolment, "CODES_FRAME", 14)
    made, code = open_production
    async with made.app.run_test(size=(60, 16)) as pilot:
        codes = await enrolled(made, pilot, code)
        assert [one for one in codes if one not in above(made)], screen_text(made.app)
        await shown(made, "PgDn: more codes below")
        await pilot.press("enter")
        await shown(made, "There are more codes below", "Recovery codes of anna")
        seen: set[str] = set()
        for key in ("up", "pagedown", "down", "pagedown", "down"):
            seen |= {one for one in codes if one in above(made)}
            await pilot.press(key)
            await settled(made.app)
        assert seen == set(codes)
        await gone(made, "more codes below")
        await pilot.press("pageup", "pageup", "pageup")
        await shown(made, codes[0])
        await pilot.press("enter")
        await gone(made, "Recovery codes of anna")
