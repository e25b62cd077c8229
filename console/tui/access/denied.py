"""What stands in place of a view that is not permitted: why, who may, and the key that mends it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from console.actions.permissions import FreshCodeNeeded, NotSignedIn, PermissionDenied
from console.tui.sign_in.words import refusal_words


class Denied(VerticalScroll, can_focus=True):
    """`Asked` tells that what is missing is to be given, or that it is to be tried again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Go on", id="denied.ask", tooltip="Sign in, give a code, or try again: as it says")
    ]

    class Asked(Message):
        """The sign-in, a fresh code or another try is wanted."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self) -> None:
        super().__init__(id="denied")
        self._error: Exception | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="denied-text", markup=False)

    def show(self, error: Exception, *, what: str, roles: tuple[str, ...], who: str) -> None:
        """Explain `error`: `what` cannot be shown, `roles` may see it, `who` is signed in (empty for nobody)."""
        self._error = error
        parts = [Content.styled(f"{what} cannot be shown\n\n", "bold $lw-bad")]
        parts.append(Content.styled(f"{refusal_words(error)}\n", "$lw-text"))
        if isinstance(error, PermissionDenied):
            may = " or ".join(roles) or "nobody"
            here = f"Signed in as {who}." if who else "Nobody is signed in."
            parts.append(Content.styled(f"\nWho may: {may}. {here}\n", "$lw-muted"))
        parts.append(Content.styled(f"\n{_advice(error)}", "$lw-accent"))
        self.query_one(Static).update(Content.assemble(*parts))
        self.scroll_home(animate=False)

    def action_ask(self) -> None:
        if self._error is not None:
            self.post_message(self.Asked(self._error))


def _advice(error: Exception) -> str:
    if isinstance(error, NotSignedIn):
        return "Enter: sign in"
    if isinstance(error, FreshCodeNeeded):
        return "Enter: give a code of your authenticator"
    if isinstance(error, PermissionDenied):
        return "u: sign out, and in as somebody who may.   Enter: try again"
    return "Enter: try again"
