"""The grammar of decisions and the audit log: access and audit."""

from __future__ import annotations

import argparse

from console.cli.grammar import LONGEST_NUMBER, Parser, command, group, json_option, number, patient, utf8
from console.typed_instants import EXPECTED

FORMATS = ("ocsf", "cef", "leef", "syslog", "hec")
KINDS = ("sign-in", "decision", "disclosure", "query", "edit", "key", "user", "run", "export")
MOST_EVENTS = 100_000


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    _access(group(commands, "access", "what the policies say of a request, and of every role", "check|matrix|policies"))
    text = "who did what and when, and the proof that it stands unchanged"
    _audit(group(commands, "audit", text, "tail|search|reason|verify|proof|export|checkpoint|begin"))


def _access(kinds: argparse._SubParsersAction[Parser]) -> None:
    check = command(kinds, "check", "access:check", "tell what would be decided, by which policies and why not")
    check.add_argument("--user", metavar="U", help="the name of an account")
    check.add_argument("--action", metavar="A", help="such as view_record")
    check.add_argument("--resource", metavar="R", help="such as patient:ID, dataset:DOMAIN, warehouse or audit")
    check.add_argument("--at", dest="instant", metavar="TIME", help="the instant, such as 2026-03-01T03:12:00Z (now)")
    check.add_argument("--ip", metavar="IP", help="where from (127.0.0.1)")
    check.add_argument("--mfa", metavar="FACTOR", help="totp, email, or none: a password alone (totp)")
    check.add_argument("--mfa-age", metavar="SECONDS", help="how long ago the factor was given (0)")
    check.add_argument("--reason", metavar="TEXT", help="the reason given")
    check.add_argument("--batch", metavar="FILE", help="requests as JSON, one a line, answered likewise; - is stdin")
    json_option(check)
    json_option(command(kinds, "matrix", "access:matrix", "every role and action: yes, with conditions, or no"))
    policies = command(kinds, "policies", "access:policies", "print the policies that decide, in Cedar")
    policies.add_argument("file", nargs="?", metavar="FILE", help="one of them, such as records.cedar")


def _audit(kinds: argparse._SubParsersAction[Parser]) -> None:
    tail = command(kinds, "tail", "audit:tail", "the newest events, oldest of them first")
    tail.add_argument("--limit", type=_limit, default=20, metavar="N", help="at most N events (20)")
    tail.add_argument("--follow", action="store_true", help="go on with what comes, until interrupted")
    as_json = "print one JSON document; with --follow one for each event, a line each"
    tail.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=as_json)
    _search(command(kinds, "search", "audit:search", "events that fit, newest first"))
    text = "open the reason that an event has sealed, such as that of an emergency; reading it is on record"
    reason = command(kinds, "reason", "audit:reason", text)
    reason.add_argument("seq", type=_number, metavar="SEQ", help="the number of the event")
    json_option(reason)
    verify = command(
        kinds, "verify", "audit:verify", "find any change of the log and say where; exit 65 if there is one"
    )
    verify.add_argument("--file", metavar="FILE", help="a copy of this workspace's log (the log itself)")
    json_option(verify)
    proof = command(kinds, "proof", "audit:proof", "prove that an event is in the log that a checkpoint signs")
    proof.add_argument("seq", type=_number, metavar="SEQ", help="the number of the event")
    json_option(proof)
    export = command(kinds, "export", "audit:export", "the events as lines for a SIEM")
    export.add_argument("--format", choices=FORMATS, required=True, help="the form of a line")
    export.add_argument("--after", type=_number, metavar="N", help="only events numbered above N")
    json_option(command(kinds, "checkpoint", "audit:checkpoint", "print a signed checkpoint, to keep elsewhere"))
    command(kinds, "begin", "audit:begin", "begin another log where the one there was is gone for good")


def _search(search: Parser) -> None:
    search.add_argument("--kind", choices=KINDS, help="what sort of event")
    search.add_argument("--action", type=utf8, metavar="A", help="such as view_record or sign_in")
    search.add_argument("--user", type=utf8, metavar="U", help="who did it")
    search.add_argument("--decision", choices=("allow", "deny"), help="what was decided")
    search.add_argument("--since", metavar="TIME", help=f"not before: {EXPECTED}")
    search.add_argument("--until", metavar="TIME", help="before, said likewise")
    search.add_argument("--patient", type=patient, metavar="ID", help="whose record it concerned")
    search.add_argument("--limit", type=_limit, default=50, metavar="N", help="at most N events (50)")
    json_option(search)


def _limit(given: str) -> int:
    return number(given, most=MOST_EVENTS)


def _number(given: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > LONGEST_NUMBER:
        raise argparse.ArgumentTypeError(f"expected the number of an event, from 0, found {given[:40]!r}")
    return int(given)
