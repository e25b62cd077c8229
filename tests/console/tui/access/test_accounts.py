"""The accounts in the console: closed to all but an officer with a fresh code, and codes that are shown once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Input

from console.actions.decisions import Decisions, Known
from console.tui.access.account_dialogs import AccountForm, EnrolmentCode, account_of, change_of
from console.tui.access.account_table import AccountTable
from console.tui.access.accounts_view import account_lines
from console.tui.access.choice_form import ChoiceForm
from console.tui.access.explorer import Explorer
from console.tui.office import SecurityOffice
from console.tui.screens.dialogs import Confirm, Notice
from console.tui.sign_in.account import AccountDialog
from console.tui.widgets.closed import Closed
from console.tui.workshop import Workshop
from security.audit.search import Filter
from security.errors import AccountRefused
from security.identity.account import Account, AccountChange, NewAccount, Role
from security.identity.authenticator import new_recovery_codes
from security.identity.challenges import Next
from security.identity.shift import Shift
from tests.console.tui.access.access_app import Console, console
from tests.console.tui.workspaces import until
from tests.practice import account_of as account_of_practice
from tests.practice import sit_down


async def as_officer(here: Console) -> AccountTable:
    """The list, signed in as the officer through the panel itself."""
    await here.press("f5")
    await here.shows(
        "The list of accounts needs a sign-in", "Nobody is signed in", "the role officer", "Enter signs in"
    )
    await here.press("enter")
    await here.sign_in("officer")
    table = here.access.query_one(AccountTable)
    await until(lambda: table.accounts and table.has_focus, "the accounts")
    return table


def select(table: AccountTable, user: str) -> None:
    table.move_to([account.user for account in table.accounts].index(user))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_officer_sees_every_account_with_what_decides_about_it(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path / "home", size=size) as here:
        await as_officer(here)
        await here.shows("User", "Role", "Domain", "Shift", "State", "auditor", "data-scientist", "oncology")
        assert "never on shift" not in here.text  # an auditor has none to be on
        await here.shows("doctor-nights", "20:00-08:00 UTC", "enrolled", "n New", "d Disable", "f Reset factor")


async def test_an_operator_reads_in_place_why_not_and_who_may(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("f5", "enter")
        await here.sign_in("operator")
        await here.shows(
            "The list of accounts is not open to you", "the role officer", "signed in as operator", "Sign in as another"
        )
        assert here.access.query_one(Closed).has_focus
        assert not here.access.query_one(AccountTable).accounts
        await here.press("f2")
        await here.answers("may")


async def test_an_old_code_is_asked_for_in_place_and_a_fresh_one_opens_the_list(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("u")
        await here.sign_in("officer")
        here.clock.at += timedelta(seconds=700)
        await here.press("f5")
        await here.shows("The list of accounts needs a fresh code", "Enter asks for the code")
        await here.press("enter")
        await here.give_code("officer")
        await here.shows("data-scientist", "n New")


async def test_a_code_that_was_given_elsewhere_opens_the_list(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("u")
        await here.sign_in("officer")
        here.clock.at += timedelta(seconds=700)
        await here.press("f5")
        await here.shows("needs a fresh code", "given more than ten minutes ago")
        await here.press("u", "r", "y")
        await here.give_code("officer")
        await here.shows("Recovery codes of officer")
        await here.press("enter")
        await until(lambda: isinstance(here.app.screen, AccountDialog), "the account")
        await here.press("escape")
        await here.shows("data-scientist", "n New")
        assert "needs a fresh code" not in here.text
        found = here.security.audit.search(Filter(action="manage_users", principal="officer"))
        listed = [one for one in found.events if one.event.code == "list" and one.event.outcome.value == "done"]
        assert len(listed) <= 2, "a look at the same time is one"


async def test_after_a_recovery_code_it_is_not_said_that_a_code_is_too_old(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        security = here.security
        with security.identity.database.transaction() as connection:
            code = new_recovery_codes(security.identity, connection, "officer")[0]
        password = account_of_practice(security, "officer").password
        assert password is not None
        await here.press("u")
        await until(lambda: len(here.app.screen.query(Input)) == 2, "the sign-in")
        await here.press("ctrl+r")
        await until(lambda: len(here.app.screen.query(Input)) == 3 and here.app.focused is not None, "its form")
        for text in ("officer", password, code):
            await here.type(text)
            await here.press("enter")
        await here.shows("Set up another authenticator?")
        await here.press("n", "f5")
        await here.shows(
            "The list of accounts needs a fresh code",
            "You signed in by a recovery code: no code of your",
            "then n sets",
        )
        assert "ten minutes ago" not in here.text
        await here.press("enter")
        await here.give_code("officer")
        await here.shows("data-scientist", "n New")


async def test_a_new_account_gets_a_code_that_is_shown_once_and_enrols_it(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        await here.press("n")
        await until(lambda: isinstance(here.app.screen, AccountForm), "the form")
        await here.type("night-nurse")
        await here.press("tab")
        await here.type("doct")
        await here.press("tab", "tab", "tab")
        await here.type("20:00-08:00")
        await here.press("tab")
        await here.type("Europe/Lon")
        await here.press("down", "ctrl+s")
        await until(lambda: isinstance(here.app.screen, EnrolmentCode), "the code")
        dialog = here.app.screen
        assert isinstance(dialog, EnrolmentCode)
        code = dialog._code
        await here.shows(code, "Enrolment code of night-nurse", "shown this once", "y: I have noted it")
        await here.press("enter", "space")
        assert here.app.screen is dialog
        await here.press("y")
        await until(lambda: table.account and table.account.user == "night-nurse", "the account")
        assert code not in here.text
        added = table.account
        assert added is not None
        assert (added.role, str(added.shift), added.enrolled) == (Role.DOCTOR, "20:00-08:00 Europe/London", False)
        await here.shows("not enrolled")
        security = here.security
        challenge = security.sign_in.begin("night-nurse", code, security.source, now=security.now())
        assert challenge.next is Next.ENROL


async def test_what_cannot_be_added_is_told_in_the_form(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await as_officer(here)
        await here.press("n")
        await until(lambda: isinstance(here.app.screen, AccountForm), "the form")
        await here.press("ctrl+s")
        await here.shows("Expected a user name of a to z")
        await here.type("doctor")
        await here.press("ctrl+s")
        await here.shows("There is an account doctor already")
        assert here.app.screen.query_one(ChoiceForm).values["user"] == "doctor"
        await here.press("escape")
        await here.shows("F5 [Accounts]")


async def test_an_account_is_changed_in_the_same_form(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "doctor")
        await here.press("c")
        await until(lambda: isinstance(here.app.screen, AccountForm), "the form")
        await here.shows("Change doctor", "08:00-20:00", "Save (Ctrl+S)", "Ctrl+S Save")
        before = here.security.accounts.get("doctor")
        await here.press("tab", "tab", "tab")
        await here.press(*["backspace"] * 11)
        await here.type("20:00-08:00")
        await here.press("ctrl+s")
        await until(lambda: table.account and str(table.account.shift) == "20:00-08:00 UTC", "the other shift")
        changed = here.security.accounts.get("doctor")
        assert changed == dataclasses.replace(before, shift=changed.shift)
        events = here.security.audit.search(Filter(action="change_user")).events
        assert [(one.event.principal, one.event.code) for one in events] == [("officer", "shift")]


async def test_why_the_last_officer_keeps_the_role_is_told_in_the_form(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "officer")
        await here.press("c")
        await until(lambda: isinstance(here.app.screen, AccountForm), "the form")
        await here.type("audit")
        await here.press("ctrl+s")
        await here.shows("Officer is the only officer who can sign in")
        await here.press("escape", "escape")
        assert here.security.accounts.get("officer").role is Role.OFFICER


async def test_a_change_with_an_old_code_asks_for_a_fresh_one_in_the_end(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "partner")
        await here.press("c")
        await until(lambda: isinstance(here.app.screen, AccountForm), "the form")
        here.clock.at += timedelta(seconds=700)
        await here.type("guest")
        await here.press("ctrl+s")
        await here.give_code("officer")
        await until(lambda: table.account and table.account.role is Role.GUEST, "the other role")


def test_only_what_was_typed_is_changed() -> None:
    shift = Shift.parse("08:00-20:00", "UTC")
    account = Account("kim", Role.DOCTOR, "kim@example.org", None, shift, False, False, True, 10)
    same = NewAccount("kim", Role.DOCTOR, "kim@example.org", None, shift)
    assert change_of(account, same) == AccountChange()
    bare = NewAccount("kim", Role.DATA_SCIENTIST, None, "oncology", None)
    assert change_of(account, bare) == AccountChange(Role.DATA_SCIENTIST, "", "oncology", None, no_shift=True)
    for new in (same, bare):
        assert account.changed(change_of(account, new)) == new


async def test_disabling_asks_first_and_enabling_undoes_it(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "partner")
        await here.press("d")
        await until(lambda: isinstance(here.app.screen, Confirm), "the question")
        await here.press("n")
        assert not here.security.accounts.get("partner").disabled
        await here.press("d", "y")
        await until(lambda: table.account and table.account.disabled, "the account disabled")
        await here.shows("disabled", "b Enable")
        assert "d Disable" not in here.text
        await here.press("b")
        await until(lambda: table.account and not table.account.disabled, "the account enabled")
        assert not here.security.accounts.get("partner").disabled


async def test_a_reset_asks_first_and_shows_a_code_that_opens_the_enrolment(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "operator")
        await here.press("f", "y")
        await until(lambda: isinstance(here.app.screen, EnrolmentCode), "the code")
        await here.shows("Enrolment code of operator", "the password that stays")
        await here.press("y")
        await until(lambda: table.account and not table.account.enrolled, "the account without a factor")
        assert table.account is not None
        assert table.account.user == "operator"


async def test_a_change_with_an_old_code_asks_for_a_fresh_one_and_goes_on(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "partner")
        here.clock.at += timedelta(seconds=700)
        await here.press("d", "y")
        await here.give_code("officer")
        await until(lambda: table.account and table.account.disabled, "the account disabled")
        assert here.security.accounts.get("partner").disabled


async def test_reading_again_with_an_old_code_closes_the_list_until_a_fresh_one_is_given(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await as_officer(here)
        here.clock.at += timedelta(seconds=700)
        await here.press("r")
        await here.shows("The list of accounts needs a fresh code", "Enter asks for the code")
        await here.press("enter")
        await here.give_code("officer")
        await here.shows("data-scientist", "n New")


@pytest.mark.parametrize("key", ["d", "f", "w"])
async def test_the_only_officer_stays_and_the_console_says_why(tmp_path: Path, key: str) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        table = await as_officer(here)
        select(table, "officer")
        await here.press(key, "y")
        await until(lambda: isinstance(here.app.screen, Notice), "the refusal")
        await here.shows("only officer who can sign in")
        assert here.security.accounts.get("officer").enrolled
        assert here.security.seat.session() is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shift": "08:00-20:00"}, "a shift and its time zone, or neither"),
        ({"shift": "8-20", "timezone": "UTC"}, "a shift such as 08:00-20:00"),
        ({"role": "king"}, "expected a role"),
        ({"email": "nobody"}, "expected an e-mail address"),
    ],
)
def test_an_account_that_cannot_be_is_refused(change: dict[str, str], message: str) -> None:
    fields = {"user": "a", "role": "doctor", "email": "", "domain": "", "shift": "", "timezone": ""}
    assert account_of(fields).role is Role.DOCTOR
    with pytest.raises(AccountRefused, match=message):
        account_of({**fields, **change})


def test_one_recovery_code_is_not_told_as_many() -> None:
    one, two = (Account("a", Role.DATA_SCIENTIST, None, "oncology", None, False, True, True, left) for left in (1, 2))
    told = [" ".join(part[0] for line in account_lines(account) for part in line.parts) for account in (one, two)]
    assert "1 code left" in told[0]
    assert "2 codes left" in told[1]
    assert "data scientist" in told[0]


# ---- production: who may ask at all ---------------------------------------------------------------------------------


def guarded(workshop: Workshop) -> Callable[[], SecurityOffice]:
    """The office of a workspace in which asking is `read_audit`, as in production."""
    security = workshop.open_security()
    decisions = Decisions(
        engine=lambda: security.engine,
        known=Known(
            facts=lambda: security.facts,
            snapshot=security.snapshot,
            accounts=lambda: list(security.snapshot()._accounts.values()),
            patients=lambda: [(found.patient_id, found.domain) for found in security.admission.all_facts()],
            networks=tuple((str(network), site) for network, site in security.settings.networks),
        ),
        gate=lambda: security.gate,
        prepare=lambda: None,
        now=security.now,
    )
    office = dataclasses.replace(workshop.open_office(), decisions=decisions)
    return lambda: office


async def test_where_asking_is_reading_the_audit_a_visitor_signs_in_from_the_panel(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24), wrap=guarded) as here:
        await here.shows(
            "The decision explorer needs a sign-in", "the roles auditor and officer", "Nobody is signed in"
        )
        await here.press("f3")
        await here.shows("The matrix of roles and actions needs a sign-in", "Enter signs in")
        await here.press("enter")
        await here.sign_in("auditor")
        await here.shows("F3 [Matrix]", "view_record")
        await here.press("f2")
        await here.answers("auditor (auditor) may view_record")


async def test_where_asking_is_reading_the_audit_an_operator_is_told_who_may(tmp_path: Path) -> None:
    def seated(workshop: Workshop) -> Callable[[], SecurityOffice]:
        sit_down(workshop.open_security(), "operator")
        return guarded(workshop)

    async with console(tmp_path / "home", size=(80, 24), wrap=seated) as here:
        await here.shows("The decision explorer is not open to you", "the roles auditor and officer")
        await here.press("f4")
        await here.shows("The text of the policies is not open to you")
        assert not here.access.query_one(Explorer).display


@pytest.mark.parametrize("view", ["f2", "f5"])
async def test_a_core_that_cannot_be_opened_is_told_in_every_view_and_tried_again(tmp_path: Path, view: str) -> None:
    def broken_once(workshop: Workshop) -> Callable[[], SecurityOffice]:
        problems = [OSError("identity.db: the disk [bold]failed[/bold]")]

        def open_office() -> SecurityOffice:
            if problems:
                raise problems.pop()
            return workshop.open_office()

        return open_office

    async with console(tmp_path / "home", size=(80, 24), wrap=broken_once) as here:
        await here.shows("The decision explorer cannot be shown")
        await here.press(view)
        await here.shows("cannot be shown", "Identity.db: the disk [bold]failed[/bold]", "Enter tries again")
        await here.press("enter")
        if view == "f2":
            await here.answers("may view_record")
        else:
            await here.shows("The list of accounts needs a sign-in", "the role officer", "Enter signs in")
