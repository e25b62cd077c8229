"""Tells who sat here that the session has ended, and why; from there the sign-in is one key away."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from console.tui.screens.dialogs import Notice


class SignedOut(Notice):
    """The result is True where somebody wants to sign in."""

    CSS_PATH = "../screens/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,u,f8", "sign_in", "Sign in", id="signed-out.sign-in", tooltip="Sign in, or sign in as another"),
        Binding("space", "close", "Close", show=False, id="signed-out.close", tooltip="Go on without a sign-in"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__("Signed out", text)

    def action_sign_in(self) -> None:
        self.dismiss(True)
