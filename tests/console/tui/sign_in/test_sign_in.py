"""Signing in at the console: the forms, what is told of a refusal, and the practice authenticator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Input

from console.actions.practice import PracticeActions
from console.tui.pipelines.screen import PipelinesScreen
from console.tui.sign_in.enrolment import EnrolmentScreen
from console.tui.sign_in.forms import CodeForm, PasswordForm, RecoveryForm
from console.tui.sign_in.fresh_code import FreshCode
from console.tui.sign_in.new_password import NewPassword
from console.tui.sign_in.practice_codes import PracticeCodes, spaced
from console.tui.sign_in.refusal import Refusal
from console.tui.sign_in.screen import SignInScreen
from security.audit.search import Filter
from security.errors import SignInRefused
from security.identity.practice import PracticeAccount
from tests.console.tui.sign_in.conftest import Open
from tests.console.tui.sign_in.people import (
    choose,
    form_of,
    gone,
    production,
    shown,
    shown_account,
    sign_in,
    signed_in,
    typed,
)
from tests.console.tui.workspaces import Opened, SetClock, screen_text, until


async def test_a_visitor_sees_who_is_not_signed_in_and_how_to(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await shown(made, "not signed in [u]", "3 Security", "No run yet")
        await pilot.press("u")
        await form_of(made, PasswordForm)
        await pilot.press("escape")
        await until(lambda: isinstance(made.app.screen, PipelinesScreen), "the way back")


async def test_password_and_code_typed_by_hand_sign_in(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        account = shown_account(made, "auditor")
        await typed(made, pilot, "auditor")
        await pilot.press("enter")
        await typed(made, pilot, account.password or "")
        assert account.password
        assert account.password not in screen_text(made.app).partition("PRACTICE AUTHENTICATOR")[0]
        await pilot.press("enter")
        await form_of(made, CodeForm)
        await typed(made, pilot, spaced(account.code or ""))
        await pilot.press("enter")
        await signed_in(made, "auditor")
        await shown(made, "auditor · 15 min")


async def test_a_code_by_mail_is_asked_for_while_the_field_of_the_code_has_the_focus(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        user = made.app.screen.query_one("#user", Input)
        await pilot.press(*"operator", "home", "ctrl+e")
        assert user.cursor_position == len("operator"), "where no mail is offered the key is the field's"
        await pilot.press("enter")
        await typed(made, pilot, shown_account(made, "operator").password or "")
        await pilot.press("enter")
        await form_of(made, CodeForm)
        await shown(made, "Code by mail")
        await pilot.press("ctrl+e")
        await shown(made, "No mail server is configured")
        await pilot.press("1", "ctrl+e")
        await form_of(made, CodeForm)


@pytest.mark.parametrize("kind", [SignInScreen, EnrolmentScreen, FreshCode, NewPassword])
def test_no_key_of_a_screen_with_fields_is_one_that_a_field_takes(kind: type[Screen[object]]) -> None:
    taken = {key for binding in Input.BINDINGS if isinstance(binding, Binding) for key in binding.key.split(",")}
    for binding in kind.BINDINGS:
        assert isinstance(binding, Binding)
        if not binding.priority:
            # Enter is the field's, which tells that it was pressed.
            assert not taken.intersection(binding.key.split(",")) - {"enter"}, binding.id


@pytest.mark.parametrize("practice", [True, False])
async def test_the_help_speaks_of_practice_accounts_only_where_there_are_some(
    console: Open, consoles: list[Opened], tmp_path: Path, practice: bool
) -> None:
    if practice:
        made = console()
    else:
        settings, environ, _code = production(tmp_path / "real")
        made = Opened(settings, environ, permissions=None)
        consoles.append(made)
    async with made.app.run_test(size=(80, 50)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        if practice:
            await until(lambda: made.app.screen.query_one(PracticeCodes).line_count(), "the practice accounts")
        await pilot.press("f1")
        await shown(made, "This screen", "Sign in with a recovery code")
        assert ("practice accounts" in screen_text(made.app).lower()) is practice
        assert ("The field below" in screen_text(made.app)) is not practice
        await pilot.press("escape")
        await form_of(made, PasswordForm)
        await pilot.press("x", "f1")
        await shown(made, "The field below")
        assert "practice accounts" not in screen_text(made.app).lower()


async def test_where_no_officer_is_enrolled_yet_a_refusal_says_what_comes_first(
    consoles: list[Opened], tmp_path: Path
) -> None:
    settings, environ, _code = production(tmp_path / "home")
    made = Opened(settings, environ, permissions=None)
    consoles.append(made)
    async with made.app.run_test(size=(80, 24)) as pilot:
        await form_of(made, PasswordForm)
        for text in ("nobody-here", "not the password"):
            await typed(made, pilot, text)
            await pilot.press("enter")
        refusal = made.app.screen.query_one(Refusal)
        await until(lambda: refusal.said.endswith("init --production` goes on with that"), lambda: refusal.said)
        assert "is not right; no officer is enrolled here yet" in refusal.said


async def test_a_wrong_password_and_an_unknown_user_are_told_alike(console: Open) -> None:
    made = console()
    told = []
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        for user in ("operator", "nobody-here"):
            await form_of(made, PasswordForm)
            made.app.screen.query_one("#user", Input).value = ""
            made.app.screen.query_one("#user", Input).focus()
            await typed(made, pilot, user)
            await pilot.press("enter")
            await typed(made, pilot, "not the password")
            await pilot.press("enter")
            await shown(made, "is not right")
            told.append([line for line in screen_text(made.app).splitlines() if "is not right" in line])
            assert made.app.screen.query_one("#password", Input).value == ""
            made.app.screen.query_one(PasswordForm).say("")
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("there", "told"), [(True, "reading the practice accounts"), (False, "making the practice accounts, once")]
)
async def test_accounts_that_exist_are_read_and_only_missing_ones_made(
    console: Open, monkeypatch: pytest.MonkeyPatch, there: bool, told: str
) -> None:
    made, going = console(), Event()
    accounts = PracticeActions.accounts

    def slow(actions: PracticeActions) -> list[PracticeAccount]:
        going.wait(20)
        return accounts(actions)

    actions = made.workshop.open_office().practice
    assert actions is not None
    monkeypatch.setattr(actions, "is_prepared", lambda: there)
    monkeypatch.setattr(PracticeActions, "accounts", slow)
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await shown(made, told)
        going.set()
        await shown(made, "data-scientist-cardiology")


def _focused(made: Opened) -> str | None:
    return made.app.focused.id if made.app.focused is not None else None


async def test_down_leads_to_the_practice_accounts_until_something_is_typed(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        await shown(made, "data-scientist-cardiology", "Down Accounts")
        codes = made.app.screen.query_one(PracticeCodes)
        await pilot.press("down")
        assert (_focused(made), codes.cursor) == ("practice-codes", 0)
        await pilot.press("down")
        assert codes.cursor == 1
        await pilot.press("up", "up", "up")
        assert _focused(made) == "user"
        await pilot.press("x")
        await gone(made, "Down Accounts")
        await pilot.press("down")
        assert _focused(made) == "password"


async def test_after_a_refusal_the_keys_move_between_the_fields(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        for text in ("operator", "not the password"):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await shown(made, "is not right", "data-scientist-cardiology")
        assert _focused(made) == "password"
        for key, field in (
            ("up", "user"), ("down", "password"), ("shift+tab", "user"), ("tab", "password"),
            ("down", "practice-codes"), ("up", "password"), ("down", "practice-codes"), ("shift+tab", "password"),
        ):  # fmt: skip
            await pilot.press(key)
            await until(lambda field=field: _focused(made) == field, lambda key=key: f"{key}: {_focused(made)}")  # type: ignore[misc]


async def test_a_refusal_leaves_the_focus_where_it_was_moved_meanwhile(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        form = made.app.screen.query_one(PasswordForm)
        await typed(made, pilot, "operater")
        await pilot.press("enter")
        await typed(made, pilot, "not the password")
        await pilot.press("up")
        form.refuse(SignInRefused("it is not right"))
        await pilot.pause()
        assert _focused(made) == "user"
        assert made.app.screen.query_one("#password", Input).value == ""


async def test_where_a_letter_is_typed_none_signs_in(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await shown(made, "not signed in [u]")
        await pilot.press("u")
        await form_of(made, PasswordForm)
        await shown(made, "not signed in")
        assert "[u]" not in screen_text(made.app)


async def test_the_practice_authenticator_signs_in_and_is_unmistakable(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await shown(made, "PRACTICE AUTHENTICATOR: these accounts exist only here", "data-scientist-cardiology")
        account = shown_account(made, "operator")
        await shown(made, account.password or "", spaced(account.code or ""))
        await choose(made, pilot, "operator")
        await signed_in(made, "operator")
        await shown(made, "operator · 15 min")
        await gone(made, account.password or "")


async def test_a_code_that_was_used_is_not_offered_again(console: Open) -> None:
    clock = SetClock(datetime.now(UTC))
    made = console(clock=clock)
    async with made.app.run_test(size=(80, 24)) as pilot:
        for key in ("o", "e"):  # e: everywhere
            await sign_in(made, pilot, "operator")
            await pilot.press("f8", key)
            await until(lambda: made.app.who is None and isinstance(made.app.screen, PipelinesScreen), "the sign-out")
        audit = made.workshop.open_security().audit
        ends = [one.event.code for one in audit.search(Filter(action="sign_out")).events]
        assert ends == ["everywhere", None]
        await pilot.press("f8")
        await shown(made, "next in")
        codes = made.app.screen.query_one(PracticeCodes)
        await choose(made, pilot, "operator")
        await form_of(made, CodeForm)
        clock.at += timedelta(seconds=60)
        await until(lambda: codes.account is not None and codes.account.code, "the next code")


async def test_too_many_failures_are_told_with_the_seconds_to_wait_which_count_down(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        await typed(made, pilot, "operator")
        await pilot.press("enter")
        for _try in range(8):
            form = made.app.screen.query_one(PasswordForm)
            await until(lambda: not made.app.screen._asked, "the answer")  # type: ignore[attr-defined]
            await typed(made, pilot, "not the password")
            await pilot.press("enter")
            await until(
                lambda: not made.app.screen._asked and "Checking" not in screen_text(made.app),  # type: ignore[attr-defined]
                "the answer",
            )
            if "Too many failures" in screen_text(made.app):
                break
            form.say("")
        await shown(made, "Too many failures. Another try is possible in", "Ctrl+R")
        await shown(made, "The wait is over: try again.")


async def test_a_recovery_code_signs_in_at_once_and_is_used_up(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("f8", "r")
        await shown(made, "Ten new ones are shown once")
        await pilot.press("y")
        await shown(made, "Recovery codes of operator", "Shown this once")
        code = str(made.app.screen.query_one("#codes").render()).split()[0]
        await pilot.press("escape")
        await shown(made, "Write them down first")
        await pilot.press("enter")
        await shown(made, "Signed in as operator")
        await pilot.press("o")
        await until(lambda: made.app.who is None and isinstance(made.app.screen, PipelinesScreen), "the sign-out")
        password = shown_account(made, "operator").password or ""
        for told in ("operator · 15 min", "take another recovery"):
            await pilot.press("f8")
            await form_of(made, PasswordForm)
            await pilot.press("ctrl+r")
            await form_of(made, RecoveryForm)
            for text in ("operator", password, code):
                await typed(made, pilot, text)
                await pilot.press("enter")
            await shown(made, told)
            if made.app.who is not None:
                await until(
                    lambda: any("codes left: 9." in one.message for one in made.app._notifications), "how many are left"
                )
                await shown(made, "Set up another authenticator?", "9 recovery codes")
                await pilot.press("n")
                await pilot.press("f8", "r")
                await shown(made, "Make new recovery codes?")
                await pilot.press("y")
                await shown(made, "A fresh code, please", "If the authenticator is lost", "then n sets up another")
                await pilot.press("escape", "o")
                await until(lambda: made.app.who is None and isinstance(made.app.screen, PipelinesScreen), "out")


async def test_codes_that_a_clock_ahead_has_used_up_are_told_with_what_goes_on(console: Open) -> None:
    clock = SetClock(datetime.now(UTC) + timedelta(hours=1))
    made = console(clock=clock)
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "operator")
        await pilot.press("f8", "o")
        await until(lambda: made.app.who is None and isinstance(made.app.screen, PipelinesScreen), "the sign-out")
        clock.at -= timedelta(hours=1)
        await pilot.press("f8")
        await form_of(made, PasswordForm)
        for text in ("operator", shown_account(made, "operator").password or ""):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await form_of(made, CodeForm)
        await typed(made, pilot, "123456")
        await pilot.press("enter")
        await shown(made, "the clock was ahead", "no code is taken before", "instead")
        assert "lakewarden sign-in" not in screen_text(made.app), "that is for the command line"


async def test_another_password_is_set_and_told_where_it_is_too_weak(console: Open) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, "auditor")
        old = shown_account(made, "auditor").password or ""
        await pilot.press("f8", "p")
        await shown(made, "Set another password")
        for text in (old, "password", "password"):
            await typed(made, pilot, text)
            await pilot.press("enter")
        await until(lambda: made.app.screen.query_one("#refusal").has_class("-bad"), "the refusal")
        for name, text in (("new", "a ladder against 7 clouds"), ("repeated", "a ladder against 8 clouds")):
            made.app.screen.query_one(f"#{name}", Input).value = text
        await pilot.press("enter")
        await shown(made, "differ")
        made.app.screen.query_one("#repeated", Input).value = "a ladder against 7 clouds"
        await pilot.press("enter")
        await until(lambda: shown_account(made, "auditor").password is None, "the change")


@pytest.mark.parametrize(
    "user", ["operator", "officer", "auditor", "doctor-nights", "data-scientist-cardiology", "partner", "guest"]
)
async def test_who_is_signed_in_fits_beside_the_tabs_at_80_columns(console: Open, user: str) -> None:
    made = console()
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sign_in(made, pilot, user)
        await until(lambda: "15m" in _first(made) or "15 min" in _first(made), lambda: screen_text(made.app))
        first = _first(made)
        assert "1 Pipelines" in first
        assert "3 Security" in first
        assert user[:6] in first.partition("3 Security")[2]
        assert not isinstance(made.app.screen, SignInScreen)


def _first(made: object) -> str:
    return screen_text(made.app).splitlines()[0]  # type: ignore[attr-defined]
