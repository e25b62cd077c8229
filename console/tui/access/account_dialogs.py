"""The dialogs of the accounts: the form of one, new or changed, and the enrolment code that is shown once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from console.tui.access.choice_form import ChoiceForm
from console.tui.access.question import Field, Offer
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from security.errors import AccountRefused
from security.identity.account import Account, AccountChange, NewAccount, Role
from security.identity.shift import Shift

FIELDS = (
    Field("user", "User", True, "a to z, 0 to 9, . _ -"),
    Field("role", "Role"),
    Field("email", "E-mail", True, "optional, for one-time codes"),
    Field("domain", "Domain", True, "of a data scientist, such as oncology"),
    Field("shift", "Shift", True, "of a doctor, such as 08:00-20:00"),
    Field("timezone", "Zone", True, "of the shift, such as Europe/London"),
)
_ROLES = {
    Role.DOCTOR: "records of assigned patients; needs a shift",
    Role.DATA_SCIENTIST: "aggregates of one domain; needs a domain",
    Role.AUDITOR: "audit log; masked records",
    Role.OPERATOR: "pipelines and warehouse",
    Role.OFFICER: "accounts, keys, partners",
    Role.PARTNER: "aggregates by the gateway",
    Role.GUEST: "what guests may see",
}
_SHIFTS = (Offer("08:00-20:00", "days"), Offer("20:00-08:00", "nights"), Offer("", "never on shift: no record opens"))


class AccountForm(Dialog):
    """The form of a new account, or of one that is changed.

    `save` takes what the fields mean and gives an enrolment code, None for a changed account. The result is the account
    with that, or with the error that another must deal with.
    """

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "screen.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="account-form.save", tooltip="Add or change the account", priority=True)
    ]

    def __init__(
        self,
        save: Callable[[NewAccount], str | None],
        domains: Sequence[str],
        zones: Sequence[str],
        *,
        account: Account | None = None,
    ) -> None:
        super().__init__()
        self._save = save
        self._account = account
        self._domains = domains
        self._zones = zones
        self._busy = False

    def compose(self) -> ComposeResult:
        account = self._account
        title = f"Change {plain(account.user)}" if account else "New account"
        fields = [field for field in FIELDS if account is None or field.name != "user"]
        with Vertical(classes="dialog", id="account-dialog"):
            yield Static(title, classes="dialog-title", markup=False)
            yield ChoiceForm(fields, self._offers, id="account-form")
            yield Static("", id="account-problem", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Save (Ctrl+S)", id="save", classes="primary")
                yield Button("Cancel (Esc)", id="cancel")

    def on_mount(self) -> None:
        form = self.query_one(ChoiceForm)
        if self._account is None:
            form.put({"role": Role.DOCTOR.value})
            form.focus_field("user")
        else:
            form.put(fields_of(self._account))
            form.focus_field("role")

    def on_choice_form_changed(self) -> None:
        self._say("")

    def on_choice_form_left(self, event: ChoiceForm.Left) -> None:
        if event.how == "out":
            self.action_close()
        else:
            self.set_focus(self.query_one("#save" if event.how == "on" else "#cancel"))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "save":
            self.action_save()
        else:
            self.action_close()

    def action_save(self) -> None:
        """Save it if it can be; else say below the fields why not."""
        if self._busy:
            return
        try:
            known = {} if self._account is None else {"user": self._account.user}
            new = account_of({**self.query_one(ChoiceForm).values, **known})
        except AccountRefused as error:
            self._say(str(error))
            return
        self._busy = True

        def saved(code: str | None) -> None:
            self.dismiss((new, code))

        off_loop(self, lambda: self._save(new), saved, lambda error: self._refused(new, error))

    def _refused(self, new: NewAccount, error: Exception) -> None:
        self._busy = False
        if isinstance(error, AccountRefused):
            self._say(str(error))
        else:
            self.dismiss((new, error))

    def _say(self, text: str) -> None:
        told = plain(text)
        self.query_one("#account-problem", Static).update(told[:1].upper() + told[1:])

    def _offers(self, name: str, _values: Mapping[str, str]) -> Sequence[Offer]:
        if name == "role":
            return [Offer(role.value, about) for role, about in _ROLES.items()]
        if name == "domain":
            return [*(Offer(domain) for domain in self._domains), Offer("", "none")]
        if name == "timezone":
            return [Offer(zone) for zone in self._zones]
        return _SHIFTS if name == "shift" else ()


class EnrolmentCode(Dialog):
    """Shows a code that nobody will be shown again. Enter does not close it: it may still be in the keyboard."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "screen.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "close", "Noted", id="enrolment-code.close", tooltip="The code was noted; it is gone then")
    ]

    def __init__(self, user: str, code: str, *, days: int, password_stays: bool) -> None:
        super().__init__()
        self._user, self._code, self._days = user, code, days
        self._password_stays = password_stays

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="enrolment-code"):
            yield Static(f"Enrolment code of {plain(self._user)}", classes="dialog-title", markup=False)
            yield Static(self._code, id="the-code", markup=False)
            yield Static(
                f"It is shown this once and stored nowhere in clear: note it now, for {plain(self._user)} alone.",
                classes="dialog-text", markup=False,
            )  # fmt: skip
            keeps = " and the password that stays" if self._password_stays else ""
            then = "sets up the authenticator" if self._password_stays else "sets a password and an authenticator"
            yield Static(
                f"{plain(self._user)} signs in with it{keeps} within {self._days} days, once, and {then}. If it is "
                "lost, reset the account: that makes another.",
                classes="dialog-text", markup=False,
            )  # fmt: skip
            yield Static("y: I have noted it", classes="dialog-hint", markup=False)


def fields_of(account: Account) -> dict[str, str]:
    """What the fields of an account hold, but its name."""
    times, _, timezone = ("", "", "") if account.shift is None else str(account.shift).partition(" ")
    return {
        "role": account.role.value,
        "email": account.email or "",
        "domain": account.domain or "",
        "shift": times,
        "timezone": timezone,
    }


def change_of(account: Account, new: NewAccount) -> AccountChange:
    """What makes `account` what was typed, and no more: what another officer changed meanwhile stays."""
    return AccountChange(
        role=None if new.role is account.role else new.role,
        email=None if new.email == account.email else new.email or "",
        domain=None if new.domain == account.domain else new.domain or "",
        shift=None if new.shift == account.shift else new.shift,
        no_shift=new.shift is None and account.shift is not None,
    )


def account_of(values: Mapping[str, str]) -> NewAccount:
    """The account that the fields mean. Raises AccountRefused."""
    given = {name: value.strip() for name, value in values.items()}
    if bool(given["shift"]) is not bool(given["timezone"]):
        raise AccountRefused("expected a shift and its time zone, or neither: 08:00-20:00 and Europe/London")
    try:
        role = Role(given["role"])
    except ValueError:
        raise AccountRefused(f"expected a role: {', '.join(Role)}; found {given['role'][:40]!r}") from None
    shift = Shift.parse(given["shift"], given["timezone"]) if given["shift"] else None
    return NewAccount(given["user"], role, given["email"] or None, given["domain"] or None, shift)
