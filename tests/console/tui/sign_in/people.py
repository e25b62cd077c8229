"""Signing in at the console for tests: real accounts, real codes, the keys that a person would press."""

from __future__ import annotations

import base64
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.seat import InMemory
from console.config_file import create_workspace
from console.settings import Settings, load_settings
from console.tui.sign_in.forms import Form
from console.tui.sign_in.practice_codes import PracticeCodes
from console.tui.sign_in.screen import SignInScreen
from console.tui.warehouse.screen import WarehouseScreen
from console.wiring.security import Security
from security.identity import otp
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from security.identity.practice import PracticeAccount
from tests.console.tui.workspaces import Opened, screen_text, until
from tests.practice import account_of, prepare

CUSTOMERS = "SELECT customer_name FROM Customer_Table ORDER BY customer_id LIMIT 5"

PASSWORD = "a long walk along the river Ob"


def practice(home: Path, **overrides: str) -> tuple[Settings, dict[str, str]]:
    """A practice workspace whose accounts and patients are there."""
    prepare(home)
    environ = {"LAKEWARDEN_HOME": str(home), "LAKEWARDEN_SCHEDULE__ENABLED": "false", **overrides}
    return load_settings(environ), environ


def production(home: Path, user: str = "anna", **overrides: str) -> tuple[Settings, dict[str, str], str]:
    """A production workspace with one operator, who never signed in; and the enrolment code for that."""
    create_workspace(home, production=True)
    environ = {"LAKEWARDEN_HOME": str(home), "LAKEWARDEN_SCHEDULE__ENABLED": "false", **overrides}
    settings = load_settings(environ)
    with closing(Security(settings, environ, InMemory())) as security:
        code = security.accounts.add(NewAccount(user, Role.OPERATOR), by=SERVICE, now=security.now())
    return settings, environ, code


def shown_account(made: Opened, user: str) -> PracticeAccount:
    """A practice account with what signs it in now."""
    return account_of(made.workshop.open_security(), user)


def code_of(secret: str, now: datetime) -> str:
    """The code that an authenticator app shows for a secret as it was typed into it."""
    typed = secret.replace(" ", "")
    key = base64.b32decode(typed + "=" * (-len(typed) % 8))
    return otp.hotp(key, otp.step_at(now))


async def shown(made: Opened, *texts: str) -> None:
    """Wait until all of these stand on the screen."""
    await until(
        lambda: all(text in screen_text(made.app) for text in texts), lambda: f"{texts} in\n{screen_text(made.app)}"
    )


async def gone(made: Opened, *texts: str) -> None:
    """Wait until none of these stands on the screen."""
    await until(
        lambda: not any(text in screen_text(made.app) for text in texts),
        lambda: f"no {texts} in\n{screen_text(made.app)}",
    )


async def form_of(made: Opened, kind: type[Form]) -> None:
    """Wait until the sign-in shows this form, with the focus in one of its fields."""

    def there() -> bool:
        screen = made.app.screen
        if not isinstance(screen, SignInScreen) or not screen.query(kind):
            return False
        return isinstance(made.app.focused, Input) and screen.query_one(kind) in made.app.focused.ancestors

    await until(there, lambda: f"{kind.__name__} in\n{screen_text(made.app)}")


async def typed(made: Opened, pilot: Pilot[Any], text: str) -> None:
    """Type into the field with the focus, as a paste."""
    field = made.app.focused
    assert isinstance(field, Input), f"expected a field with the focus, found {field}"
    field.insert_text_at_cursor(text)
    await pilot.pause()


async def choose(made: Opened, pilot: Pilot[Any], user: str) -> None:
    """In the sign-in that is shown, sign in as a practice account by its line."""
    await until(
        lambda: isinstance(made.app.screen, SignInScreen) and made.app.screen.query_one(PracticeCodes).line_count(),
        lambda: f"the practice accounts in\n{screen_text(made.app)}",
    )
    codes = made.app.screen.query_one(PracticeCodes)
    codes.focus()
    names = [account.account.user for account in codes.accounts]
    codes.move_to(names.index(user))
    await pilot.press("enter")


async def sign_in(made: Opened, pilot: Pilot[Any], user: str) -> None:
    """From any screen of a practice workspace, sign in as a practice account."""
    await pilot.press("f8")
    await choose(made, pilot, user)
    await signed_in(made, user)


async def signed_in(made: Opened, user: str) -> None:
    """Wait until that user sits here, and a screen is shown."""
    app = made.app
    await until(
        lambda: app.who is not None and app.who.user == user and not isinstance(app.screen, SignInScreen),
        lambda: f"{user} signed in:\n{screen_text(app)}",
    )


async def asked(made: Opened, text: str = CUSTOMERS) -> WarehouseScreen:
    """The Warehouse with the result of a query, which has the focus."""
    app = made.app
    app.call_later(app.action_show_tab, "warehouse")
    await until(lambda: isinstance(app.screen, WarehouseScreen) and app.screen._parts is not None, "the warehouse")
    screen = app.screen
    assert isinstance(screen, WarehouseScreen)
    app.call_later(screen._desk.run, text, "warehouse")
    await until(lambda: screen.view.opened is not None and not screen._desk.at_work, lambda: screen_text(app))
    screen.view.focus_content()
    return screen
