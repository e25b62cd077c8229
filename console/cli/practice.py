"""`lakewarden practice`: what a practice workspace shows of itself, to everybody at its terminal."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from console.actions.practice import shift_document
from console.cli.exits import Exit
from console.cli.output import print_json, print_table, say
from console.cli.session import security_of
from console.settings import Settings
from console.wiring.practice import prepare_practice
from console.wiring.security import Security
from console.wiring.security_actions import practice_actions
from security.identity.practice import PracticeAccount

MAKING = "making the practice accounts and made-up patients, once: about 2 s"
LABEL = "PRACTICE: these accounts exist in this workspace alone; a production workspace has none of them"


def prepare_aloud(security: Security) -> None:
    """Make the accounts and patients of a practice workspace if they are missing, and say so on stderr.

    Raises as `prepare_practice`; of what is refused nothing is said.
    """
    if security.settings.practice:
        prepare_practice(security, making=lambda: say(MAKING))


def accounts(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print the practice accounts with password and current code. Raises PracticeOnly, SecurityError, OSError."""
    security = security_of(arguments, settings, environ)
    actions = practice_actions(security)
    prepare_aloud(security)
    shown = actions.accounts()
    if arguments.json:
        print_json([_document(one) for one in shown])
    else:
        say(LABEL)
        columns = ["user", "role", "password", "code", "domain", "shift"]
        print_table(columns, [_row(one) for one in shown], spare=["domain", "shift"])
    return Exit.DONE


def facts(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print what decisions depend on. Raises PracticeOnly, SecurityError, OSError."""
    security = security_of(arguments, settings, environ)
    actions = practice_actions(security)
    prepare_aloud(security)
    found = actions.facts()
    if arguments.json:
        print_json(found)
        return Exit.DONE
    print_table(
        ["user", "role", "domain", "shift"],
        [[one["user"], one["role"], one["domain"] or "", _shift(one["shift"])] for one in found["accounts"]],
    )
    print()
    print_table(
        ["patient", "domain", "legal hold", "assigned"],
        [
            [one["id"], one["domain"], "yes" if one["legal_hold"] else "no", ", ".join(one["assigned"])]
            for one in found["patients"]
        ],
    )
    print()
    print_table(["network", "site"], [[network, site] for network, site in found["networks"].items()])
    return Exit.DONE


def _document(shown: PracticeAccount) -> dict[str, Any]:
    account = shown.account
    return {
        "user": account.user,
        "role": account.role.value,
        "domain": account.domain,
        "shift": shift_document(account),
        "disabled": account.disabled,
        "password": shown.password,
        "code": shown.code,
        "code_in_s": shown.code_in_s,
    }


def _row(shown: PracticeAccount) -> list[str]:
    account = shown.account
    code = shown.code or (f"in {shown.code_in_s} s" if shown.code_in_s else "none: enrol anew")
    password = shown.password or "changed"
    shift = _shift(shift_document(account))
    return [account.user, account.role.value, password, code, account.domain or "", shift]


def _shift(shift: dict[str, str] | None) -> str:
    return "" if shift is None else f"{shift['start']}-{shift['end']} {shift['timezone']}"
