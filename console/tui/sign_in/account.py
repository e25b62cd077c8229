"""Who is signed in here, and what they can do about it: sign out, another password, authenticator, recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Confirm, Dialog
from console.tui.sign_in.words import left_words, role_name
from console.tui.text import local_clock, plain

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import Who
    from console.tui.app import LakewardenApp

FACTORS = {
    "totp": "authenticator code",
    "email": "code by mail (weaker)",
    "recovery": "recovery code (weaker)",
}


class AccountDialog(Dialog):
    """The account of `who`."""

    CSS_PATH = "../screens/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "sign_out", "Sign out", id="account.sign-out", tooltip="Sign out; the screen is cleared"),
        Binding("p", "password", "Password", id="account.password", tooltip="Set another password"),
        Binding("r", "recovery_codes", "Recovery codes", id="account.recovery", tooltip="Ten new recovery codes"),
        Binding(
            "n",
            "authenticator",
            "New authenticator",
            id="account.authenticator",
            tooltip="Set up another authenticator in place of yours, lost or not",
        ),
        Binding(
            "e",
            "sign_out_everywhere",
            "Sign out everywhere",
            id="account.sign-out-everywhere",
            tooltip="End every session of this account, in each console and on the command line",
        ),
        Binding("left,right", "app.focus_next", "Other button", show=False, id="account.other"),
    ]

    def __init__(self, app: LakewardenApp, who: Who) -> None:
        super().__init__()
        self._shell = app
        self._who = who
        self._told = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Signed in as {plain(self._who.user)}", classes="dialog-title", markup=False)
            yield Static("", id="account-words", classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Sign out (o)", id="sign_out", classes="primary")
                yield Button("Password (p)", id="password")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Recovery codes (r)", id="recovery_codes")
                yield Button("New authenticator (n)", id="authenticator")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Sign out everywhere (e)", id="sign_out_everywhere")

    def on_mount(self) -> None:
        self._tell(self._who)
        self.set_focus(self.query_one("#sign_out"))
        self.set_interval(1.0, lambda: self._tell(self._shell.who))
        off_loop(self, self._shell.open_office().sign_in.who, self._tell, lambda _error: None)

    def _tell(self, who: Who | None) -> None:
        """As of now; nothing where the session has just ended, which the application tells."""
        if who is not None and (words := self._words(who)) != self._told:
            self._told = words
            self.query_one("#account-words", Static).update(words)

    def _words(self, who: Who) -> str:
        left = left_words(who, self._shell.now())
        age_min = who.factor_age_s // 60
        given = f"given {age_min} min ago" if age_min else "just given"
        return (
            f"Role        {role_name(who.role)}\n"
            f"Factor      {FACTORS.get(who.factor, who.factor)}, {given}\n"
            f"Since       {local_clock(who.signed_in_at)}\n"
            f"Signed off  in {left} without a key, at {local_clock(who.expires)}"
        )

    def on_button_pressed(self, event: Button.Pressed) -> None:
        actions = {
            "sign_out": self.action_sign_out,
            "sign_out_everywhere": self.action_sign_out_everywhere,
            "password": self.action_password,
            "recovery_codes": self.action_recovery_codes,
            "authenticator": self.action_authenticator,
        }
        actions[event.button.id or ""]()

    def action_sign_out(self) -> None:
        self.dismiss(None)
        self._shell.action_sign_out()

    def action_sign_out_everywhere(self) -> None:
        self.dismiss(None)
        self._shell.action_sign_out_everywhere()

    def action_password(self) -> None:
        from console.tui.sign_in.new_password import NewPassword

        self.app.push_screen(NewPassword(self._shell))

    def action_authenticator(self) -> None:
        self.dismiss(None)
        self._shell.door.new_authenticator()

    def action_recovery_codes(self) -> None:
        def decided(yes: bool | None) -> None:
            if yes:
                self._make_recovery_codes()

        text = "Ten new ones are shown once. The ones you have stop working."
        self.app.push_screen(Confirm("Make new recovery codes?", text, "Make them"), decided)

    def _make_recovery_codes(self) -> None:
        from console.tui.sign_in.enrolment import RecoveryCodes

        def made(codes: list[str]) -> None:
            self.app.push_screen(RecoveryCodes(codes, self._who.user))

        actions = self._shell.open_office().sign_in  # it is open: somebody is signed in

        off_loop(
            self,
            actions.new_recovery_codes,
            made,
            lambda error: self._shell.explain(error, self._make_recovery_codes),
        )
