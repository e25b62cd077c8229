"""What stands in the place of a section that cannot be shown: why not, who may, and the key that helps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.actions.permissions import FreshCodeNeeded, NotSignedIn, PermissionDenied
from console.tui.text import plain


class Closed(VerticalScroll, can_focus=True):
    """Enter asks the screen to `knock`: to sign in, to give a code, or to try again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.knock", "Go on", id="closed.knock", tooltip="Sign in, give a code, or try again"),
    ]
    DEFAULT_CSS = """
    Closed { height: 1fr; padding: 1 4; background: $lw-background; color: $lw-text; scrollbar-size-vertical: 1; }
    Closed Static { height: auto; background: $lw-background; }
    """

    def __init__(self) -> None:
        super().__init__(id="closed")
        self._does = "Try again"

    def compose(self) -> ComposeResult:
        yield Static("", id="closed-text", markup=False)

    def show(self, what: str, error: Exception, *, roles: Sequence[str], user: str | None) -> None:
        """Tell why `what` is closed to `user`, None for nobody."""
        title, why, key = closed_words(what, error, roles=roles, user=user)
        self._does = does_words(error)
        tone = "wait" if isinstance(error, PermissionDenied) else "bad"
        text = Content.assemble(
            Content.styled(f"{title}\n\n", f"bold $lw-{tone}"),
            Content.styled("".join(f"{line}\n" for line in why), "$lw-text"),
            Content.styled("\nEnter", "bold $lw-accent"),
            Content.styled(f" {key}", "$lw-text"),
        )
        self.query_one("#closed-text", Static).update(text)

    @property
    def hints(self) -> list[Binding]:
        """The key, as what it does now."""
        return [Binding("enter", "knock", self._does)]


def does_words(error: Exception) -> str:
    """What Enter does, in short."""
    if isinstance(error, FreshCodeNeeded):
        return "Give a code"
    return "Sign in" if isinstance(error, PermissionDenied) else "Try again"


def closed_words(
    what: str, error: Exception, *, roles: Sequence[str], user: str | None
) -> tuple[str, tuple[str, ...], str]:
    """Title, reasons, and what Enter does."""
    for_whom = f"It is for the role {' or '.join(roles)}." if roles else ""
    name = plain(user) if user else "nobody"
    match error:
        case NotSignedIn():
            state = plain(str(error).partition(":")[0])
            return (
                f"{what}: sign in first",
                (f"{state[:1].upper()}{state[1:]}.", for_whom),
                "signs in: password, then a code of the authenticator.",
            )
        case FreshCodeNeeded():
            why = f"You are signed in as {name}. The last code of your authenticator is older than ten minutes."
            return f"{what}: a fresh code is needed", (why,), "asks for a code, then goes on here."
        case PermissionDenied():
            why = f"You are signed in as {name}."
            said = plain(str(error))
            more = () if roles and said.endswith(f"it is for {' or '.join(roles)}") else (said,)
            return f"{what}: not open to you", (why, for_whom, *more), "signs in as somebody else."
        case _:
            lines = (str(error) or type(error).__name__).splitlines()
            advice = "`lakewarden doctor` checks the workspace."
            said = plain(lines[0][:1].upper() + lines[0][1:])
            return f"{what} cannot be shown", (said, *map(plain, lines[1:]), advice), "tries again."
