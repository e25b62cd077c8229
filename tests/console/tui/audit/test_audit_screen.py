"""The Audit section upon a real log: who sees it, what it follows, finds and proves, and what it says of damage."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.seat import InMemory
from console.tui.audit.alarm import Alarm, Fails
from console.tui.audit.event_detail import EventDetail
from console.tui.audit.filter_form import FilterForm
from console.tui.audit.log_lines import PAGE
from console.tui.audit.log_table import LogTable
from console.tui.audit.proof_view import ProofView, sides
from console.tui.audit.screen import AuditScreen
from console.tui.audit.verify_dialog import VerifyDialog
from console.tui.screens.dialogs import Notice
from console.tui.screens.help import HelpScreen, bindings_of
from console.tui.widgets.closed import Closed
from console.tui.widgets.dialog_keys import dialog_keys
from console.wiring.security import Security
from console.wiring.security_actions import records
from security.audit.event import Decision, Kind, Outcome
from security.errors import AuditUnavailable
from security.policy.columns import PATIENT_COLUMNS
from security.records.models import Grant
from security.records.reading import Reading
from tests.console.tui.audit.desk import Desk
from tests.console.tui.warehouse.panels import shows, text_of
from tests.console.tui.workspaces import until
from tests.practice import opened, sit_down
from tests.security.audit_logs import event

SIZES = [(80, 24), (120, 40)]
Opening = Callable[..., Security]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens the practice workspace of this test, signed in as a user; None for nobody."""
    made: list[Security] = []

    def open_for(user: str | None, **environ: str) -> Security:
        made.append(opened(tmp_path / "home", environ, keeper=InMemory()))
        if user is not None:
            sit_down(made[-1], user)
        return made[-1]

    yield open_for
    for security in made:
        try:
            security.close()
        except AuditUnavailable:
            continue  # a test has damaged it


def fill(security: Security, count: int, **fields: Any) -> None:
    """Append events as colleagues elsewhere would."""
    events = [event(number, at=security.now(), **fields) for number in range(count)]
    for first in range(0, count, 500):
        security.audit.append(events[first : first + 500])


def table(app: Desk) -> LogTable:
    return app.screen.query_one(LogTable)


async def listed(app: Desk) -> None:
    """Wait until the log is read."""
    await until(lambda: [one for one in app.screen.query(LogTable) if one.line_count()], "the log")


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


# ---- who sees it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("user", ["auditor", "officer"])
async def test_auditor_and_officer_see_the_log(opening: Opening, user: str, size: tuple[int, int]) -> None:
    app = Desk(opening(user), AuditScreen)
    async with app.run_test(size=size):
        await listed(app)
        await shows(app, "Audit log", "live", "read_audit", user, "v Verify", "events", "no copy outside")
        assert not app.screen.query_one(Closed).display


@pytest.mark.parametrize("user", ["doctor", "data-scientist", "operator", "partner", "guest"])
async def test_every_other_role_reads_in_place_why_not_and_who_may(opening: Opening, user: str) -> None:
    app = Desk(opening(user), AuditScreen, next_user="auditor")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "not open to you", f"signed in as {user}", "auditor and officer", "Sign in as another")
        assert not table(app).display
        await press(pilot, "p", "f", "v")
        assert isinstance(app.screen, AuditScreen)
        await press(pilot, "enter")
        await listed(app)
        assert "DENIED" not in text_of(app), "to look at a closed section is no refused access"


async def test_without_a_session_the_panel_says_how_to_sign_in(opening: Opening) -> None:
    app = Desk(opening(None), AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "needs a sign-in", "Nobody is signed in", "auditor and officer", "Enter signs in")
        await press(pilot, "enter")
        await listed(app)
        assert table(app).has_focus


async def test_what_ends_the_session_closes_the_panel_and_takes_the_lines_away(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        security.seat.leave()
        await shows(app, "needs a sign-in")
        assert table(app).line_count() == 0
        assert "read_audit" not in text_of(app)


async def test_a_workspace_that_cannot_be_opened_is_told_and_tried_again(opening: Opening) -> None:
    app = Desk(opening("auditor"), AuditScreen)
    app.office_error = OSError("expected a disk, found none")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "cannot be shown", "Expected a disk, found none", "Enter Try again")
        app.office_error = None
        await press(pilot, "enter")
        await listed(app)
        assert "THE AUDIT LOG FAILS" not in text_of(app)


