"""`lakewarden records`: patient records as the role may see them, their histories, emergencies and assignments.

Nothing is printed before its outcome is on record: where the audit log cannot be written, nothing is.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from console.actions.records import Records
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, safe, say
from console.cli.patient import patient_meant
from console.cli.session import security_of, with_fresh_code
from console.cli.signals import unbroken
from console.settings import Settings
from console.wiring import security_actions
from etl.models import rfc3339
from security.records.admission import LONGEST_TEXT
from security.records.models import Encounter, HistoryEntry, Record, Value

FROM_STDIN = "-"
MOST_BYTES = 4 * LONGEST_TEXT  # of a text in UTF-8


def find(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """List the patients that may be seen. Raises PermissionDenied, SecurityError."""
    actions = security_actions.records(security_of(arguments, settings, environ))
    name = _given(" ".join(arguments.name), "the name", one_line=True)
    lines = actions.find(name, limit=arguments.limit)
    if arguments.json:
        print_json(
            [
                {"patient_id": one.patient_id, "name": one.name, "site": one.site, "domain": one.domain, "why": one.why}
                for one in lines
            ]
        )
    elif lines:
        print_table(
            ["patient", "name", "site", "domain", "why"],
            [[one.patient_id, one.name, one.site, one.domain, one.why] for one in lines],
        )
    else:
        say("no patient was found" if name else "no patient is assigned")
    if len(lines) == arguments.limit:
        say(f"at most {arguments.limit} are shown; see more with --limit")
    return Exit.DONE


def show(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print a record. Raises PermissionDenied, SecurityError."""
    actions, patient = _of_patient(arguments, settings, environ)
    found = actions.show(patient, identifiers=not arguments.masked)
    if found.emergency:
        say("opened through broken glass: this is audited as an emergency")
    if arguments.json:
        print_json(
            {
                "patient_id": found.record.patient_id,
                "version": found.version,
                "columns": {column: _as_json(value) for column, value in found.record.columns.items()},
                "shown": {column: shown.value for column, shown in found.record.shown.items()},
                "emergency": found.emergency,
            }
        )
    else:
        _print_record(found.record)
    return Exit.DONE


def history(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print every version of every entry. Raises PermissionDenied, SecurityError."""
    actions, patient = _of_patient(arguments, settings, environ)
    entries = actions.versions(patient)
    if arguments.json:
        print_json(_as_json(tuple(entries)))
    else:
        _print_history(entries)
    return Exit.DONE


def edit(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Write an entry, or a newer text of one. Raises PermissionDenied, RecordChanged, SecurityError."""
    actions, patient = _of_patient(arguments, settings, environ)
    text, expected = _given(arguments.add, "the entry"), arguments.if_version
    if arguments.entry is None:
        version = unbroken(lambda: actions.add(patient, text, expected_version=expected))
    else:
        version = unbroken(lambda: actions.amend(patient, arguments.entry, text, expected_version=expected))
    if arguments.json:
        print_json({"patient_id": patient, "version": version})
    else:
        print(f"version {version}")
    return Exit.DONE


def break_glass(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Open a record in an emergency. Raises PermissionDenied, SecurityError."""
    security = security_of(arguments, settings, environ)
    actions, patient = _of_patient(arguments, settings, environ)
    reason = _given(arguments.reason, "the reason", one_line=True)
    until = with_fresh_code(arguments, security, lambda: unbroken(lambda: actions.break_glass(patient, reason)))
    if arguments.json:
        print_json({"patient_id": patient, "until": rfc3339(until)})
    else:
        print(f"open until {rfc3339(until)}; this and every access to the record are audited as an emergency")
    return Exit.DONE


def assign(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Let a doctor treat a patient. Raises PermissionDenied, SecurityError."""
    security = security_of(arguments, settings, environ)
    actions, patient = _of_patient(arguments, settings, environ)
    with_fresh_code(arguments, security, lambda: unbroken(lambda: actions.assign(patient, arguments.user)))
    if arguments.json:
        print_json({"patient_id": patient, "user": arguments.user, "assigned": True})
    else:
        print(safe(f"{arguments.user} treats {patient}"))
    return Exit.DONE


def unassign(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Let a doctor treat a patient no longer. Raises PermissionDenied, SecurityError."""
    security = security_of(arguments, settings, environ)
    actions, patient = _of_patient(arguments, settings, environ)
    was = with_fresh_code(arguments, security, lambda: unbroken(lambda: actions.unassign(patient, arguments.user)))
    if arguments.json:
        print_json({"patient_id": patient, "user": arguments.user, "assigned": False, "changed": was})
    else:
        no_longer = "no longer treats" if was else "did not treat"
        print(safe(f"{arguments.user} {no_longer} {patient}"))
    return Exit.DONE


def _of_patient(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> tuple[Records, str]:
    """The actions, and the id of the patient who is meant; it is told only of one whose record is shown or changed."""
    security = security_of(arguments, settings, environ)
    return security_actions.records(security), patient_meant(security, arguments.patient)


def _given(text: str, what: str, *, one_line: bool = False) -> str:
    """A text of the command line, or of standard input where it is `-`: there no list of processes shows it.

    Raises UsageError for what is missing, too long or not text.
    """
    if text != FROM_STDIN:
        return text
    if sys.stdin.isatty():
        say(f"expecting {what} on standard input" + ("" if one_line else ", ended with Ctrl-D on a line of its own"))
    source = sys.stdin.buffer
    # A line at a time: what follows the reason may be a code.
    read = source.readline(MOST_BYTES + 1) if one_line else source.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise UsageError(f"expected {what} of at most {MOST_BYTES} bytes on standard input, found more")
    if not read.strip():
        raise UsageError(f"expected {what} on standard input, found nothing")
    try:
        return read.decode()
    except UnicodeDecodeError as error:
        raise UsageError("standard input must be UTF-8 text") from error


def _as_json(value: Value) -> Any:
    """A value of a record as it stands in a JSON document."""
    if isinstance(value, str):
        return value
    return [_one_as_json(one) for one in value]


def _one_as_json(one: str | Encounter | HistoryEntry) -> Any:
    match one:
        case Encounter():
            return {"on": one.on.isoformat(), "kind": one.kind, "diagnosis": one.diagnosis}
        case HistoryEntry():
            return {**one._asdict(), "written_at": rfc3339(one.written_at)}
        case _:
            return one


def _print_record(record: Record) -> None:
    rows, encounters, entries = [], [], []
    for column, value in record.columns.items():
        if isinstance(value, str):
            rows.append([column, value])
        elif column == "assigned":
            rows.append([column, ", ".join(str(user) for user in value)])
        encounters += [one for one in value if isinstance(one, Encounter)]
        entries += [one for one in value if isinstance(one, HistoryEntry)]
    rows.append(["version", str(record.version)])
    print_table(["column", "value"], rows)
    if encounters:
        print()
        print_table(
            ["date", "kind", "diagnosis"], [[one.on.isoformat(), one.kind, one.diagnosis] for one in encounters]
        )
    if entries:
        print()
        _print_history(entries)


def _print_history(entries: list[HistoryEntry]) -> None:
    """A line of a text a row: what it was written in lines for must not run together."""
    if {one.entry for one in entries} != set(range(1, len({one.entry for one in entries}) + 1)):
        say("an entry has the number of the version that first wrote it; those between wrote newer texts of others")
    rows = []
    for one in entries:
        first, *others = one.text.splitlines()
        rows.append([str(one.entry), str(one.version), rfc3339(one.written_at), one.written_by, first])
        rows += [["", "", "", "", line] for line in others]
    print_table(["entry", "version", "written at", "by", "text"], rows)
