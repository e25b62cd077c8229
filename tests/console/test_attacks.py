"""What somebody tries at the command line: bytes that are no text, numbers no store can hold, text that a terminal
would obey, names that others could read in the list of processes, an audit log that fails half-way or is not copied.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.actions.permissions import PermissionDenied
from console.actions.seat import InMemory
from console.cli.answers import print_answer_csv
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json
from console.cli.parser import build_parser
from console.wiring.security_actions import audit_actions
from security.audit.event import Event, Outcome
from security.audit.log import AuditLog
from security.errors import AuditUnavailable
from tests.conftest import wait_until
from tests.console.desk import Desk, desk_at
from tests.practice import opened
from warehouse.models import Answer

NO_TEXT = os.fsdecode(b"\xff\xfe")
TOO_LONG = "1".rjust(20, "0") + "9" * 20  # its first 20 digits are a small number
OBEYED = "a\x9b31mb\x7fc\u202ed\u2028e" + NO_TEXT


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path / "home") as found:
        yield found


@pytest.mark.parametrize(
    "argv",
    [
        ["users", "disable", NO_TEXT], ["users", "enable", NO_TEXT], ["users", "reset-mfa", NO_TEXT],
        ["records", "show", NO_TEXT], ["records", "assign", NO_TEXT, "doctor"], ["records", "assign", "P0001", NO_TEXT],
        ["records", "unassign", "P0001", NO_TEXT], ["audit", "search", "--user", NO_TEXT],
        ["audit", "search", "--action", NO_TEXT], ["runs", "show", NO_TEXT], ["warehouse", "publish", "--to", NO_TEXT],
    ],
)  # fmt: skip
def test_bytes_that_are_no_text_are_refused_before_a_store_is_asked(argv: Sequence[str]) -> None:
    with pytest.raises(UsageError, match="expected text in UTF-8"):
        build_parser().parse_args(argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["audit", "tail", "--limit", TOO_LONG], ["audit", "search", "--limit", TOO_LONG],
        ["audit", "proof", TOO_LONG], ["records", "find", "--limit", TOO_LONG],
        ["records", "edit", "P0001", "--add", "x", "--entry", TOO_LONG], ["runs", "--limit", TOO_LONG],
        ["records", "edit", "P0001", "--add", "x", "--if-version", "9" * 5_000],
        ["warehouse", "sql", "SELECT 1", "--limit", TOO_LONG], ["warehouse", "build", "--rows", TOO_LONG],
    ],
)  # fmt: skip
def test_a_number_that_begins_small_and_is_not_is_refused(argv: Sequence[str]) -> None:
    with pytest.raises(UsageError, match=r"expected (a|the) number"):
        build_parser().parse_args(argv)


def test_json_has_nothing_that_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": OBEYED + "é"})
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert json.loads(out) == {"text": OBEYED + "é"}, "the same document all the same"


class Terminal(io.StringIO):
    """Stands for standard output that is a terminal; what is written can be read."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "obeyed"), [(Terminal(), False), (io.StringIO(), True)])
def test_csv_has_nothing_that_a_terminal_would_obey_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, obeyed: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    print_answer_csv(Answer(("city\x1b[2J",), [("x\x1b]0;owned\x07",)], False, (), because="", sql="", elapsed_ms=0.0))
    assert ("\x1b" in stream.getvalue()) is obeyed
    assert "owned" in stream.getvalue()


def test_a_patient_is_searched_for_without_the_name_in_the_list_of_processes(desk: Desk) -> None:
    desk.sit_down("doctor")
    wanted = next(one for one in desk.records() if one.columns["assigned"] == ("doctor",))
    name = str(wanted.columns["name"])
    found = desk("records", "find", "-", "--json", stdin=f"{name}\n".encode())
    assert (found.code, [line["patient_id"] for line in found.json]) == (0, [str(wanted.columns["patient_id"])])
    assert desk("records", "find", "-", stdin=b"\n").code == Exit.USAGE


@pytest.mark.parametrize("outcome", [Outcome.INTENT, Outcome.DONE])
@pytest.mark.parametrize(
    ("user", "argv"),
    [
        ("doctor", ["records", "find"]), ("auditor", ["audit", "tail"]), ("auditor", ["audit", "search"]),
        ("auditor", ["audit", "proof", "0"]), ("auditor", ["audit", "export", "--format", "cef"]),
        ("auditor", ["audit", "checkpoint"]), ("officer", ["users", "list"]),
        ("officer", ["users", "reset-mfa", "guest"]), ("officer", ["vault", "status"]),
        ("officer", ["vault", "check", "--json"]),
        ("data-scientist", ["research", "query", "oncology", "--by", "sex", "--measure", "patients"]),
        ("data-scientist", ["research", "domains"]),
    ],
)  # fmt: skip
def test_nothing_is_printed_whose_outcome_is_not_on_record(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, user: str, argv: Sequence[str], outcome: Outcome
) -> None:
    """The log fails from that outcome on, which no real disk does when a test wants it."""
    desk.sit_down(user)
    append, failed = AuditLog.append, list[Outcome]()

    def failing(log: AuditLog, events: Sequence[Event]) -> Any:
        if failed or (events[0].outcome is outcome and events[0].correlation):
            failed.append(events[0].outcome)
            raise AuditUnavailable("the audit log cannot be written")
        return append(log, events)

    monkeypatch.setattr(AuditLog, "append", failing)
    ended = desk(*argv)
    assert failed, "expected the log to have been asked"
    assert (ended.code, ended.out) == (Exit.IO, "")


def test_an_export_in_parts_has_each_part_on_record_before_it_is_handed_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.actions.audit.EVENTS_AT_ONCE", 4)
    desk.sit_down("auditor")
    first = desk.size()
    exported = desk("audit", "export", "--format", "cef")
    uses = [event for event in desk.events(first) if event.outcome is Outcome.DONE]
    assert sum(event.count or 0 for event in uses) == len(exported.out.splitlines()) == first + 1
    assert len(uses) == -(-(first + 1) // 4) + ((first + 1) % 4 == 0)


def test_a_clock_set_back_does_not_silence_refusals(desk: Desk) -> None:
    desk.sit_down("doctor")
    gate = desk.security.gate

    def refusals() -> int:
        return sum(event.outcome is Outcome.REFUSED and event.action == "read_audit" for event in desk.events())

    for back_s, recorded in ((0.0, 1), (0.0, 1), (-30.0, 1), (-90.0, 2)):
        desk.clock.step(back_s)
        with pytest.raises(PermissionDenied):
            gate.require("read_audit", "audit")
        assert refusals() == recorded, f"after {timedelta(seconds=back_s)}"


def test_a_keeper_that_holds_no_checkpoint_is_not_taken_for_one(desk: Desk, tmp_path: Path) -> None:
    """Such as a share that is not mounted, or a file that somebody took away: its owner believes in a copy."""
    outside = tmp_path / "share" / "checkpoints"
    environ = {"LAKEWARDEN_HOME": str(desk.security.settings.home), "LAKEWARDEN_AUDIT__CHECKPOINT_FILE": str(outside)}
    with closing(opened(desk.security.settings.home, environ, keeper=InMemory())) as security:
        assert not audit_actions(security).kept_outside
        outside.parent.mkdir()
    with closing(opened(desk.security.settings.home, environ, keeper=InMemory())) as security:
        note = security.audit.checkpoint()
        wait_until(lambda: audit_actions(security).kept_outside)
    assert note is not None
    assert note in outside.read_text()
