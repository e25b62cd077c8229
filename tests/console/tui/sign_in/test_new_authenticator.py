"""Another authenticator from the console: for one that is lost after a recovery code, or one that is given up."""

from __future__ import annotations

import base64
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.seat import InMemory
from console.config_file import create_workspace
from console.settings import load_settings
from console.tui.sign_in.enrolment import EnrolmentScreen
from console.tui.sign_in.forms import CodeForm, PasswordForm, RecoveryForm
from console.tui.sign_in.new_authenticator import NewAuthenticator
from console.wiring.security import Security
from security.audit.search import Filter
from security.identity import otp
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from tests.console.tui.sign_in.people import PASSWORD, code_of, form_of, gone, shown, signed_in, typed
from tests.console.tui.workspaces import Opened, SetClock, until


class Sole:
    """The console of a production workspace whose only officer is enrolled."""

    def __init__(self, home: Path) -> None:
        create_workspace(home, production=True)
        environ = {"LAKEWARDEN_HOME": str(home), "LAKEWARDEN_SCHEDULE__ENABLED": "false"}
        settings = load_settings(environ)
        self.clock = SetClock(datetime.now(UTC))
        with closing(Security(settings, environ, InMemory(), clock=self.clock)) as security:
            now, source = security.now(), security.source
            code = security.accounts.add(NewAccount("officer", Role.OFFICER), by=SERVICE, now=now)
            challenge = security.sign_in.begin("officer", code, source, now=now).token
            self.secret = security.enrolment.propose(challenge, source, now=now).secret
            first = code_of(self.secret, now)
            self.codes = security.enrolment.finish(challenge, first, source, now=now, password=PASSWORD).recovery_codes
        self.made = Opened(settings, environ, permissions=None, clock=self.clock)
        self.pass_a_step()

    def pass_a_step(self) -> None:
        self.clock.at = datetime.fromtimestamp((otp.step_at(self.clock.at) + 1) * otp.STEP_S + 1, UTC)

    async def enter(self, pilot: Pilot[Any], *texts: str) -> None:
        for text in texts:
            await until(lambda: isinstance(self.made.app.focused, Input), "a field")
            await typed(self.made, pilot, text)
            await pilot.press("enter")

    async def sign_in(self, pilot: Pilot[Any]) -> None:
        await form_of(self.made, PasswordForm)
        await self.enter(pilot, "officer", PASSWORD)
        await form_of(self.made, CodeForm)
        await self.enter(pilot, code_of(self.secret, self.clock.at))
        await signed_in(self.made, "officer")

    async def replace(self, pilot: Pilot[Any]) -> str:
        """From the question for the password, to the end; the new secret."""
        made = self.made
        await until(lambda: isinstance(made.app.screen, NewAuthenticator), "the question for the password")
        await self.enter(pilot, "not the password 7")
        await shown(made, "the password is not right")
        await self.enter(pilot, PASSWORD)
        await until(lambda: isinstance(made.app.screen, EnrolmentScreen), "the picture")
        screen = made.app.screen
        assert isinstance(screen, EnrolmentScreen)
        secret = screen._proposal.secret
        await self.enter(pilot, "000000")
        await shown(made, "That code is not one")
        await self.enter(pilot, code_of(secret, self.clock.at))
        await shown(made, "Recovery codes of officer")
        await pilot.press("enter")
        await gone(made, "Recovery codes of officer")
        return secret


@pytest.fixture
def sole(tmp_path: Path, consoles: list[Opened]) -> Sole:
    made = Sole(tmp_path / "home")
    consoles.append(made.made)
    return made


@pytest.mark.parametrize(("size", "later"), [((60, 16), True), ((80, 24), False)])
async def test_the_only_officer_whose_authenticator_is_lost_sets_up_another_and_manages_accounts(
    sole: Sole, size: tuple[int, int], *, later: bool
) -> None:
    made = sole.made
    async with made.app.run_test(size=size, notifications=True) as pilot:
        await form_of(made, PasswordForm)
        await pilot.press("ctrl+r")
        await form_of(made, RecoveryForm)
        await sole.enter(pilot, "officer", PASSWORD, sole.codes[0])
        await signed_in(made, "officer")
        await shown(made, "Set up another authenticator?", "9 recovery codes", "Set up (y)")
        await pilot.press("n" if later else "y")
        await gone(made, "Set up another authenticator?")
        if later:
            await pilot.press("f8")
            await shown(made, "New authenticator (n)", "Recovery codes (r)", "Sign out everywhere (e)")
            await pilot.press("n")
        secret = await sole.replace(pilot)
        assert made.app.who is not None
        assert (made.app.who.factor, made.app.who.recovery_codes) == ("totp", 10)
        office = made.workshop.open_office()
        assert [one.user for one in office.users.list()] == ["officer"]
        found = made.workshop.open_security().audit.search(Filter(action="new_authenticator", principal="officer"))
        done = [(one.event.outcome.value, one.event.code) for one in found.events]
        assert done == [("done", "recovery"), ("intent", None), ("refused", "wrong_password")]
        assert base64.b32decode(secret + "=" * (-len(secret) % 8))


async def test_an_authenticator_that_is_given_up_is_replaced_with_a_fresh_code_of_it(sole: Sole) -> None:
    made = sole.made
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sole.sign_in(pilot)
        sole.pass_a_step()
        await pilot.press("f8", "n")
        secret = await sole.replace(pilot)
        assert secret != sole.secret


async def test_an_old_code_is_asked_for_first(sole: Sole) -> None:
    made = sole.made
    async with made.app.run_test(size=(80, 24)) as pilot:
        await sole.sign_in(pilot)
        for _ in range(24):
            sole.pass_a_step()
        await pilot.press("f8", "n")
        await until(lambda: isinstance(made.app.screen, NewAuthenticator), "the question for the password")
        await sole.enter(pilot, PASSWORD)
        await shown(made, "A fresh code, please")
        await until(lambda: made.app.focused is not None and made.app.focused.id == "code", "its field")
        await sole.enter(pilot, code_of(sole.secret, sole.clock.at))
        await until(lambda: isinstance(made.app.screen, EnrolmentScreen), "the picture")
        await pilot.press("escape")
        await gone(made, "The authenticator of officer")
        assert made.workshop.open_security().accounts.get("officer").recovery_codes == 10
