"""`lakewarden account`: what the signed-in change of their own sign-in."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.actions.permissions import NotSignedIn
from console.cli.enrolment import ask_its_code, new_password, print_recovery_codes, show_proposal
from console.cli.exits import Exit
from console.cli.output import say
from console.cli.session import ask_line, security_of, with_fresh_code, with_tries
from console.cli.signals import unbroken
from console.settings import Settings
from console.wiring.security_actions import sign_in_actions


def change_password(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Set another password: the old, the new, and a fresh code where the last is too old.

    Raises PermissionDenied, PasswordRefused, SignInRefused, SignInDelayed, UsageError, AuditError.
    """
    security = security_of(arguments, settings, environ)
    actions = sign_in_actions(security)
    who = actions.who()
    if who is None:
        raise NotSignedIn("not signed in, or the session has ended; sign in with `lakewarden sign-in USER`")
    old = ask_line(arguments, "old password: ", secret=True)
    new = new_password(arguments, actions, who.user)
    with_fresh_code(arguments, security, lambda: unbroken(lambda: actions.change_password(old, new)))
    say("the password is changed; sessions elsewhere are ended")
    return Exit.DONE


def new_authenticator(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Set up another authenticator in place of one's own: the password, a fresh code of the old one where there is one.

    In a session by a recovery code, that stands for the old one's. Raises PermissionDenied, SignInRefused,
    SignInDelayed, UsageError, AuditError, OSError.
    """
    security = security_of(arguments, settings, environ)
    actions = sign_in_actions(security)
    who = actions.who()
    if who is None:
        raise NotSignedIn(
            "not signed in, or the session has ended; sign in with `lakewarden sign-in USER`, where the authenticator "
            "is lost with `lakewarden sign-in USER --recovery`"
        )
    password = ask_line(arguments, "password: ", secret=True)
    offer = with_fresh_code(arguments, security, lambda: unbroken(lambda: actions.propose_authenticator(password)))
    show_proposal(arguments, environ, offer.proposal)

    def in_force(code: str) -> None:
        print_recovery_codes(actions.renew_authenticator(offer, code)[1])
        say("the earlier authenticator, the earlier recovery codes and every other session are no longer good")
        if actions.tell_of_authenticator(who.user):
            say("the account's e-mail address was told")

    def finish() -> None:
        code = ask_its_code(arguments)
        unbroken(lambda: in_force(code))

    with_tries(arguments, finish)
    return Exit.DONE


def recovery_codes(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print ten new recovery codes, in place of the old. Raises PermissionDenied, SignInRefused, AuditError."""
    security = security_of(arguments, settings, environ)
    actions = sign_in_actions(security)
    with_fresh_code(arguments, security, lambda: unbroken(lambda: print_recovery_codes(actions.new_recovery_codes())))
    say("the earlier ones are no longer good")
    return Exit.DONE