# ---- the tail -------------------------------------------------------------------------------------------------------


async def test_a_new_event_of_another_process_is_shown_within_two_seconds(opening: Opening, tmp_path: Path) -> None:
    app = Desk(opening("auditor"), AuditScreen)
    other = opening(None)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        before = time.monotonic()
        fill(other, 1, principal="somebody-new")
        await until(lambda: "somebody-new" in text_of(app), "the event", patience_s=2)
        assert time.monotonic() - before < 2
        assert table(app).follows


async def test_a_reader_who_moves_up_is_left_in_peace_until_end(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 60)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "up")
        await shows(app, "stopped here: End goes on")
        selected = table(app).line
        fill(security, 3, principal="somebody-new")
        await shows(app, "3 newer, End goes on")
        assert table(app).line == selected
        assert "somebody-new" not in text_of(app)
        await press(pilot, "end")
        await shows(app, "somebody-new", "live")


async def test_a_burst_larger_than_a_page_is_followed_to_its_end(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        count = table(app).line_count()
        fill(security, 2 * PAGE + 5)
        await until(lambda: table(app).line_count() == count + 2 * PAGE + 5, "all of them")
        assert table(app).follows


async def test_the_whole_log_can_be_scrolled_back_to_its_first_event(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 3 * PAGE)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        assert table(app).line_count() <= PAGE + 2
        for _ in range(20):
            await press(pilot, "home")
            if table(app)._lines.rows[0].seq == 0:
                break
            await asyncio.sleep(0.1)
        seqs = [one.seq for one in table(app)._lines.rows]
        assert seqs == list(range(len(seqs)))
        await press(pilot, "home")
        await shows(app, "add_user")


@pytest.mark.parametrize("size", SIZES)
async def test_a_log_that_does_not_grow_sends_nothing_to_the_terminal(opening: Opening, size: tuple[int, int]) -> None:
    app = Desk(opening("auditor"), AuditScreen)
    async with app.run_test(size=size):
        await listed(app)
        await asyncio.sleep(1.3)
        before = app.painted
        await asyncio.sleep(2.3)
        assert app.painted == before > 0


async def test_nothing_is_asked_of_the_log_while_another_section_is_shown(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        panel = app.screen
        assert isinstance(panel, AuditScreen)
        app.add_mode("elsewhere", lambda: AuditScreen(app))
        app.switch_mode("elsewhere")
        await listed(app)
        await until(lambda: not panel._asking, "the last look")
        asked: list[int] = []
        panel._ask = lambda *_: asked.append(1)  # type: ignore[method-assign] # only counted
        await asyncio.sleep(1.5)
        assert asked == []


async def test_at_80_columns_the_events_of_today_leave_the_date_away_for_what_they_are_about(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 1, resource="pipeline:weather", subject=None)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        first = table(app)._lines.rows[0].event.at
        table(app)._now = lambda: first
        await until(lambda: f"{first:%H:%M:%S} " in text_of(app), "the times alone")
        assert f"{first:%m-%d} " not in text_of(app)
        assert "pipeline:weather" in text_of(app)
        assert " disclosure " in text_of(app)
        table(app)._now = lambda: first + timedelta(days=1)
        await shows(app, f"{first:%m-%d %H:%M} ", "pipeline:weather")


# ---- searching ------------------------------------------------------------------------------------------------------


async def fill_form(app: Desk, pilot: Pilot[None], **typed: str) -> None:
    await press(pilot, "f")
    await until(lambda: isinstance(app.screen, FilterForm), "the form")
    for name, value in typed.items():
        app.screen.query_one(f"#filter-{name}", Input).value = value
    await press(pilot, "enter")


async def test_a_search_finds_an_old_event_among_many_and_esc_shows_all_again(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 1, kind=Kind.KEY, action="rotate_keys", principal="somebody-old", outcome=Outcome.DONE)
    fill(security, 3 * PAGE)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        assert "somebody-old" not in text_of(app)
        await fill_form(app, pilot, kind="key", user="somebody-old")
        await shows(app, "only: key, user somebody-old", "rotate_keys", "somebody-old")
        assert table(app).line_count() == 1
        await press(pilot, "escape")
        await until(lambda: table(app).line_count() >= PAGE, "all events")


@pytest.mark.parametrize("typed", ["P0007", "p0007"])
async def test_the_events_about_a_patient_are_found_by_the_id_alone(opening: Opening, typed: str) -> None:
    security = opening("auditor")
    subject = security.audit.keys.pseudonym("patient:P0007")
    fill(security, 20)
    fill(security, 1, subject=subject, principal="doctor-of-seven")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await fill_form(app, pilot, patient=typed)
        await shows(app, f"patient {typed}", "doctor-of-s")
        assert [one.event.subject for one in table(app)._lines.rows] == [subject]


async def test_the_tail_of_a_search_takes_in_only_what_passes(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await fill_form(app, pilot, decision="deny")
        await shows(app, "No event of the whole log passes")
        fill(security, 8, outcome=Outcome.REFUSED)
        await until(lambda: table(app).line_count() == 2, "both denials")
        assert all(one.event.decision is Decision.DENY for one in table(app)._lines.rows)


async def test_a_filter_that_cannot_be_is_told_in_the_form(opening: Opening) -> None:
    app = Desk(opening("auditor"), AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await fill_form(app, pilot, since="yesterday")
        await shows(app, "Since: expected an instant", "'yesterday'")
        assert app.focused is app.screen.query_one("#filter-since")
        await press(pilot, "ctrl+l", "escape")
        assert isinstance(app.screen, AuditScreen)


# ---- one event ------------------------------------------------------------------------------------------------------


async def test_an_event_is_shown_in_full_with_all_events_of_its_use(opening: Opening) -> None:
    app = Desk(opening("auditor"), AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        done = table(app).line
        assert done is not None
        assert done.event.outcome is Outcome.DONE
        await press(pilot, "enter")
        await shows(app, "auditor-reads-audit", str(done.event.correlation), "Left, Right: the events")
        assert [key.description for key in dialog_keys(app.screen)] == ["Close", "Proof", "Same use"]
        await press(pilot, "c")
        await shows(app, "All events of this use", "intent")
        assert isinstance(app.screen, EventDetail)
        assert [one.seq for one in app.screen._use] == [done.seq - 1, done.seq]
        await press(pilot, "left")
        await shows(app, f"Event {done.seq - 1} of the audit log", "written before it did")


async def test_a_proof_leads_from_the_event_to_the_signed_root(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 30)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        table(app).move_to(5)
        await press(pilot, "p")
        await until(lambda: isinstance(app.screen, ProofView), "the proof")
        await shows(app, "It holds", "exactly as it is shown", "lakewarden/audit/", "The signed checkpoint")
        assert isinstance(app.screen, ProofView)
        proof = app.screen._proof
        value = proof.leaf
        for side, sibling in sides(proof):
            pair = sibling + value if side == "left" else value + sibling
            value = hashlib.sha256(b"\x01" + pair).digest()
        assert value == proof.root
        await press(pilot, "y")
        await shows(app, "clipboard")
        assert proof.root.hex() in app.clipboard


async def test_p_in_the_detail_proves_the_event_that_is_shown_there(opening: Opening) -> None:
    security = opening("officer")
    fill(security, 10)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        table(app).move_to(3)
        await press(pilot, "enter", "left", "p")
        await shows(app, "Proof of event 2", "It holds")


# ---- the reason of an emergency -------------------------------------------------------------------------------------

REASON = "found unconscious on ward 3"


@pytest.fixture
def glass(opening: Opening) -> Security:
    """An auditor sits down after a doctor opened a record in an emergency; the newest event with a reason is that."""
    security = opening("doctor")
    others = [one.patient_id for one in security.admission.all_facts() if "doctor" not in one.assigned]
    records(security).break_glass(others[0], REASON)
    sit_down(security, "auditor")
    return security


async def on_the_reason(app: Desk, pilot: Pilot[None]) -> None:
    """Open the event that has the reason."""
    await listed(app)
    table(app).move_to(next(at for at, one in enumerate(table(app)._lines.rows) if one.event.sealed))
    await press(pilot, "enter")
    await shows(app, "break_glass", "given; sealed with the key")
    assert "Reason" in [key.description for key in dialog_keys(app.screen)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_reason_is_shown_by_a_key_hidden_by_it_and_recorded_each_time(
    glass: Security, size: tuple[int, int]
) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=size) as pilot:
        await on_the_reason(app, pilot)
        assert REASON not in text_of(app)
        seq = app.screen._recorded.seq  # type: ignore[attr-defined] # of the detail
        for shown in (1, 2):
            await press(pilot, "r")
            await shows(app, REASON, "hidden again in")
            told = [one for one in glass.audit.tail(after=seq, limit=1_000) if one.event.resource == f"audit:{seq}"]
            assert [one.event.outcome for one in told] == [Outcome.INTENT, Outcome.DONE] * shown
            await press(pilot, "r")
            assert REASON not in text_of(app)
        assert not app.screen.ALLOW_SELECT
        assert app.clipboard == ""


async def test_a_reason_is_opened_from_the_list_with_its_event(glass: Security) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        assert "Reason" not in text_of(app).splitlines()[-1], "the newest event has none"
        table(app).move_to(next(at for at, one in enumerate(table(app)._lines.rows) if one.event.sealed))
        await until(lambda: "r Reason" in text_of(app).splitlines()[-1], "the key is told")
        await press(pilot, "r")
        await shows(app, "break_glass", REASON, "hidden again in")
        await press(pilot, "r")
        assert REASON not in text_of(app)


@pytest.mark.parametrize("key", ["right", "left"])
async def test_another_event_takes_the_reason_away(glass: Security, key: str) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_the_reason(app, pilot)
        await press(pilot, "r")
        await shows(app, REASON)
        await press(pilot, key)
        assert REASON not in text_of(app)
        await press(pilot, "right" if key == "left" else "left")
        await shows(app, "given; sealed with the key")
        assert REASON not in text_of(app)


async def test_a_reason_goes_by_itself_and_when_something_lies_over_it(glass: Security) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        line = next(one for one in table(app)._lines.rows if one.event.sealed)
        detail = EventDetail(line, audit=app.open_office().audit, step=lambda _by: None, now=glass.now, reason_s=0.6)
        await app.push_screen(detail)
        await press(pilot, "r")
        await shows(app, REASON)
        await until(lambda: REASON not in text_of(app), "it is hidden again", patience_s=3)
        await press(pilot, "r")
        await shows(app, REASON)
        await app.push_screen(Notice("Over it", "nothing"))
        await press(pilot, "escape")
        assert REASON not in text_of(app)


async def test_the_event_that_ends_the_use_opens_the_reason_that_its_intent_has(glass: Security) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_the_reason(app, pilot)
        await press(pilot, "right")
        assert "Reason" in [key.description for key in dialog_keys(app.screen)]
        await press(pilot, "r")
        await shows(app, REASON)
        assert "sealed with the key" not in text_of(app), "another event than the one that has it"


async def test_an_event_whose_use_has_no_reason_says_so(glass: Security) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_the_reason(app, pilot)
        await press(pilot, "left")
        assert "Reason" not in [key.description for key in dialog_keys(app.screen)]
        await press(pilot, "r")
        await shows(app, "This event has no reason, and no other of its use has one")


async def test_the_reason_of_an_erased_patient_is_told_as_gone(glass: Security) -> None:
    with glass.clinical.database.transaction() as connection:
        connection.execute("DELETE FROM data_key")
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await on_the_reason(app, pilot)
        await press(pilot, "r")
        await shows(app, "destroyed when the patient was erased")


# ---- verifying ------------------------------------------------------------------------------------------------------


def tamper(path: Path, sql: str) -> None:
    """Change the log's file as a thief of the disk would, past its triggers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)


@pytest.mark.parametrize("size", SIZES)
async def test_an_untouched_log_is_intact_and_says_what_the_copy_outside_covers(
    opening: Opening, tmp_path: Path, size: tuple[int, int]
) -> None:
    outside = tmp_path / "elsewhere" / "checkpoints"
    outside.parent.mkdir()
    security = opening("auditor", LAKEWARDEN_AUDIT__CHECKPOINT_FILE=str(outside))
    fill(security, 40)
    security.audit.checkpoint()
    covered = security.audit.size()
    await until(lambda: outside.exists() and f"\n{covered}\n" in outside.read_text(), "the copy")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=size) as pilot:
        await listed(app)
        await shows(app, f"outside: {covered} of")
        await press(pilot, "v")
        await shows(app, "Intact: all", f"The copy outside covers the first {covered}:", "Enter or Esc closes")
        await shows(app, " UTC: intact")  # at once, below the dialog too
        await press(pilot, "enter")
        await shows(app, ": intact")
        assert "FAILS" not in text_of(app)


async def test_a_log_that_was_edited_is_found_and_said_where(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 40)
    security.audit.checkpoint()
    tamper(security.settings.audit_db, "UPDATE event SET body = replace(body, 'doctor-2', 'doctor-3') WHERE seq = 25")
    assert "doctor-3" in str(security.audit.tail(after=24, limit=1)[0].event.principal)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        await press(pilot, "v")
        await shows(app, "NOT intact", "event 25")
        await press(pilot, "escape")
        await shows(app, "THE AUDIT LOG FAILS", "NOT INTACT")
        table(app).move_to(25)
        await press(pilot, "p")
        await shows(app, "It does NOT hold", "v verifies the whole log")


async def test_a_log_whose_end_was_cut_off_is_told_above_everything(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 40)
    security.audit.checkpoint()
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        had = security.audit.size()
        tamper(security.settings.audit_db, "DELETE FROM event WHERE seq >= 30")
        await shows(app, "THE AUDIT LOG FAILS", f"It had {had} events, now it has 30")
        await press(pilot, "p")
        await until(lambda: Fails.WRITING in app.screen.query_one(Alarm)._told, "the refusal of the proof")
        await press(pilot, "v")
        await shows(app, "NOT intact", "cut off", "cannot be written any more")


async def test_a_file_that_is_no_log_any_more_is_told_above_everything_and_can_be_verified(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        tamper(security.settings.audit_db, "ALTER TABLE event RENAME TO gone")
        await shows(app, "THE AUDIT LOG FAILS")
        assert table(app).line_count()
        await press(pilot, "v")
        await until(lambda: isinstance(app.screen, VerifyDialog), "the dialog")
        await shows(app, "Enter or Esc closes")


async def test_a_log_that_cannot_be_written_when_it_is_opened_is_told_in_place_of_it(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    with closing(sqlite3.connect(security.settings.audit_db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # another process holds the file
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "THE AUDIT LOG FAILS", "nothing is disclosed")
            assert not table(app).display
            other.execute("ROLLBACK")
            await press(pilot, "enter")
            await listed(app)
            assert "FAILS" not in text_of(app)


async def test_a_log_that_another_process_locks_is_alarmed_until_it_can_be_written_again(opening: Opening) -> None:
    """Though nothing is asked of the log by anybody here."""
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    with closing(sqlite3.connect(security.settings.audit_db, isolation_level=None)) as other:
        async with app.run_test(size=(80, 24)):
            await listed(app)
            size = security.audit.size()
            other.execute("BEGIN IMMEDIATE")
            await shows(app, "THE AUDIT LOG FAILS", "Nothing can be recorded, so nothing is disclosed")
            assert table(app).line_count()
            other.execute("ROLLBACK")
            await until(lambda: not app.screen.query_one(Alarm).display, "the end of the alarm")
            assert security.audit.size() == size, "what tries whether it can be written leaves no event"


async def test_a_log_that_was_locked_at_the_opening_is_shown_once_it_can_be_written(opening: Opening) -> None:
    security = opening("auditor")
    app = Desk(security, AuditScreen)
    with closing(sqlite3.connect(security.settings.audit_db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with app.run_test(size=(80, 24)):
            await shows(app, "THE AUDIT LOG FAILS", "cannot be shown")
            other.execute("ROLLBACK")
            await listed(app)
            await until(lambda: not app.screen.query_one(Alarm).display, "the end of the alarm")


async def test_a_log_that_is_damaged_before_it_is_opened_can_be_verified_by_who_is_signed_in(tmp_path: Path) -> None:
    keeper = InMemory()
    with closing(opened(tmp_path / "home", {}, keeper=keeper)) as security:
        sit_down(security, "auditor")
        fill(security, 30)
    tamper(security.settings.audit_db, "DELETE FROM event WHERE seq >= 15")
    with closing(opened(tmp_path / "home", {}, keeper=keeper)) as security:
        app = Desk(security, AuditScreen)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "THE AUDIT LOG FAILS", "cannot be shown", "v Verify")
            await press(pilot, "v")
            await shows(app, "NOT intact", "cut off")


async def test_a_verification_can_be_stopped(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    security = opening("auditor")
    fill(security, 20)
    held = threading.Event()
    progress = VerifyDialog._progress

    def slow(dialog: VerifyDialog, done: int, total: int) -> None:
        held.wait(20)
        progress(dialog, done, total)

    monkeypatch.setattr(VerifyDialog, "_progress", slow)
    app = Desk(security, AuditScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "v")
        await shows(app, "Esc stops it")
        await press(pilot, "escape")
        held.set()
        assert isinstance(app.screen, AuditScreen)
        await shows(app, "FAILED")
        await shows(app, "not verified in this session")


# ---- what it must not show, and how it looks ------------------------------------------------------------------------


async def test_nothing_personal_is_on_the_panel(opening: Opening) -> None:
    security = opening("officer")
    grant = Grant("service", "service", dict.fromkeys(PATIENT_COLUMNS, "clear"), None)
    ids = [row[0] for row in security.clinical.database.query("SELECT patient_id FROM patient LIMIT 40")]
    records = [Reading(security.clinical).record(patient_id, grant) for patient_id in ids]
    columns = ("name", "ssn", "insurance_id")
    personal = {str(record.columns[column]) for record in records for column in columns}
    assert len(personal) > 100
    for patient_id in ids[:10]:
        fill(security, 1, subject=security.audit.keys.pseudonym(f"patient:{patient_id}"))
    app = Desk(security, AuditScreen)
    seen = ""
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        for keys in (["enter"], ["c"], ["p"], ["escape"], ["v"], ["escape"], ["f"], ["escape"]):
            await press(pilot, *keys)
            await asyncio.sleep(0.3)
            seen += text_of(app)
    assert "Proof of event" in seen
    assert not re.search(r"\d{3}-\d{2}-\d{4}", seen)
    assert [found for found in personal | set(ids) if found in seen] == []


async def test_a_terminal_without_unicode_is_sent_ascii_alone(opening: Opening) -> None:
    security = opening("auditor")
    fill(security, 8, outcome=Outcome.REFUSED)
    app = Desk(security, AuditScreen, unicode=False)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        await shows(app, "x ", "DENIED")
        assert text_of(app).isascii()


async def test_every_key_is_in_the_help_with_the_signs_of_the_log_and_of_nothing_else(opening: Opening) -> None:
    app = Desk(opening("auditor"), AuditScreen)
    async with app.run_test(size=(80, 60)):
        await listed(app)
        screen = app.screen
        await app.push_screen(HelpScreen(bindings_of(screen), screen, unicode=True))
        await shows(app, "Signs", "the glass was broken", "denied, refused, or permitted")
        assert "missed hour" not in text_of(app)
        app.pop_screen()
        named = {binding.id for binding, _node in bindings_of(app.screen)}
        assert {"audit.search", "audit.proof", "audit.verify", "audit.show-all", "audit.open"} <= named


async def test_a_reason_stays_in_sight_in_a_window_of_another_size(glass: Security) -> None:
    app = Desk(glass, AuditScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await on_the_reason(app, pilot)
        await press(pilot, "r")
        await shows(app, REASON, "hidden again in")
        for size in ((60, 16), (80, 24), (120, 40), (60, 16)):
            await pilot.resize_terminal(*size)
            await shows(app, "hidden again in")
            await pilot.pause()
            assert "The reason" in text_of(app)
