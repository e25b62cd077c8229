"""Who comes in and goes out: the sign-in, the fresh code, the sign-off by key or by time, and what is told of refusals.

Rules:
1. Whoever goes, by key, by time or by what an officer did elsewhere: the screen is emptied first, then all else.
2. Every screen is made anew when somebody else sits here. Only one that is `Kept` stays, for the visitor who looked at
   it and signs in: what was asked goes on.
3. Where visitors may see nothing, the sign-in comes first and there is no way around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.shell import Kept
from console.tui.sign_in.attendance import Attendance
from console.tui.sign_in.words import ended_words, recovered_words, refusal_words, who_width, who_words
from console.tui.text import plain

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import Who
    from console.tui.app import LakewardenApp
    from console.tui.office import SecurityOffice
    from security.identity.renewal import Offer

Again = Callable[[], None]


class Door:
    """The sign-in of `app`. `guests` says whether visitors may see anything."""

    def __init__(self, app: LakewardenApp, *, open_office: Callable[[], SecurityOffice], guests: bool) -> None:
        self.who: Who | None = None
        self._app = app
        self._open_office = open_office
        self._office: SecurityOffice | None = None
        self._guests = guests
        self._told = ""
        self._entrance: Screen[Any] | None = None
        self._sitting: object | None = None
        access = app.settings.access
        self._attendance = Attendance(
            idle_s=access.idle_timeout_s,
            now=app.now,
            on_news=lambda sitting, who: post(app, Delivered(self._seen, (sitting, who))),
        )

    @property
    def locked(self) -> bool:
        """Whether nothing may be seen before somebody signs in."""
        return self.who is None and not self._guests

    def words(self, room: int) -> str:
        """Who is here, for the header."""
        key = "u" if self._guests and self._app.screen is not self._entrance else ""  # there, it is a letter
        return who_words(self.who, self._app.now(), room, key=key)

    def width(self) -> int:
        """The cells in which the name and the time of who is here are whole."""
        return who_width(self.who, self._app.now())

    def may(self, actions: Sequence[str]) -> bool:
        """Whether some policy lets the role of who is signed in do one of these; nothing is decided or recorded."""
        from console.actions.gate import EVERYONE  # the first paint does without

        if self.who is None or self._office is None:
            return False
        roles = {role for action in actions for role in self._office.gate.roles_for(action)}
        return bool(roles & {str(self.who.role), EVERYONE})

    def used(self) -> None:
        """A key was pressed, or the mouse used."""
        self._attendance.used()

    def close(self) -> None:
        """The console is left."""
        self._attendance.end()

    # ---- coming in --------------------------------------------------------------------------------------------------

    def first_screen(self) -> Screen[Any]:
        """The sign-in that comes before everything else."""
        from console.tui.sign_in.screen import SignInScreen

        told, self._told = self._told, ""
        self._entrance = SignInScreen(self._app, told=told, first=True, entered=lambda who: self._enter(who, None))
        return self._entrance

    def sign_in(self, then: Again | None = None, *, told: str = "") -> None:
        """Show the sign-in, unless it is shown; `then` goes on with what was asked, where its screen stays."""
        from console.tui.sign_in.screen import SignInScreen

        if self.locked or isinstance(self._app.screen, SignInScreen):
            return

        def entered(who: Who) -> None:
            self._enter(who, then)

        self._app.clear_notifications()
        self._entrance = SignInScreen(self._app, told=told, entered=entered)
        self._app.push_screen(self._entrance)

    def _enter(self, who: Who, then: Again | None) -> None:
        from console.tui.sign_in.screen import SignInScreen

        office = self._office = self._open_office()  # it was opened to sign in
        was_visitor = self.who is None and self._guests
        self.who = who
        self._sitting = self._attendance.begin(who, office.sign_in)
        app = self._app
        base = app.screen_stack[0]
        if not (was_visitor and isinstance(base, Kept)):
            app.renew(lambda: self._welcome(None), keep_shown=False)
            return
        if app.screen in app.screen_stack[1:] and isinstance(app.screen, SignInScreen):
            app.pop_screen()
        base.signed_in()
        app.renew(lambda: self._welcome(then), keep_shown=True)

    def _welcome(self, then: Again | None) -> None:
        self._app.who_changed()
        if self.who is not None:
            recovered = self.who.factor == "recovery"
            wants = self.who.needs_codes and not recovered
            left = f" Recovery codes left: {self.who.recovery_codes}." if recovered or wants else ""
            left += " u, then r, makes ten." if wants else ""
            self._app.notify(f"Signed in as {plain(self.who.user)}.{left}", markup=False)
            if then is not None:
                then()
            if recovered:
                self._offer_authenticator(self.who)

    # ---- a fresh code -----------------------------------------------------------------------------------------------

    def with_fresh_code(self, then: Again) -> None:
        """Ask for a code of the authenticator, and go on once it was accepted."""
        from console.tui.sign_in.fresh_code import FreshCode

        if self.who is None:
            self.sign_in(then)
            return
        if isinstance(self._app.screen, FreshCode):
            return

        def given(who: Who | None) -> None:
            if who is not None:
                self.who = who
                then()

        self._app.push_screen(FreshCode(self._app, self.who.user), given)

    # ---- another authenticator --------------------------------------------------------------------------------------

    def new_authenticator(self) -> None:
        """Set up another authenticator for who is signed in: the password, then the QR code and a code of it."""
        from console.tui.sign_in.enrolment import EnrolmentScreen
        from console.tui.sign_in.new_authenticator import NewAuthenticator, finish_of

        def done(who: Who | None) -> None:
            if who is None or self.who is None:
                return
            self.who = who
            self._app.who_changed()
            self._app.notify("The new authenticator is in force; your other sessions are over.", markup=False)

        def offered(offer: Offer | None) -> None:
            if offer is not None:
                self._app.push_screen(EnrolmentScreen(self._app, offer.proposal, finish_of(offer)), done)

        self._app.push_screen(NewAuthenticator(self._app), offered)

    def _offer_authenticator(self, who: Who) -> None:
        """After a sign-in by a recovery code: it is asked at once, as what matters needs an authenticator."""
        from console.tui.screens.dialogs import Confirm

        def decided(yes: bool | None) -> None:
            if yes:
                self.new_authenticator()

        self._app.push_screen(Confirm("Set up another authenticator?", recovered_words(who), "Set up"), decided)

    # ---- refusals ---------------------------------------------------------------------------------------------------

    def explain(self, error: Exception, again: Again | None = None) -> None:
        """Tell why something was refused, and offer what is missing."""
        from console.actions.permissions import FreshCodeNeeded, NotSignedIn, PermissionDenied

        if isinstance(error, NotSignedIn):
            self._attendance.look()
            if self.who is None:
                self.sign_in(again, told=refusal_words(error))
        elif isinstance(error, FreshCodeNeeded):
            self.with_fresh_code(again or (lambda: None))
        else:
            title = "Not permitted" if isinstance(error, PermissionDenied) else "That did not work"
            self._notice(title, refusal_words(error))

    def _notice(self, title: str, text: str) -> None:
        """A message that stays until it is read; before the sign-in that comes first, that screen tells it."""
        if self.locked:
            return
        from console.tui.screens.dialogs import Notice  # the first paint does without

        self._app.push_screen(Notice(title, text))

    def _tell_signed_out(self, text: str) -> None:
        """As `_notice`, with the way to the sign-in."""
        if self.locked:
            return
        from console.tui.sign_in.signed_out import SignedOut  # the first paint does without

        def closed(wanted: bool | None) -> None:
            if wanted:
                self.sign_in(told=text)

        self._app.push_screen(SignedOut(text), closed)

    # ---- going out --------------------------------------------------------------------------------------------------

    def account(self) -> None:
        """Sign in; for who is signed in, the account and the way out."""
        from console.tui.sign_in.account import AccountDialog

        if self.who is None:
            self.sign_in()
        elif not isinstance(self._app.screen, AccountDialog):
            self._app.push_screen(AccountDialog(self._app, self.who))

    def sign_out(self) -> None:
        """Sign out at once."""
        if self.who is not None:
            told = f"{plain(self.who.user)} is signed out."
            self._leave(told, lambda: None if self.locked else self._app.notify(told, markup=False))

    def sign_out_everywhere(self) -> None:
        """Sign out at once, of every session of the account."""
        if self.who is not None:
            told = f"{plain(self.who.user)} is signed out everywhere."
            self._leave(
                told,
                lambda: None if self.locked else self._app.notify(told, markup=False),
                everywhere=True,
            )

    def _seen(self, news: tuple[object, Who | None]) -> None:
        """What the attendance tells, on the loop; of an earlier sitting it is old."""
        sitting, who = news
        if sitting is not self._sitting or self.who is None:
            return
        if who is not None:
            self.who = who
            self._app.who_changed()
            return
        access = self._app.settings.access
        limits = {"idle_s": access.idle_timeout_s, "absolute_s": access.absolute_timeout_s}
        told = ended_words(self.who, self._app.now(), **limits)
        self._leave(told, lambda: self._tell_signed_out(told))

    def _leave(self, told: str, tell: Callable[[], object], *, everywhere: bool = False) -> None:
        """Rule 1. The session is ended, if it is not, before any screen is made again; then `tell`.

        Where the sign-in comes first, it says `told` itself.
        """
        assert self._office is not None
        actions = self._office.sign_in
        self.who = self._sitting = None
        self._attendance.end()
        self._app.leave_section()
        self._app.empty()

        def over(_ended: object) -> None:
            self._told = told
            self._app.renew(tell, keep_shown=False)

        def failed(error: Exception) -> None:
            failure = "Signed out here alone; the others go on" if everywhere else f"{told}\nIt could not be recorded"
            self._told = unrecorded = f"{failure}: {plain(str(error))}"
            self._app.renew(lambda: self._tell_signed_out(unrecorded), keep_shown=False)

        off_loop(self._app, actions.sign_out_everywhere if everywhere else actions.sign_out, over, failed)
