"""Who comes in and goes out: what a visitor may, what a sign-in goes on with, and that a sign-off leaves nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.screen import Screen
from textual.widgets import Input

from console.actions.seat import InMemory
from console.query_history import QueryHistory, kept_for
from console.tui.pipelines.run_grid import RunGrid
from console.tui.pipelines.screen import PipelinesScreen
from console.tui.sign_in import attendance
from console.tui.sign_in.forms import Form, PasswordForm
from console.tui.sign_in.screen import SignInScreen
from console.tui.sign_in.signed_out import SignedOut
from console.tui.warehouse.editor.editor import FILE, SqlEditor
from console.tui.warehouse.screen import HISTORY, WarehouseScreen
from console.wiring.security_actions import users
from tests.console.tui.sign_in.conftest import Open
from tests.console.tui.sign_in.people import (
    PASSWORD,
    choose,
    code_of,
    form_of,
    gone,
    production,
    shown,
    sign_in,
    signed_in,
    typed,
)
from tests.console.tui.workspaces import Opened, SetClock, screen_text, until
from tests.practice import opened, sit_down

SECRET_WORDS = "SELECT 'zebrafish' AS animal"


async def left(made: Opened) -> None:
    """Wait until nobody sits here and a screen is shown again, with or without what tells why."""
    app = made.app
    shown_again = PipelinesScreen | WarehouseScreen | SignedOut
    await until(
        lambda: app.who is None and not app._renewing and isinstance(app.screen, shown_again),
        lambda: f"the sign-off:\n{screen_text(app)}",
    )


# ---- visitors ----------------------------------------------------------------------------------------------------


async def test_a_visitor_sees_pipelines_and_what_is_denied_says_who_may(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await shown(made, "No run yet")
        for section, role in (("4", "doctor"), ("5", "officer"), ("6", "auditor")):
            await pilot.press(section)
            await shown(made, role)
        await pilot.press("1")
        await shown(made, "No run yet")


async def test_what_a_visitor_asked_goes_on_after_the_sign_in(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await shown(made, "No run yet")
        screen = made.app.screen
        await pilot.press("f", *"manual", "enter")
        await shown(made, "only: manual")
        await pilot.press("t")
        await shown(made, "trigger_run is for operator", "PRACTICE AUTHENTICATOR")
        assert "lakewarden sign-in" not in screen_text(made.app)
        await choose(made, pilot, "operator")
        await shown(made, "1/1", "only: manual", "operator · 15 min")
        assert made.app.screen is screen


async def test_what_somebody_else_may_not_is_told_and_nothing_happens(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await shown(made, "No run yet", "t Run now")
        await sign_in(made, pilot, "auditor")
        await shown(made, "No run yet", "An operator starts one by hand", "f Filter")
        await gone(made, "t Run now")
        foot = screen_text(made.app).splitlines()[-1]
        assert not [key for key in ("Retry", "Pause", "Add city", "Test city") if key in foot]
        await pilot.press("question_mark")
        await shown(made, "This screen", "Show only some runs")
        assert "Start a run of all cities" not in screen_text(made.app).partition("In the runs")[0]
        await pilot.press("pagedown")
        await shown(made, "Not for your role", "Start a run of all cities")
        await pilot.press("escape")
        asked = [one.event for one in made.workshop.open_security().audit.tail(after=-1, limit=1_000)]
        assert not [event for event in asked if event.action in ("trigger_run", "manage_schedule")]
        await pilot.press("t")
        await shown(made, "Not permitted", "trigger_run")
        await pilot.press("escape")
        await pilot.press("s")
        await shown(made, "Not permitted", "manage_schedule")
        await pilot.press("escape")
        await shown(made, "An operator starts one by hand")
        await pilot.press("f8", "o")
        await left(made)
        await sign_in(made, pilot, "operator")
        await shown(made, "t Run now", "No run yet")


async def test_a_question_that_needs_a_permission_is_asked_only_of_those_who_have_it(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await shown(made, "No run yet")
        await pilot.press("a")
        await shown(made, "manage_schedule is for operator")
        await choose(made, pilot, "operator")
        await shown(made, "Add a city")


# ---- signing off -------------------------------------------------------------------------------------------------


async def test_a_sign_off_makes_every_screen_anew_and_forgets_what_was_copied(console: Open) -> None:
    made = console()
    app = made.app
    async with app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("2")
        await until(lambda: isinstance(app.screen, WarehouseScreen), "the warehouse")
        before = {id(screen) for stack in app._screen_stacks.values() for screen in stack}
        warehouse = app.screen
        assert isinstance(warehouse, WarehouseScreen)
        await until(lambda: warehouse.editor._loaded, "the editor")
        warehouse.editor.open_tab(SECRET_WORDS)
        app._clipboard = "copied"
        await shown(made, "zebrafish")
        await pilot.press("f8", "o")
        await left(made)
        await gone(made, "zebrafish")
        after: list[Screen[object]] = [screen for stack in app._screen_stacks.values() for screen in stack]
        assert all(type(screen) is Screen or id(screen) not in before for screen in after)
        assert app._clipboard == ""
        await shown(made, "not signed in [u]")


async def test_nobody_reads_what_another_user_typed_or_ran(console: Open) -> None:
    made = console()
    app = made.app
    home = app.settings.home
    async with app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("2")
        await until(lambda: isinstance(app.screen, WarehouseScreen), "the warehouse")
        warehouse = app.screen
        assert isinstance(warehouse, WarehouseScreen)
        await until(lambda: warehouse.editor._loaded and warehouse._parts, "the editor")
        warehouse.editor.open_tab(SECRET_WORDS)
        warehouse.editor.use_database("weather")
        warehouse.action_run()
        own = QueryHistory(kept_for(home / HISTORY, "operator"))
        await until(own.entries, "the history")
        await pilot.press("f8", "o")
        await left(made)
        for user in (None, "auditor"):
            if user is not None:
                await sign_in(made, pilot, user)
            await until(lambda: isinstance(app.screen, WarehouseScreen), "the warehouse")
            await pilot.press("ctrl+r")
            await shown(made, "History")
            await gone(made, "zebrafish")
            await pilot.press("escape")
        await pilot.press("f8", "o")
        await left(made)
        await sign_in(made, pilot, "operator")
        await shown(made, "zebrafish")
    kept = {path.name: path.read_text() for path in home.glob("*.json*")}
    assert {name for name, text in kept.items() if "zebrafish" in text} == {
        kept_for(home / HISTORY, "operator").name,
        kept_for(home / FILE, "operator").name,
    }
    assert not any("operator" in name for name in kept)


async def test_what_a_visitor_typed_stays_for_who_signs_in(console: Open) -> None:
    made = console()
    app = made.app
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await until(lambda: isinstance(app.screen, WarehouseScreen), "the warehouse")
        warehouse = app.screen
        assert isinstance(warehouse, WarehouseScreen)
        await until(lambda: warehouse.editor._loaded, "the editor")
        warehouse.editor.open_tab(SECRET_WORDS)
        await sign_in(made, pilot, "operator")
        assert made.app.screen is warehouse
        editor = made.app.screen.query_one(SqlEditor)
        await until(lambda: editor._loaded, "the editor")
        assert editor.text == SECRET_WORDS
        kept = kept_for(app.settings.home / FILE, "operator")
        await until(lambda: kept.exists() and "zebrafish" in kept.read_text(), "the user's file")


async def test_a_session_that_is_not_used_ends_with_the_screen_cleared_and_says_why(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "TOUCH_S", 3_600.0)  # on a slow machine F8 would be noted after the clock's step
    clock = SetClock(datetime.now(UTC))
    made = console(clock=clock)
    app = made.app
    async with app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("f8")
        await shown(made, "Signed in as operator")
        clock.at += timedelta(minutes=14, seconds=30)
        await shown(made, "operator · 30 s", "in 30 s without a key")
        clock.at += timedelta(seconds=10)
        await shown(made, "operator · 20 s", "in 20 s without a key")
        clock.at += timedelta(seconds=21)
        await left(made)
        await shown(made, "Signed out", "operator was signed out after 15 minutes without a key", "Sign in")
        await gone(made, "Signed in as operator")
        await pilot.press("u")
        await form_of(made, PasswordForm)
        await shown(made, "operator was signed out after 15 minutes without a key")
        await pilot.press("escape")
        await shown(made, "No run yet")


async def test_looking_on_is_no_use_of_the_session_and_a_key_is(console: Open) -> None:
    clock = SetClock(datetime.now(UTC))
    made = console(clock=clock, LAKEWARDEN_ACCESS__IDLE_TIMEOUT_S="20")
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        who = made.app.who
        assert who is not None
        clock.at += timedelta(seconds=15)
        made.app.feed.look_again()
        await pilot.press("down")
        sign_in_actions = made.workshop.open_office().sign_in
        await until(
            lambda: (found := sign_in_actions.who()) is not None and found.expires > who.expires,
            "the use",
            patience_s=10,
        )
        clock.at += timedelta(seconds=21)
        await left(made)


async def test_a_session_that_an_officer_ends_elsewhere_ends_here(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        other = opened(made.app.settings.home, {}, keeper=InMemory())
        try:
            sit_down(other, "officer")
            users(other).disable("operator")
            await left(made)
            await shown(made, "operator was signed out elsewhere, or the account was")
        finally:
            other.close()


@pytest.mark.parametrize("over", ["ctrl+p", "f1", "small"])
async def test_a_session_ends_whatever_lies_over_the_screen(console: Open, over: str) -> None:
    clock = SetClock(datetime.now(UTC))
    made = console(clock=clock)
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await shown(made, "No run yet")
        if over == "small":
            await pilot.resize_terminal(40, 10)
            await shown(made, "Enlarge it")
        else:
            await pilot.press(over)
            await until(lambda: len(made.app.screen_stack) > 1, "what lies over it")
        clock.at += timedelta(minutes=16)
        await until(lambda: made.app.who is None and not made.app._renewing, "the sign-off")
        await shown(made, "without a key")
        if over == "small":
            await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await shown(made, "No run yet", "not signed in [u]")
        assert len(made.app.screen_stack) == 1


async def test_leaving_the_sign_in_while_it_is_at_work_begins_no_session_unseen(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        await choose(made, pilot, "operator")
        for _often in range(5):
            await pilot.press("escape")
        seat = made.workshop.open_security().seat
        await until(
            lambda: seat.holds_token == (made.app.who is not None) and not isinstance(made.app.screen, SignInScreen),
            lambda: screen_text(made.app),
        )


async def test_another_account_signs_in_over_the_first_and_sees_nothing_of_it(console: Open) -> None:
    made = console()
    app = made.app
    async with app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("1")
        await shown(made, "No run yet")
        before = app.screen
        app.call_later(app.sign_in)
        await choose(made, pilot, "auditor")
        await signed_in(made, "auditor")
        await until(lambda: isinstance(app.screen, PipelinesScreen) and app.screen is not before, "other screens")
        await shown(made, "auditor · 15 min", "No run yet")


# ---- production --------------------------------------------------------------------------------------------------


async def test_in_production_the_sign_in_comes_first_and_there_is_no_way_around_it(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ, _code = production(tmp_path / "home")
    consoles.append(Opened(settings, environ, permissions=None))
    made = consoles[-1]
    async with made.app.run_test(size=(80, 24)) as pilot:
        await form_of(made, PasswordForm)
        made.app.screen.set_focus(None)
        await pilot.press("1", "2", "3", "4", "5", "6", "escape", "f8", "u")
        assert isinstance(made.app.screen, SignInScreen)
        assert len(made.app.screen_stack) == 1
        await pilot.press("f1")
        await shown(made, "Leave; what runs is completed later")
        await gone(made, "The Records screen")
        await pilot.press("escape")
        await until(lambda: made.app.feed.workspace, "the scheduler's workspace")
        await gone(made, "Pipelines", "Security", "PRACTICE")


async def test_in_production_the_scheduler_works_while_nobody_is_signed_in(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ, _code = production(tmp_path / "home", LAKEWARDEN_SCHEDULE__ENABLED="true")
    consoles.append(Opened(settings, environ, permissions=None))
    async with consoles[-1].app.run_test(size=(80, 24)):
        await until(
            lambda: consoles[-1].opened and consoles[-1].opened[0].background._scheduler._thread, "the scheduler"
        )


async def test_the_first_sign_in_enrols_with_qr_code_and_secret_and_the_next_one_takes_a_code(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ, code = production(tmp_path / "home")
    clock = SetClock(datetime.now(UTC))
    consoles.append(Opened(settings, environ, permissions=None, clock=clock))
    made = consoles[-1]
    async with made.app.run_test(size=(80, 24)) as pilot:
        await form_of(made, PasswordForm)
        for text in ("anna", code):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await shown(made, "The authenticator of anna", "Scan the QR code", "New password again")
        lines = screen_text(made.app).splitlines()
        drawn = [line for line in lines if line.startswith(("██", "▀▀▀"))]
        assert len(drawn) == 21, "the whole picture is on the screen at 80x24"
        secret = made.app.screen._proposal.secret  # type: ignore[attr-defined]
        assert " ".join(secret[at : at + 4] for at in range(0, 16, 4)) in screen_text(made.app)
        for text in (PASSWORD, PASSWORD, code_of(secret, clock.at)):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await shown(made, "Recovery codes of anna", "I have written them down")
        await pilot.press("enter")
        await signed_in(made, "anna")
        await shown(made, "anna · 15 min", "Pipelines")
        await pilot.press("f8", "o")
        await form_of(made, PasswordForm)
        await shown(made, "anna is signed out")
        clock.at += timedelta(seconds=30)
        for text in ("anna", PASSWORD):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await shown(made, "the code of your authenticator")
        await until(lambda: isinstance(made.app.focused, Input) and made.app.focused.id == "code", "the field")
        await typed(made, pilot, code_of(secret, clock.at))
        await pilot.press("enter")
        await signed_in(made, "anna")


async def test_an_enrolment_can_be_left_without_effect(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ, code = production(tmp_path / "home")
    consoles.append(Opened(settings, environ, permissions=None))
    made = consoles[-1]
    async with made.app.run_test(size=(80, 24)) as pilot:
        for _twice in range(2):
            await form_of(made, PasswordForm)
            for text in ("anna", code):
                await typed(made, pilot, text)
                await pilot.press("enter")
            await shown(made, "The authenticator of anna")
            for text in (PASSWORD, "something else"):
                await typed(made, pilot, text)
                await pilot.press("enter")
            await typed(made, pilot, "000000")
            await pilot.press("enter")
            await shown(made, "The two new passwords differ")
            await pilot.press("escape")
        await form_of(made, Form)


async def test_without_block_characters_the_secret_is_typed_or_the_picture_drawn_in_ascii(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ, code = production(tmp_path / "home", LC_ALL="C")
    consoles.append(Opened(settings, environ, permissions=None))
    made = consoles[-1]
    async with made.app.run_test(size=(80, 24)) as pilot:
        await form_of(made, PasswordForm)
        for text in ("anna", code):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await shown(made, "too narrow for the QR code", "Type this secret into an authenticator app")
        await pilot.resize_terminal(120, 40)
        await shown(made, "####  ##########", "Scan the QR code")
        assert "████" not in screen_text(made.app)
        before = screen_text(made.app)
        await pilot.press("pagedown")
        await until(lambda: screen_text(made.app) != before, "the rest of the picture")


# ---- what is remembered ------------------------------------------------------------------------------------------


async def test_a_grid_with_the_focus_takes_keys_again_after_a_sign_off(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("f8", "o")
        await left(made)
        await until(lambda: isinstance(made.app.focused, RunGrid), "the focus")
        await shown(made, "No run yet")


async def test_the_choice_of_the_tab_survives_a_sign_in_and_the_state_names_nobody(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await sign_in(made, pilot, "auditor")
        await until(lambda: made.app.current_mode == "audit", "the section")
    assert "auditor" not in json.dumps(str(made.app.ui))


async def test_the_console_reopens_only_on_a_tab_that_who_is_here_may_use(console: Open) -> None:
    made = console()
    app = made.app
    for tab in ("vault", "audit", "records"):
        app.remember(tab=tab)
        assert app._first_tab() == "pipelines", "a visitor"
    for tab in ("warehouse", "access", "nonsense", "pipelines"):
        app.remember(tab=tab)
        assert app._first_tab() == (tab if tab != "nonsense" else "pipelines")
    app.remember(tab="vault")
    async with app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "auditor")
        for tab, opens in (
            ("vault", "pipelines"),
            ("audit", "audit"),
            ("warehouse", "warehouse"),
            ("records", "records"),
        ):
            app.remember(tab=tab)
            assert app._first_tab() == opens
        await pilot.press("f8", "o")
        await left(made)
        await sign_in(made, pilot, "doctor")
        for tab in ("vault", "audit", "warehouse"):
            app.remember(tab=tab)
            assert app._first_tab() == "pipelines"


async def test_who_comes_next_does_not_begin_in_the_section_of_the_one_before(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(60, 16)) as pilot:
        await sign_in(made, pilot, "auditor")
        await pilot.press("6")
        await until(lambda: made.app.current_mode == "audit", "the section")
        await shown(made, "auditor")  # who is signed in stands in the narrowest header too
        await pilot.press("f8", "o")
        await left(made)
        await until(lambda: made.app.current_mode == "pipelines", "the first tab")
