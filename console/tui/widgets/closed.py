"""What stands in place of what is not shown: what that is, why, who may see it, what would change it, and the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from console.actions.permissions import FreshCodeNeeded, NotSignedIn, PermissionDenied
from console.tui.sign_in.words import ANOTHER_HERE, refusal_words, role_name
from console.tui.text import plain
from console.tui.widgets.words import NOTHING, Part, Words

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import Who
    from console.tui.shell import Shell
    from security.policy.model import Decision


class Closed(Words):
    """Enter does what helps: it signs in or asks `shell` for a code, and then, or at once, calls `again`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "knock", "Go on", id="closed.knock", tooltip="Sign in, give a code, or try again: as it says"),
    ]

    def __init__(self, shell: Shell, again: Callable[[], None], *, id: str = "closed") -> None:  # noqa: A002 – Textual's
        super().__init__(id=id)
        self._shell, self._again = shell, again
        self.error: Exception | None = None

    def show(self, what: str, error: Exception, *, roles: Sequence[str] = (), more: Sequence[Part] = ()) -> None:
        """Tell why `what` is closed to who sits here; `more` stands before the key."""
        self.error = error
        lines = [*closed_lines(what, error, roles=roles, who=self._shell.who), *more]
        if not isinstance(error, PermissionDenied):
            lines += [NOTHING, ("`lakewarden doctor` checks the workspace, and says what to do.", "muted")]
        self.say([*lines, NOTHING, (f"Enter {_KEYS[_kind(error)][1]}.", "bold accent")])

    @property
    def hints(self) -> list[Binding]:
        """The key, as what it does now."""
        return [Binding("enter", "knock", _KEYS[_kind(self.error)][0])]

    def action_knock(self) -> None:
        """Do what the key says."""
        if isinstance(self.error, FreshCodeNeeded):
            self._shell.with_fresh_code(self._again)
        elif isinstance(self.error, PermissionDenied):
            self._shell.sign_in(self._again)
        else:
            self._again()


_KEYS = {  # what Enter does: in the line of keys, and in the text
    NotSignedIn: ("Sign in", "signs in"),
    FreshCodeNeeded: ("Give a code", "asks for the code, then goes on here"),
    PermissionDenied: ("Sign in as another", "signs in as somebody else"),
    Exception: ("Try again", "tries again"),
}


def closed_lines(what: str, error: Exception, *, roles: Sequence[str] = (), who: Who | None = None) -> list[Part]:
    """What is closed, why, to whom it is open where that is not the role that asks, and what would change it."""
    kind = _kind(error)
    lines: list[Part] = [(f"{what} {_TITLES[kind]}", "bold bad" if kind is Exception else "bold wait"), NOTHING]
    lines += _why(error, who)
    others = () if kind is Exception or (who and who.role in roles) else roles
    if others:
        lines += [NOTHING, ("Who may", "accent"), (f"  {role_words(others)}", "text")]
    if changes := _changes(error, others):
        lines += [NOTHING, ("What would change it", "accent"), *((f"  {change}", "text") for change in changes)]
    return lines


_TITLES = {
    NotSignedIn: "needs a sign-in",
    FreshCodeNeeded: "needs a fresh code",
    PermissionDenied: "is not open to you",
    Exception: "cannot be shown",
}


def role_words(roles: Sequence[str]) -> str:
    """`the roles auditor and officer`."""
    named = [role_name(role) for role in roles]
    return f"the role {named[0]}" if len(named) == 1 else f"the roles {', '.join(named[:-1])} and {named[-1]}"


def missing(decision: Decision) -> list[str]:
    """What is lacking, once for each way in which it could be permitted; errors where nothing could be decided."""
    own = [why.because for why in decision.why_not if why.failed]
    return list(dict.fromkeys([*decision.errors, *own]))


def changes_of(decision: Decision) -> list[str]:
    """What would change the decision, each once."""
    return list(dict.fromkeys(change for why in decision.why_not if why.failed for change in why.change))


def refusal_lines(error: Exception) -> list[str]:
    """The words of a refusal or failure, without the command line's advice, each line safe for a terminal."""
    return refusal_words(error).splitlines()


def _kind(error: Exception | None) -> type[Exception]:
    return next((kind for kind in _TITLES if isinstance(error, kind)), Exception)


def _why(error: Exception, who: Who | None) -> list[Part]:
    said: list[Part] = [(line, "text") for line in refusal_lines(error)]
    if isinstance(error, NotSignedIn):
        ended = str(error).startswith("the session has ended")
        return [("Your session has ended." if ended else "Nobody is signed in here.", "text")]
    if not isinstance(error, PermissionDenied):
        return said
    here: list[Part] = [(f"You are signed in as {_named(who)}.", "text")] if who else []
    if isinstance(error, FreshCodeNeeded):
        return [*here, *_why_no_fresh_code(who)]
    if error.decision is None:
        return [*here, *said]
    if not (lacks := missing(error.decision)):
        return here or said
    ways: list[Part] = [(f"  {'or ' if number else ''}{way}", "text") for number, way in enumerate(lacks)]
    return [*here, NOTHING, ("What is missing now", "accent"), *ways]


def _why_no_fresh_code(who: Who | None) -> list[Part]:
    """A session by a recovery code or a code by mail has none of the authenticator that could be too old."""
    begun = _BEGUN_BY.get(who.factor) if who else None
    if begun is None:
        return [("The last code of your authenticator was given more than ten minutes ago.", "text")]
    lost: list[Part] = [NOTHING, (ANOTHER_HERE, "text")] if begun == _BEGUN_BY["recovery"] else []
    return [(f"You signed in by {begun}: no code of your authenticator was given yet.", "text"), *lost]


_BEGUN_BY = {"recovery": "a recovery code", "email": "a code by mail"}


def _named(who: Who) -> str:
    role = role_name(who.role)
    return plain(who.user) if role == who.user.replace("-", " ") else f"{plain(who.user)}, whose role is {role}"


def _changes(error: Exception, others: Sequence[str]) -> list[str]:
    whose = "that role" if len(others) == 1 else "such a role"
    if isinstance(error, NotSignedIn):
        return [f"A sign-in as somebody with {whose}: password, then a code of the authenticator."]
    if isinstance(error, FreshCodeNeeded):
        return ["The code that your authenticator shows now."]
    if not isinstance(error, PermissionDenied):
        return []
    found = changes_of(error.decision) if error.decision else []
    return found or ([f"A sign-in as somebody with {whose}."] if others else [])
