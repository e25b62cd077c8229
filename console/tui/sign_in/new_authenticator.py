"""Asks for the password before another authenticator is set up in place of one's own."""

from __future__ import annotations

import logging
from threading import Thread
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.shell import Shell
from console.tui.sign_in.fields import MOST_PASSWORD, FieldLine, field
from console.tui.sign_in.refusal import Refusal

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import SignInActions, Who
    from console.tui.sign_in.enrolment import Finish
    from security.identity.renewal import Offer

log = logging.getLogger(__name__)

BY_RECOVERY = "The recovery code that you signed in with, and your password, let you set up another authenticator."
BY_CODE = "Your password, and a code of the authenticator you have, let you set up another in its place."
WHAT_ENDS = "Your other sessions end, and ten new recovery codes take the place of the old."


class NewAuthenticator(Dialog):
    """The result is an offer, None if it was left."""

    CSS_PATH = "../screens/dialogs.tcss"

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._asked = False

    def compose(self) -> ComposeResult:
        who = self._shell.who
        lost = who is not None and who.factor == "recovery"
        with Vertical(classes="dialog"):
            yield Static("Set up another authenticator", classes="dialog-title", markup=False)
            yield Static(f"{BY_RECOVERY if lost else BY_CODE} {WHAT_ENDS}", classes="dialog-text", markup=False)
            yield FieldLine("Password", field("password", most=MOST_PASSWORD, secret=True))
            yield Refusal()
            with Horizontal(classes="dialog-buttons"):
                yield Button("Go on", id="go-on", classes="primary")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#password"))

    def on_input_submitted(self) -> None:
        self._propose()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go-on":
            self._propose()
        else:
            self.action_close()

    def _propose(self) -> None:
        password = self.query_one("#password", Input).value
        if self._asked or not password:
            return
        self._asked = True
        self.query_one(Refusal).say("Checking the password")

        def propose() -> Offer:
            return self._shell.open_office().sign_in.propose_authenticator(password)

        off_loop(self, propose, self._offered, self._refused)

    def _offered(self, offer: Offer) -> None:
        self.dismiss(offer)

    def _refused(self, error: Exception) -> None:
        from console.actions.permissions import PermissionDenied

        self._asked = False
        refusal = self.query_one(Refusal)
        if isinstance(error, PermissionDenied):
            refusal.say("")
            self._shell.explain(error, self._propose)
            return
        refusal.show(error)
        password = self.query_one("#password", Input)
        password.value = ""
        self.set_focus(password)


def finish_of(offer: Offer) -> Finish:
    """What puts the offered authenticator in force. The owner is told by mail meanwhile: the codes do not wait."""

    def finish(actions: SignInActions, code: str, _password: str | None) -> tuple[Who, list[str]]:
        done = actions.renew_authenticator(offer, code)
        Thread(target=_tell_owner, args=(actions, done[0].user), name="console-mail", daemon=True).start()
        return done

    return finish


def _tell_owner(actions: SignInActions, user: str) -> None:
    try:
        actions.tell_of_authenticator(user)
    except Exception as error:  # noqa: BLE001 – the thread's boundary
        log.warning("the owner of an authenticator that was replaced could not be told by mail: %s", error)
