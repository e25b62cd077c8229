"""`lakewarden users`: the accounts, for an officer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from console.actions.permissions import FreshCodeNeeded, NotSignedIn
from console.actions.practice import shift_document
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, say
from console.cli.session import security_of, with_fresh_code
from console.cli.signals import unbroken
from console.settings import Settings
from console.wiring.security import Security
from console.wiring.security_actions import users
from security.errors import SecurityError
from security.identity.account import Account, AccountChange, NewAccount, Role
from security.identity.first_officer import NO_OFFICER, nobody_enrolled
from security.identity.sessions import ANOTHER, Factor
from security.identity.shift import Shift

T = TypeVar("T")


def add_user(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Add an account and print its enrolment code.

    Raises AccountRefused, UsageError, PermissionDenied, SignInRefused, AuditError.
    """
    new = NewAccount(arguments.user, Role(arguments.role), arguments.email, arguments.domain, _shift(arguments))
    security = security_of(arguments, settings, environ)
    _as_officer(arguments, security, lambda: unbroken(lambda: print(users(security).add(new), flush=True)))
    say(f"{new.user} is added as {new.role}; {_enrolling(new.user)}")
    _say_missing(new, settings)
    _say_domain(new, security)
    return Exit.DONE


def change_user(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Give a user another role, address, domain or shift.

    Raises AccountUnknown, AccountRefused, UsageError, PermissionDenied, SignInRefused, AuditError.
    """
    change = AccountChange(
        None if arguments.role is None else Role(arguments.role),
        arguments.email,
        arguments.domain,
        _shift(arguments),
        arguments.no_shift,
    )
    if change == AccountChange():
        raise UsageError(
            "expected what is to be changed: --role, --email, --domain, --shift with --timezone, --no-shift"
        )
    security = security_of(arguments, settings, environ)
    account = _as_officer(arguments, security, lambda: unbroken(lambda: users(security).change(arguments.user, change)))
    facts = (account.role, account.domain, account.shift, account.email)
    say(f"{account.user} is now: {', '.join(str(fact) for fact in facts if fact)}")
    _say_missing(account, settings)
    if change.domain or change.role is not None:
        _say_domain(account, security)
    return Exit.DONE


def list_users(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print all accounts. Raises PermissionDenied, SignInRefused, AuditError."""
    security = security_of(arguments, settings, environ)
    accounts = _as_officer(arguments, security, lambda: users(security).list())
    if arguments.json:
        print_json([_document(account) for account in accounts])
    else:
        columns = ["user", "role", "domain", "shift", "state", "recovery codes", "e-mail"]
        print_table(columns, [_row(account) for account in accounts], spare=["e-mail", "recovery codes", "domain"])
    for account in accounts:
        _say_lost(account)
    return Exit.DONE


def disable_user(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """End the sessions of a user and let nobody sign in by that name. Raises AccountUnknown, AccountRefused, …"""
    security = security_of(arguments, settings, environ)
    _as_officer(arguments, security, lambda: unbroken(lambda: users(security).disable(arguments.user)))
    user = arguments.user
    say(f"{user} is disabled and signed out everywhere; `lakewarden users enable {user}` lets them in again")
    return Exit.DONE


def enable_user(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Let a user sign in again. Raises AccountUnknown, PermissionDenied, SignInRefused, AuditError."""
    security = security_of(arguments, settings, environ)
    _as_officer(arguments, security, lambda: unbroken(lambda: users(security).enable(arguments.user)))
    say(f"{arguments.user} is enabled")
    return Exit.DONE


def reset_user(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Take the factor of a user, with `--password` the password too, and print a new enrolment code.

    Raises AccountUnknown, AccountRefused, PermissionDenied, SignInRefused, AuditError.
    """
    security = security_of(arguments, settings, environ)

    def reset() -> None:
        print(users(security).reset(arguments.user, password=arguments.password), flush=True)

    _as_officer(arguments, security, lambda: unbroken(reset))
    gone, how = ("password and factor", _enrolling) if arguments.password else ("factor", _setting_up)
    say(f"the {gone} of {arguments.user} and all its sessions are gone; {how(arguments.user)}")
    return Exit.DONE


def _as_officer(arguments: Namespace, security: Security, work: Callable[[], T]) -> T:
    """What `work` returns, as `with_fresh_code`; says what helps where the authenticator is lost, or no officer is."""

    def told() -> T:
        try:
            return work()
        except FreshCodeNeeded:
            session = security.seat.session()
            if session is not None and session.factor is Factor.RECOVERY:
                say(f"signed in by a recovery code: where the authenticator is lost, {ANOTHER}")
            raise

    try:
        return with_fresh_code(arguments, security, told)
    except NotSignedIn as error:
        if nobody_enrolled(security.identity):
            raise NotSignedIn(f"{error}; {NO_OFFICER}") from error
        raise


def _shift(arguments: Namespace) -> Shift | None:
    if (arguments.shift is None) is not (arguments.timezone is None):
        raise UsageError("--shift and --timezone belong together: --shift 08:00-20:00 --timezone Europe/London")
    return None if arguments.shift is None else Shift.parse(arguments.shift, arguments.timezone)


def _say_missing(account: Account | NewAccount, settings: Settings) -> None:
    """What the role needs and the account has not, which no denial would explain to its owner."""
    change = f"`lakewarden users change {account.user}"
    if account.role is Role.DOCTOR and account.shift is None:
        say(f"{account.user} is never on shift, so sees no record: {change} --shift 08:00-20:00 --timezone UTC`")
    elif account.role is Role.DATA_SCIENTIST and account.domain is None:
        say(f"{account.user} has no research domain, so may query none: {change} --domain oncology`")
    elif account.role is Role.GUEST and not settings.access.allow_guest:
        say(
            f"{account.user} sees the pipelines alone, as guests are not allowed here: `access.allow_guest = true` in "
            f"config.toml, or another role: {change} --role operator`"
        )


def _say_domain(account: Account | NewAccount, security: Security) -> None:
    """That a domain is of no use: another role's, or one that no patient has, which may be a slip."""
    if account.domain is None:
        return
    if account.role is not Role.DATA_SCIENTIST:
        say(
            f"the domain {account.domain} decides nothing for {account.user}: domains are of data scientists; "
            f'`lakewarden users change {account.user} --domain ""` takes it away'
        )
        return
    try:
        known = sorted(security.admission.domains())
    except (SecurityError, OSError) as error:
        say(f"whether a patient has the domain {account.domain} cannot be told: {error}")
        return
    if account.domain not in known:
        there = f"expected one of {', '.join(known)}" if known else "no patient is here yet"
        say(
            f"no patient has the domain {account.domain}, so {account.user} gets no answer: {there}; "
            f"`lakewarden users change {account.user} --domain` changes it"
        )


def _say_lost(account: Account) -> None:
    if account.lost_shift is not None:
        say(
            f"{account.user} is never on shift: this host does not know the time zone of {account.lost_shift}; "
            f"`lakewarden users change {account.user} --shift 08:00-20:00 --timezone UTC`, or install tzdata"
        )


def _enrolling(user: str) -> str:
    return f"within 7 days: `lakewarden sign-in {user}`, with this code for the password"


def _setting_up(user: str) -> str:
    return f"within 7 days: `lakewarden sign-in {user}`, with the password and then this code (alone if none was set)"


def _document(account: Account) -> dict[str, Any]:
    return {
        "user": account.user,
        "role": account.role.value,
        "email": account.email,
        "domain": account.domain,
        "shift": shift_document(account),
        "disabled": account.disabled,
        "enrolled": account.enrolled,
        "recovery_codes": account.recovery_codes,
        "practice": account.practice,
    }


def _row(account: Account) -> list[str]:
    state = "disabled" if account.disabled else "enrolled" if account.enrolled else "not enrolled"
    shift = str(account.shift or account.lost_shift or "")
    codes = str(account.recovery_codes) if account.enrolled else ""
    return [account.user, account.role.value, account.domain or "", shift, state, codes, account.email or ""]
