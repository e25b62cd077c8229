"""The grammar of accounts and sessions: sign-in, sign-out, whoami, account, users and practice."""

from __future__ import annotations

import argparse

from console.cli.grammar import Parser, command, group, json_option, stdin_option, utf8

ROLES = ("doctor", "data_scientist", "auditor", "operator", "officer", "partner", "guest")
ONE_CODE = "one line, a code, if the last was given too long ago"


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    signing = command(commands, "sign-in", "sign_in:sign_in", "sign in: a password, then a code")
    signing.add_argument("user", metavar="USER", help="an account; at its first sign-in its enrolment code is given")
    how = signing.add_mutually_exclusive_group()
    how.add_argument("--mail", action="store_true", help="have a code sent by mail: weaker than the authenticator's")
    how.add_argument(
        "--recovery",
        action="store_true",
        help="with a recovery code, where the authenticator is lost; it is used up, the password right or wrong",
    )
    stdin_option(
        signing, "the password, then the code; to enrol: code, new password, then a code of the secret printed"
    )
    leaving = command(commands, "sign-out", "sign_in:sign_out", "end the session")
    leaving.add_argument("--all", action="store_true", help="and every other session of the account, wherever it is")
    json_option(command(commands, "whoami", "sign_in:whoami", "who is signed in, how, and until when"))
    _account(commands)
    _users(commands)
    _practice(commands)


def _account(commands: argparse._SubParsersAction[Parser]) -> None:
    kinds = group(commands, "account", "your own sign-in", "password|authenticator|recovery-codes")
    password = command(kinds, "password", "account:change_password", "set another password")
    stdin_option(password, f"the old, the new, and {ONE_CODE}")
    another = command(
        kinds,
        "authenticator",
        "account:new_authenticator",
        "set up another authenticator in place of yours; of a lost one, after `sign-in USER --recovery`",
    )
    stdin_option(another, f"the password, {ONE_CODE}, then a code of the secret printed")
    codes = command(kinds, "recovery-codes", "account:recovery_codes", "print ten new recovery codes, once")
    stdin_option(codes, ONE_CODE)


def _users(commands: argparse._SubParsersAction[Parser]) -> None:
    kinds = group(commands, "users", "the accounts, for an officer", "add|list|change|disable|enable|reset-mfa")
    add = command(kinds, "add", "users:add_user", "add an account and print its enrolment code")
    add.add_argument("user", metavar="USER", help="a to z, 0 to 9, `.`, `_`, `-`; at most 32")
    add.add_argument("--role", required=True, choices=ROLES, help="what it is for")
    add.add_argument("--email", metavar="E", help="where one-time codes may be sent")
    add.add_argument("--domain", metavar="D", help="the research domain of a data scientist, such as oncology")
    add.add_argument("--shift", metavar="HH:MM-HH:MM", help="when a doctor is on shift; it may cross midnight")
    add.add_argument("--timezone", metavar="TZ", help="of the shift, such as Europe/London")
    stdin_option(add, ONE_CODE)
    _changing(kinds)
    listed = command(kinds, "list", "users:list_users", "all accounts")
    json_option(listed)
    stdin_option(listed, ONE_CODE)
    for name, handler, text in (
        ("disable", "disable_user", "sign a user out everywhere and let nobody sign in by that name"),
        ("enable", "enable_user", "let a user sign in again"),
        ("reset-mfa", "reset_user", "take a user's second factor and print a new enrolment code"),
    ):
        changed = command(kinds, name, f"users:{handler}", text)
        changed.add_argument("user", type=utf8, metavar="USER")
        if name == "reset-mfa":
            changed.add_argument("--password", action="store_true", help="take the password too")
        stdin_option(changed, ONE_CODE)


def _changing(kinds: argparse._SubParsersAction[Parser]) -> None:
    change = command(kinds, "change", "users:change_user", "give a user another role, address, domain or shift")
    change.add_argument("user", type=utf8, metavar="USER")
    change.add_argument("--role", choices=ROLES, help="another role; it ends the user's sessions")
    change.add_argument("--email", metavar="E", help='where one-time codes may be sent; "" for nowhere')
    change.add_argument("--domain", metavar="D", help='the research domain of a data scientist; "" for none')
    hours = change.add_mutually_exclusive_group()
    hours.add_argument("--shift", metavar="HH:MM-HH:MM", help="when a doctor is on shift; it may cross midnight")
    hours.add_argument("--no-shift", action="store_true", help="never on shift")
    change.add_argument("--timezone", metavar="TZ", help="of the shift, such as Europe/London")
    stdin_option(change, ONE_CODE)


def _practice(commands: argparse._SubParsersAction[Parser]) -> None:
    kinds = group(commands, "practice", "what a practice workspace shows of itself", "accounts|facts")
    json_option(command(kinds, "accounts", "practice:accounts", "the practice accounts with password and current code"))
    json_option(command(kinds, "facts", "practice:facts", "what decisions in this workspace depend on"))
