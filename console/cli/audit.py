"""`lakewarden audit tail`, `search`, `reason`, `verify`, `proof`, `export`, `checkpoint` and `begin`."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from console.actions.audit import AuditActions, OpenedReason, Proof, event_fields
from console.actions.seat import InMemory
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, safe, say
from console.cli.patient import patient_meant
from console.cli.progress import ProgressLine
from console.cli.session import security_of
from console.settings import Settings
from console.typed_instants import read_instant
from console.wiring.security import Security
from console.wiring.security_actions import audit_actions
from security.audit.checkpoint import Checkpoint
from security.audit.event import Decision, Kind
from security.audit.report import Report
from security.audit.search import Filter, Recorded, every
from security.audit.siem.origin import rfc3339
from security.audit.words import ACTIONS, near
from security.database import files_of
from security.errors import AuditUnavailable, RecordUnknown

LOOK_EVERY_S = 0.5
LONGEST_USE = timedelta(hours=1)  # from intent to outcome
COLUMNS = ("seq", "at", "who", "role", "action", "resource", "outcome", "policies")


def tail(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The newest events; with `--follow` what comes after, too. Raises SecurityError, PermissionDenied."""
    actions = _actions(arguments, settings, environ)
    after = max(-1, actions.size() - 1 - arguments.limit)
    events = actions.tail(after=after, limit=arguments.limit)
    if not arguments.follow:
        _print(events, as_json=arguments.json)
        return Exit.DONE
    while True:
        for recorded in events:
            print(_line(recorded, as_json=arguments.json), flush=True)
            after = recorded.seq
        if not events:
            time.sleep(LOOK_EVERY_S)
        events = actions.tail(after=after)


