"""`lakewarden sign-in`, `sign-out` and `whoami`: the session that later commands are carried out in."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.actions.permissions import NotSignedIn
from console.actions.sign_in import SignInActions, Who
from console.cli.enrolment import enrol, print_recovery_codes
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, say
from console.cli.practice import prepare_aloud
from console.cli.session import ask_line, require_session_kept, security_of, with_tries
from console.cli.signals import unbroken
from console.settings import Settings
from console.wiring.security_actions import sign_in_actions
from etl.models import rfc3339
from security.errors import SignInDelayed
from security.identity.challenges import Challenge, Next


def sign_in(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Sign in with a password and a code, or enrol with an enrolment code.

    Raises SignInRefused, SignInDelayed, PasswordRefused, MailNotSent, UsageError, PermissionDenied, AuditError and
    OSError.
    """
    require_session_kept(settings, environ)
    security = security_of(arguments, settings, environ)
    password = ask_line(
        arguments, "password: " if arguments.recovery else "password (or enrolment code): ", secret=True
    )
    prepare_aloud(security)
    actions = sign_in_actions(security)
    try:
        if arguments.recovery:
            code = ask_line(arguments, "recovery code: ", secret=True)
            who = unbroken(lambda: actions.recover(arguments.user, password, code))
        else:
            who = _sign_in(arguments, environ, actions, password)
    except SignInDelayed as error:
        raise SignInDelayed(f"{error} (`lakewarden sign-in USER --recovery`)", error.retry_after_s) from error
    say_signed_in(who)
    return Exit.DONE


def sign_out(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """End the session, with `--all` every one of the account. Raises PermissionDenied, AuditError, OSError."""
    actions = sign_in_actions(security_of(arguments, settings, environ))
    if arguments.all:
        count = unbroken(actions.sign_out_everywhere)
        say("signed out; there was no other session" if count == 1 else f"signed out of {count:,} sessions")
        return Exit.DONE
    ended = unbroken(actions.sign_out)
    say("signed out" if ended else "nobody was signed in")
    return Exit.DONE


def whoami(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print whose session this is. Raises NotSignedIn."""
    who = sign_in_actions(security_of(arguments, settings, environ)).who()
    if who is None:
        raise NotSignedIn("not signed in, or the session has ended; sign in with `lakewarden sign-in USER`")
    expires = rfc3339(who.expires)
    if arguments.json:
        print_json(
            {"user": who.user, "role": who.role, "factor": who.factor, "factor_age_s": who.factor_age_s,
             "expires": expires}
        )  # fmt: skip
    else:
        print(f"{who.user} ({who.role}), {who.factor} {who.factor_age_s} s ago, until {expires}")
    return Exit.DONE


def say_signed_in(who: Who) -> None:
    say(f"signed in as {who.user} ({who.role}) until {rfc3339(who.expires)}, longer if used before")
    left = f"{who.recovery_codes or 'no'} recovery code{' is' if who.recovery_codes == 1 else 's are'} left"
    if who.factor == "recovery":
        say(f"{left}; if the authenticator is lost, `lakewarden account authenticator` sets up another")
    elif who.needs_codes:
        say(f"{left}: `lakewarden account recovery-codes` makes ten")


def _sign_in(arguments: Namespace, environ: Mapping[str, str], actions: SignInActions, password: str) -> Who:
    challenge = actions.begin(arguments.user, password)
    if challenge.next is Next.CODE:
        return _answer(arguments, actions, challenge)
    if arguments.mail:
        raise UsageError("--mail: this account has a second factor to set up first; sign in without it")
    who, codes = enrol(arguments, environ, actions, challenge)
    print_recovery_codes(codes)
    return who


def _answer(arguments: Namespace, actions: SignInActions, challenge: Challenge) -> Who:
    if arguments.mail:
        say(f"a code was sent to {actions.mail_code(challenge)}; the message names this sign-in {challenge.label}")

    def answer() -> Who:
        code = ask_line(arguments, "code: ", secret=True)
        return unbroken(lambda: actions.answer(challenge, code))

    return with_tries(arguments, answer)
