"""`lakewarden access check`, `matrix` and `policies`: what the policies say, for people and for scripts."""

from __future__ import annotations

import math
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from console.actions.decisions import Decisions
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, safe, say
from console.cli.patient import patient_meant
from console.cli.session import security_of
from console.settings import Settings
from console.wiring.security import Security
from console.wiring.security_actions import decisions
from security.policy.batch import LONGEST_LINE
from security.policy.columns import shows_columns
from security.policy.matrix import Permission
from security.policy.model import Decision, Visibility, WhyNot

NEEDED = ("user", "action", "resource")
OPTIONS = {  # as parsed: the key of a batch line
    **{name: name for name in NEEDED},
    "instant": "at",
    "ip": "ip",
    "mfa": "mfa",
    "mfa_age": "mfa_age_s",
    "reason": "reason",
}
LONGEST_BYTES = 4 * LONGEST_LINE + 2  # of a line in UTF-8, with its end
HEADS = {"data_scientist": "data_sci"}  # where a terminal is narrow
SIGNS = {Permission.ALWAYS: "yes", Permission.SOMETIMES: "if", Permission.NEVER: "-"}
WORDS = {Permission.ALWAYS: "yes", Permission.SOMETIMES: "with conditions", Permission.NEVER: "no"}


def check(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Tell what would be decided; done whatever that is. Raises UsageError, SecurityError, PermissionDenied."""
    given = {key: getattr(arguments, name) for name, key in OPTIONS.items() if getattr(arguments, name) is not None}
    if arguments.batch is not None:
        if given:
            raise UsageError(
                f"--batch takes none of the options of one request: each line gives its own {next(iter(given))}"
            )
        return _batch(arguments, settings, environ)
    if missing := [f"--{name}" for name in NEEDED if name not in given]:
        raise UsageError(f"expected {', '.join(missing)}, or --batch FILE; see `lakewarden access check --help`")
    fields = _fields(given)
    security = security_of(arguments, settings, environ)
    actions = decisions(security)
    decision = actions.check(fields)
    if decision.errors and (resource := _resource_meant(security, given["resource"])) != given["resource"]:
        decision = actions.check({**fields, "resource": resource})
    if arguments.json:
        print_json(decision.as_json())
    else:
        _tell(decision, actions, given["action"])
    return Exit.DONE


def matrix(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Every role with every action. Raises SecurityError, PermissionDenied."""
    found = decisions(security_of(arguments, settings, environ)).matrix()
    if arguments.json:
        print_json(
            {
                role: {
                    action.value: {
                        "permission": WORDS[cell.permission],
                        "policies": [rule.id for rule in cell.policies],
                    }
                    for action, cell in row.items()
                }
                for role, row in found.items()
            }
        )
        return Exit.DONE
    actions = list(next(iter(found.values())))
    rows = [[action.value, *(SIGNS[row[action].permission] for row in found.values())] for action in actions]
    if sys.stdout.isatty():
        _draw([HEADS.get(role, role) for role in found], rows)
    else:
        print_table(["action", *found], rows)
    say("yes: always, once signed in; if: with conditions, see `lakewarden access policies`; -: never")
    return Exit.DONE


def policies(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print the policies, or those of one file. Raises UsageError, SecurityError, PermissionDenied."""
    files = decisions(security_of(arguments, settings, environ)).policies()
    names = [name for name, _ in files]
    if arguments.file is not None and arguments.file not in names:
        raise UsageError(f"expected one of {', '.join(names)}, found {arguments.file[:40]!r}")
    chosen = [(name, text) for name, text in files if arguments.file in (None, name)]
    for number, (name, text) in enumerate(chosen):
        if arguments.file is None:
            print(f"{'' if number == 0 else chr(10)}// {name}")
        print(text.rstrip("\n"))
    return Exit.DONE


def _resource_meant(security: Security, typed: str) -> str:
    """The resource, a patient by the id that was meant: asked once it is decided that somebody may ask."""
    kind, colon, name = typed.partition(":")
    return f"{kind}:{patient_meant(security, name)}" if colon and kind == "patient" else typed


def _fields(given: Mapping[str, str]) -> dict[str, Any]:
    """The object that a line of a batch would be."""
    fields: dict[str, Any] = dict(given)
    if "mfa_age_s" in given:
        fields["mfa_age_s"] = _number(given["mfa_age_s"])
    return fields


def _number(text: str) -> float | str:
    """The number of `text`; text that is none is told in the decision's errors, as a batch tells it."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _batch(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    with ExitStack() as opened:
        try:
            file = (
                sys.stdin.buffer if arguments.batch == "-" else opened.enter_context(Path(arguments.batch).open("rb"))
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no path"
            raise UsageError(f"--batch: expected a file of requests, found {arguments.batch!r}: {reason}") from error
        actions: Decisions = decisions(security_of(arguments, settings, environ))
        for answer in actions.batch(_lines(file)):
            print(answer, flush=True)
    return Exit.DONE


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of `file`, each at most a little longer than a request may be, whatever it holds."""
    while line := file.readline(LONGEST_BYTES):
        rest = line
        while len(rest) == LONGEST_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_BYTES)
        # Bytes that are no UTF-8 become `\xNN`, which JSON does not know: a bad line, not another request.
        yield line.decode("utf-8", errors="backslashreplace").rstrip("\r\n")


def _tell(decision: Decision, actions: Decisions, action: str) -> None:
    says, others = actions.says(decision), actions.meant_for(decision)
    print("ALLOW" if decision.allowed else "DENY")
    for error in decision.errors:
        print(f"  error: {safe(error)}")
    for name in decision.determining:
        print(f"  decided by {name}: {says[name]}")
    for visibility in Visibility if shows_columns(action) else ():
        if columns := [name for name, shown in decision.columns.items() if shown is visibility]:
            print(f"  {visibility.value}: {' '.join(columns)}")
    for obligation in sorted(decision.obligations):
        print(f"  obliges: {obligation}")
    for why in decision.why_not:
        if why.policy not in others:
            _tell_why(why)
    if others:
        print(f"  for others: {', '.join(f'{name} ({role})' for name, role in others.items())}")


def _tell_why(why: WhyNot) -> None:
    print(f"  {why.policy}: {safe(why.because)}")
    if why.change:
        print(f"    would change it: {safe('; '.join(why.change))}")


def _draw(heads: list[str], rows: list[list[str]]) -> None:
    """The matrix within 80 columns."""
    widest = max(len(row[0]) for row in rows)
    for name, *cells in [["", *heads], *rows]:
        print(" ".join([name.ljust(widest), *(c.ljust(len(h)) for c, h in zip(cells, heads, strict=True))]).rstrip())