def search(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The events that fit. Raises UsageError for what is no action or no time, SecurityError, PermissionDenied."""
    if arguments.action is not None and arguments.action not in ACTIONS:
        raise UsageError(
            f"--action: expected an action such as {', '.join(near(arguments.action))}, found {arguments.action[:40]!r}"
        )
    actions = _actions(arguments, settings, environ)
    wanted = Filter(
        kind=Kind(arguments.kind) if arguments.kind else None,
        action=arguments.action,
        principal=arguments.user,
        decision=Decision(arguments.decision) if arguments.decision else None,
        since=_instant(arguments, "since"),
        until=_instant(arguments, "until"),
        subject=None if arguments.patient is None else _subject(actions, arguments),
    )
    most = arguments.limit
    fitting = list(islice(every(actions.search, wanted, at_once=most + 1), most + 1))  # one more tells of others
    found = fitting[:most]
    if found or arguments.json:
        _print(found, as_json=arguments.json)
    else:
        say("no event fits")
    if len(fitting) > most:
        say(f"only the newest {len(found):,} that fit; allow more with --limit")
    return Exit.DONE


def _instant(arguments: Namespace, name: str) -> datetime | None:
    """The instant of an option. Raises UsageError."""
    typed = getattr(arguments, name)
    try:
        return None if typed is None else read_instant(typed, arguments.security.now())
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from error


def _subject(actions: AuditActions, arguments: Namespace) -> str:
    """The pseudonym of the patient who is meant; whether the log may be read is decided before anybody is looked up."""
    as_typed = actions.pseudonym(arguments.patient)
    patient = patient_meant(arguments.security, arguments.patient)
    return as_typed if patient == arguments.patient else actions.pseudonym(patient)


def reason(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print the reason of an event or of its use. Raises SecurityError, PermissionDenied, OSError."""
    found = _opened(_actions(arguments, settings, environ), arguments.seq)
    event = found.recorded.event
    if arguments.json:
        print_json({**event_fields(found.recorded), "reason": found.text})
        return Exit.DONE
    say(f"the reason of {event.action} by {event.principal}; that you read it is on record")
    print(safe(found.text))
    return Exit.DONE


def _opened(actions: AuditActions, seq: int) -> OpenedReason:
    """The reason of event `seq`; where that has none, the one that the intent of its use has.

    Raises RecordUnknown where there is none, and what `AuditActions.reason` raises.
    """
    try:
        return actions.reason(seq)
    except RecordUnknown:
        given_in = _given_in(actions, seq)
        if given_in is None:
            raise
    say(f"event {seq} has no reason of its own: the one of its use stands in event {given_in}")
    return actions.reason(given_in)


def _given_in(actions: AuditActions, seq: int) -> int | None:
    """The number of the event of the same use before `seq` that has the reason; None where `seq` has its own or none.

    Raises PermissionDenied, SecurityError, OSError.
    """
    found = actions.tail(after=seq - 1, limit=1) if seq >= 0 else []
    if not found or found[0].seq != seq or found[0].event.sealed is not None or found[0].event.correlation is None:
        return None
    event = found[0].event
    same = Filter(action=event.action, principal=event.principal, since=event.at - LONGEST_USE)
    uses = (one for one in every(actions.search, same, before=seq) if one.event.correlation == event.correlation)
    return next((one.seq for one in uses if one.event.sealed is not None), None)


def verify(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Verify the log; DATA where it is not sound. Raises SecurityError, PermissionDenied, OSError.

    A file for copies of checkpoints that is not there is not begun: it would look as if there had been none.
    """
    actions = _actions(arguments, settings, environ, verifying=True)
    file = Path(arguments.file) if arguments.file is not None else None
    with closing(ProgressLine("verifying", environ)) as line:
        report = actions.verify(line, file=file, unrecorded=_say_unrecorded, lacking=_say_lacking)
    if arguments.json:
        print_json(_report_json(report))
    else:
        _tell_report(report)
    if not report.outside and not actions.kept_outside and (actions.places_outside or not arguments.json):
        _say_unseen(actions.places_outside)
    if report.found > len(report.problems):
        say(f"{report.found:,} problems found; the first {len(report.problems)} are shown")
    return Exit.DONE if report.ok else Exit.DATA


def proof(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Prove that an event is in the log; DATA where that cannot be. Raises SecurityError, PermissionDenied."""
    found = _actions(arguments, settings, environ).proof(arguments.seq)
    if arguments.json:
        print_json(_proof_json(found))
    else:
        _tell_proof(found)
    return Exit.DONE if found.holds else Exit.DATA


def export(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The events as lines. Raises SecurityError, PermissionDenied."""
    after = -1 if arguments.after is None else arguments.after
    for line in _actions(arguments, settings, environ).export(arguments.format, after=after):
        print(line)
    return Exit.DONE


def checkpoint(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """A signed checkpoint. Raises SecurityError, PermissionDenied."""
    head = _actions(arguments, settings, environ).checkpoint()
    if arguments.json:
        print_json({"checkpoint": _head_json(head.checkpoint), "note": head.note, "verifier": head.verifier})
        return Exit.DONE
    print(head.note, end="")
    say(f"keep it elsewhere, with the public key that signed it: {head.verifier}")
    return Exit.DONE


def begin(_arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Begin a log in the stead of one that is missing: without it nobody can sign in, so nobody needs to be.

    Raises UsageError where none is missing, SecurityError, OSError.
    """
    path = settings.audit_db
    with closing(Security(settings, environ, InMemory())) as security:
        if not security.begin_audit():
            if not path.exists():
                raise UsageError(
                    f"expected a workspace whose audit log is missing, found one that has had none yet; {path} begins "
                    "by itself at the first sign-in"
                )
            raise UsageError(
                f"expected no audit log at {path}, found one; if it must go, leave every console and move "
                f"{files_of(path)} aside together"
            )
    say(f"{path} begins anew, and its first event says that an earlier one is missing")
    if settings.checkpoint_file is not None:
        say(
            f"keep {settings.checkpoint_file}, it has that one's checkpoints; set audit.checkpoint_file to another: "
            "until then nothing is recorded or disclosed"
        )
    return Exit.DONE


def _actions(
    arguments: Namespace, settings: Settings, environ: Mapping[str, str], *, verifying: bool = False
) -> AuditActions:
    try:
        security = security_of(arguments, settings, environ)
    except AuditUnavailable:
        if not verifying:
            raise
        security = arguments.security  # what needs no log goes on
    security.begins_copies = not verifying
    return audit_actions(security)


def _print(events: Sequence[Recorded], *, as_json: bool) -> None:
    if as_json:
        print_json([event_fields(recorded) for recorded in events])
    else:
        print_table(COLUMNS, [_row(recorded) for recorded in events], spare=("role", "resource"))


def _row(recorded: Recorded) -> list[str]:
    event = recorded.event
    said = event.decision.value if event.decision else ""
    ended = f"{said} {event.outcome.value}" if event.outcome.value != "refused" else "refused"
    about = f"{event.resource} {event.subject[:8]}" if event.subject else event.resource
    outcome = f"{ended} {event.code or ''}".strip()
    at = f"{rfc3339(event)[:19]}Z"
    policies = " ".join(event.policies)
    return [str(recorded.seq), at, event.principal, event.role, event.action, about, outcome, policies]


def _line(recorded: Recorded, *, as_json: bool) -> str:
    return json.dumps(event_fields(recorded)) if as_json else "  ".join(_row(recorded)).rstrip()


def _say_unseen(places: Sequence[str]) -> None:
    """Warn that nothing from outside was compared; `places` is where it should be."""
    unseen = "so a log cut short to fit would not show"
    if not places:
        say(
            f"no checkpoints are kept elsewhere, {unseen}: set audit.checkpoint_file to a file on another disk or a "
            "mounted share"
        )
    for place in places:
        say(f"{place}: expected copies of checkpoints, found none, {unseen}; see that its disk or share is mounted")


def _say_lacking(count: int | None) -> None:
    """Say what a sound copy does not have of the log it was made of."""
    if count is None:
        say("that file is not the beginning of this workspace's log: it is of another one, or went another way")
    elif count:
        newest = "the newest event" if count == 1 else f"the newest {count:,} events"
        say(
            f"that file lacks {newest} of this workspace's log. In use, the log has its newest events in the -wal file "
            "beside it: copy the files whose names begin with audit.db together"
        )


def _say_unrecorded(error: AuditUnavailable) -> None:
    say(f"this verification is not on record: {error}")


def _head_json(head: Checkpoint | None) -> dict[str, Any] | None:
    return None if head is None else {"origin": head.origin, "size": head.size, "root": head.root.hex()}


def _report_json(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "events": report.events,
        "root": report.root.hex(),
        "checkpoint": _head_json(report.checkpoint),
        "problems": [
            {"fault": problem.fault.value, "seq": problem.seq, "text": problem.text} for problem in report.problems
        ],
        "outside": report.outside,
    }


def _tell_report(report: Report) -> None:
    events = "1 event" if report.events == 1 else f"{report.events:,} events"
    print(f"{'sound' if report.ok else 'NOT SOUND'}: {events}, root {report.root.hex()}")
    if report.checkpoint is None:
        print("no signed checkpoint covers them yet")
    else:
        print(f"the newest checkpoint that fits covers {report.checkpoint.size:,} of them")
    if report.outside:
        count = "1 checkpoint" if report.outside == 1 else f"{report.outside:,} checkpoints"
        reach = f"up to event {report.outside_size - 1:,}" if report.outside_size else "of an empty log"
        print(f"compared with {count} from outside, {reach}")
    for problem in report.problems:
        where = "the log" if problem.seq is None else f"event {problem.seq}"
        print(f"{problem.fault.value}, {where}: {problem.text}")


def _proof_json(proof: Proof) -> dict[str, Any]:
    return {
        "seq": proof.seq,
        "size": proof.size,
        "leaf": proof.leaf.hex(),
        "path": [step.hex() for step in proof.path],
        "root": proof.root.hex(),
        "holds": proof.holds,
        "checkpoint": proof.checkpoint,
        "previous": proof.previous.hex(),
        "body": proof.body,
        "event": proof.event,
    }


def _tell_proof(proof: Proof) -> None:
    events = "1 event" if proof.size == 1 else f"{proof.size:,} events"
    print(f"event {proof.seq} {'is' if proof.holds else 'IS NOT'} in the tree of {events}")
    for name, value in proof.event.items():
        print(f"  {name}: {' '.join(value) if isinstance(value, list) else value}")
    print(f"leaf {proof.leaf.hex()}")
    for number, step in enumerate(proof.path, start=1):
        print(f"  {number:2} {step.hex()}")
    print(f"root {proof.root.hex()}")
    if proof.checkpoint:
        print(f"signed:\n{proof.checkpoint}", end="")
