"""A signal during a change: the command ends with it, and what is on record of the change is what became of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from console.cli import run_once, session, signals
from console.cli.parser import build_parser
from console.cli.signals import EndedBySignal, end_on_signals, unbroken
from security.audit.event import Event, Outcome
from security.audit.log import AuditLog
from security.audit.store import Receipt
from security.records.research import projection
from security.records.research.projection import built
from security.records.research.safe_harbor import Subject
from tests.conftest import PATIENCE_S, ROOT, Lakewarden
from tests.console.desk import Desk, desk_at, doctor_on_shift
from tests.console.enrolling import PASSWORD
from tests.practice import account_of, opened

APPEND = AuditLog.append

# The command, which is sent a signal between the commit of a change and the record of its outcome.
SIGNALLED = """
import os, signal, sys
from console.cli.main import run
from security.identity.accounts import Accounts
from security.records.editing import Editing

def signalled_after(change):
    def changed(*given, **named):
        done = change(*given, **named)
        os.kill(os.getpid(), signal.SIGTERM)
        return done
    return changed

Editing._write = signalled_after(Editing._write)
Accounts.disable = signalled_after(Accounts.disable)
sys.exit(run(sys.argv[1:], os.environ))
"""


def heed() -> None:
    """Heed the next signal, whatever came before."""
    for number in signals.ENDING:
        signal.signal(number, signal.SIG_DFL)
    end_on_signals()


@pytest.fixture
def heeded() -> Iterator[None]:
    """Signals are heeded in this process as in that of a command."""
    before = {number: signal.getsignal(number) for number in signals.ENDING}
    heed()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


@pytest.mark.parametrize("user", ["doctor", "officer"])
def test_a_change_that_stands_is_recorded_as_done_though_a_signal_comes_after_its_commit(
    lakewarden: Lakewarden, user: str
) -> None:
    name = doctor_on_shift() if user == "doctor" else user
    lakewarden.sign_in(name)
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        before = len(security.audit.tail(after=-1, limit=10_000))
        own = next(iter(security.admission.assigned_to("doctor" if user == "officer" else name)))
    argv = ["records", "edit", own, "--add", "a note"] if user == "doctor" else ["users", "disable", "auditor"]
    process = lakewarden.spawn(
        [sys.executable, "-c", SIGNALLED, *argv], env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL
    )
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (143, b""), err
    assert err == b"lakewarden: SIGTERM came while this was carried out: it is done and on record\n"
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        events = [one.event for one in security.audit.tail(after=before - 1)]
        outcomes = [event.outcome for event in events if event.action in ("edit_record", "manage_users")]
        assert outcomes == [Outcome.INTENT, Outcome.DONE]
        assert account_of(security, "auditor").account.disabled is (user == "officer")


def test_every_command_that_changes_something_is_carried_out_before_a_signal_ends_it(desk: Desk, heeded: None) -> None:
    patient, other = desk.patient("doctor"), desk.patient("doctor-nights")

    def signalled(log: AuditLog, events: Sequence[Event]) -> list[Receipt]:
        os.kill(os.getpid(), signal.SIGHUP)
        return APPEND(log, events)

    def stopped(*argv: str, stdin: bytes = b"") -> None:
        before = desk.size()
        heed()
        with patch.object(AuditLog, "append", signalled), pytest.raises(EndedBySignal) as ended:
            desk(*argv, stdin=stdin)
        assert ended.value.exit_code == 129
        outcomes = [event.outcome for event in desk.events(before)]
        assert outcomes[-1] is Outcome.DONE, argv
        assert Outcome.FAILED not in outcomes, argv

    desk.sit_down("doctor")
    stopped("records", "edit", patient, "--add", "a note")
    stopped("records", "edit", patient, "--entry", "1", "--add", "a better note")
    stopped("records", "break-glass", other, "--reason", "found unconscious")
    desk.sit_down("officer")
    stopped("records", "assign", other, "doctor")
    stopped("records", "unassign", other, "doctor")
    stopped("users", "add", "eve", "--role", "guest")
    stopped("users", "change", "eve", "--role", "partner")
    stopped("users", "disable", "eve")
    stopped("users", "enable", "eve")
    stopped("users", "reset-mfa", "eve")
    stopped("account", "recovery-codes")
    password = account_of(desk.security, "officer").password
    stopped("account", "password", "--stdin", stdin=f"{password}\n{PASSWORD}\n".encode())
    stopped("sign-out")
    desk.sit_down("operator")
    stopped("cities", "add", "Bergen")
    stopped("cities", "remove", desk.security.settings.weather.cities[0])
    assert desk("secrets", "list").code == 0  # the look that comes before the secret is read is on record
    stopped("secrets", "set", "smtp_password", stdin=b"a-secret")
    stopped("secrets", "remove", "smtp_password")
    stopped("sign-out", "--all")


def signalled_when_done(log: AuditLog, events: Sequence[Event]) -> list[Receipt]:
    if events[0].outcome is Outcome.DONE:
        os.kill(os.getpid(), signal.SIGTERM)
    return APPEND(log, events)


def test_a_rebuild_is_ended_by_a_signal_until_the_old_projection_goes(desk: Desk, heeded: None) -> None:
    old = built(desk.security.research)
    before = desk.size()
    desk.clock.advance(60.0)

    def signalled(*_: object) -> Iterator[Subject]:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("a signal did not end the reading of the records")

    with patch.object(projection, "_subjects", signalled), pytest.raises(EndedBySignal):
        desk("research", "rebuild")
    assert built(desk.security.research) == old
    assert Outcome.DONE not in [event.outcome for event in desk.events(before)]
    heed()
    before = desk.size()
    with patch.object(AuditLog, "append", signalled_when_done), pytest.raises(EndedBySignal):
        desk("research", "rebuild")
    assert built(desk.security.research) != old
    assert Outcome.FAILED not in [event.outcome for event in desk.events(before)]


def test_a_run_that_is_loaded_is_recorded_as_done_though_a_signal_comes(
    desk: Desk, heeded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sit_down("operator")
    monkeypatch.setattr(run_once, "live_session", lambda *_: desk.security.gate)
    before = desk.size()
    arguments = build_parser().parse_args(["--run-once", "--now", "--city", "Oslo"])
    with patch.object(AuditLog, "append", signalled_when_done), pytest.raises(EndedBySignal):
        run_once.run_once(arguments, desk.security.settings, {})
    assert [(event.action, event.outcome) for event in desk.events(before)] == [
        ("trigger_run", Outcome.INTENT),
        ("trigger_run", Outcome.DONE),
    ]


def test_what_is_asked_of_the_person_is_ended_by_a_signal_at_once(
    desk: Desk, heeded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sit_down("doctor")
    desk.pass_time(601)
    before = desk.size()

    def never(*_: object) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("a signal did not end the question")

    monkeypatch.setattr(session, "_next_line", never)
    with pytest.raises(EndedBySignal):
        desk("records", "break-glass", desk.patient("doctor-nights"), "--reason", "found unconscious", "--stdin")
    assert Outcome.INTENT not in [event.outcome for event in desk.events(before)]


def test_a_second_signal_changes_nothing_and_one_that_meets_a_refusal_still_ends_the_command(heeded: None) -> None:
    def refused() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        raise OSError("refused")

    with pytest.raises(EndedBySignal, match="SIGTERM"):
        unbroken(refused)
