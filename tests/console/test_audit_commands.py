"""`lakewarden audit …` as processes over a real log: reading it, proving it, and finding what was done to it."""

from __future__ import annotations

import ast
import base64
import json
import re
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from console.actions.seat import InMemory
from console.settings import load_settings
from console.wiring import doctor_security
from console.wiring.key_folder import key_uses
from console.wiring.security import Security
from security.audit import store
from security.audit.checkpoint import Checkpoint, open_checkpoint
from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.file_keeper import FileKeeper
from security.audit.keys import AuditKeys
from security.audit.merkle import Frontier
from security.audit.note import NoteVerifier
from security.audit.proofs import check_inclusion
from security.audit.words import OWN_ACTIONS
from security.errors import AuditUnavailable
from security.policy.model import Action
from security.vault.keys import Key
from tests.conftest import Lakewarden
from tests.practice import opened, sit_down

EVENTS = 40  # appended in commits of 4, each with a checkpoint, after those of the practice workspace
OTHER = AuditKeys.of(Key("0001-ffffffff", b"\xff" * 32))
OUTSIDE = "LAKEWARDEN_AUDIT__CHECKPOINT_FILE"
COMMANDS = (
    ["tail"], ["search"], ["verify"], ["proof", "0"], ["export", "--format", "cef"], ["checkpoint"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Office:
    """A practice workspace with an auditor signed in at its command line, and events numbered `first` and on."""

    lakewarden: Lakewarden
    first: int

    @property
    def log(self) -> Path:
        return self.lakewarden.home / "audit.db"

    def json(self, *arguments: str, code: int = 0) -> Any:
        ended = self.lakewarden("audit", *arguments, "--json")
        assert ended.code == code, ended
        return ended.json

    def change(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Do it to the file of the log, as whoever can write it does."""
        with closing(sqlite3.connect(self.log, isolation_level=None)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            change(connection)

    @property
    def keys(self) -> AuditKeys:
        (path,) = (self.lakewarden.home / "keys").glob("audit-*.key")
        return AuditKeys.of(Key(path.stem.removeprefix("audit-"), path.read_bytes()))


def open_office(lakewarden: Lakewarden, user: str = "auditor") -> Office:
    """A copy of the office that is made once for each user."""
    folder, first = made_office(user)
    shutil.copytree(Path(folder.name) / "home", lakewarden.home)
    session = shutil.copy2(Path(folder.name) / "session", lakewarden.folder / "session")
    lakewarden.environ["LAKEWARDEN_SESSION"] = str(session)
    return Office(lakewarden, first)


@lru_cache
def made_office(user: str) -> tuple[tempfile.TemporaryDirectory[str], int]:
    folder = tempfile.TemporaryDirectory(prefix="lakewarden-office-")
    home, session = Path(folder.name) / "home", Path(folder.name) / "session"
    return folder, fill_office(home, {"LAKEWARDEN_SESSION": str(session)}, user)


def fill_office(home: Path, environ: Mapping[str, str], user: str) -> int:
    with closing(opened(home, environ)) as security:
        sit_down(security, user)
        first = security.audit.size()
        fill(security, EVENTS)
    return first


def fill(security: Security, count: int) -> None:
    for number in range(0, count, 4):
        security.audit.append([run_event(security, number + each) for each in range(4)])
        security.audit.checkpoint()


def run_event(security: Security, number: int) -> Event:
    return Event(
        at=security.now() + timedelta(microseconds=number),
        kind=Kind.RUN,
        action="trigger_run",
        outcome=Outcome.REFUSED if number % 4 == 3 else Outcome.DONE,
        principal="operator",
        role="operator",
        resource="pipeline:weather",
        decision=Decision.DENY if number % 4 == 3 else Decision.ALLOW,
        policies=("signed-in",) if number % 4 == 3 else ("operator-runs-pipelines",),
        address="127.0.0.1",
        subject=security.audit.keys.pseudonym("patient:P0007") if number == 5 else None,
        count=number,
    )


@pytest.fixture
def office(lakewarden: Lakewarden) -> Office:
    return open_office(lakewarden)


@pytest.fixture
def watched(lakewarden: Lakewarden) -> Office:
    """The same, its checkpoints kept outside the workspace from the beginning."""
    lakewarden.environ[OUTSIDE] = str(lakewarden.folder / "elsewhere.txt")
    return Office(lakewarden, fill_office(lakewarden.home, lakewarden.environ, "auditor"))


def test_the_tail_is_the_newest_events_and_looking_is_one_of_them(office: Office) -> None:
    events = office.json("tail", "--limit", "5")
    assert [event["seq"] for event in events] == list(range(office.first + EVENTS - 3, office.first + EVENTS + 2))
    assert [event["action"] for event in events] == ["trigger_run"] * 3 + ["read_audit"] * 2
    assert events[-1]["principal"] == "auditor"
    assert events[-1]["policies"] == ["auditor-reads-audit"]
    assert events[0]["at"].endswith("Z")
    table = office.lakewarden("audit", "tail", "--limit", "3")
    assert table.out.splitlines()[0].split()[:3] == ["seq", "at", "who"]
    assert len(table.out.splitlines()) == 4


def test_the_tail_goes_on_with_what_comes_until_it_is_interrupted(office: Office) -> None:
    process = office.lakewarden.start("audit", "tail", "--limit", "1", "--follow", "--json")
    assert process.stdout is not None
    last = json.loads(process.stdout.readline())["seq"]
    with closing(opened(office.lakewarden.home, office.lakewarden.environ)) as security:
        security.audit.append([run_event(security, 999)])
    while (event := json.loads(process.stdout.readline())).get("count") != 999:
        assert event["seq"] > last
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130


def test_a_search_finds_what_fits_and_no_more(office: Office) -> None:
    def found(*options: str) -> list[int]:
        return [event["seq"] - office.first for event in office.json("search", *options)]

    refused = found("--kind", "run", "--decision", "deny")
    assert refused == list(range(EVENTS - 1, 0, -4))
    assert found("--user", "operator", "--limit", "3") == [EVENTS - 1, EVENTS - 2, EVENTS - 3]
    assert found("--patient", "P0007") == [5]
    assert found("--patient", "P0008") == []
    assert found("--action", "trigger_run", "--until", "2020-01-01T00:00:00Z") == []
    assert len(found("--action", "trigger_run", "--since", "2020-01-01")) == EVENTS
    more = office.lakewarden("audit", "search", "--user", "operator", "--limit", "3")
    assert "only the newest 3" in more.err
    assert office.lakewarden("audit", "search", "--user", "operator", "--limit", str(EVENTS)).err == ""
    none = office.lakewarden("audit", "search", "--patient", "P0008")
    assert (none.code, none.out, none.err) == (0, "", "lakewarden: no event fits\n")


@pytest.mark.parametrize(
    ("word", "near"),
    [("sign-in", "sign_in"), ("view_records", "view_record"), ("nonsense", "view_record, edit_record")],
)
def test_a_word_that_is_no_action_is_refused_with_those_near_it(office: Office, word: str, near: str) -> None:
    ended = office.lakewarden("audit", "search", "--action", word)
    assert (ended.code, ended.out) == (64, "")
    assert f"expected an action such as {near}" in ended.err
    assert repr(word) in ended.err


def test_every_action_that_the_program_records_can_be_searched_for() -> None:
    """Those of the policies apart: every literal, or constant of its module, that an event is made with."""
    found: set[str] = set()
    for path in (*Path("security").rglob("*.py"), *Path("console").rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        constants = constants_of(module)
        for call in ast.walk(module):
            if isinstance(call, ast.Call):
                found |= recorded_by(call, constants)
    known = {action.value for action in Action}
    assert {"sign_in", "add_user", "assign_patient", "open_sealed", "load_patients"} < found
    assert found - known == set(OWN_ACTIONS)


def constants_of(module: ast.Module) -> dict[str, ast.expr]:
    """The names that a module gives to one value each."""
    return {
        line.targets[0].id: line.value
        for line in module.body
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
    }


def recorded_by(call: ast.Call, constants: Mapping[str, ast.expr]) -> set[str]:
    """The action of an event, where it is a literal or one of the constants, in the calls that make events."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given: list[ast.expr] = [word.value for word in call.keywords if name == "Event" and word.arg == "action"]
    given += call.args[2:3] if name in ("record_change", "record_sign_in") else []
    given += call.args[:1] if name == "_told" and isinstance(call.func, ast.Attribute) else []
    given = [constants.get(one.id, one) if isinstance(one, ast.Name) else one for one in given]
    return {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_what_an_event_was_for_stands_beside_its_outcome(office: Office) -> None:
    office.lakewarden("audit", "checkpoint")
    for command in (["tail", "--limit", "4"], ["search", "--action", "read_audit"]):
        told = office.lakewarden("audit", *command).out
        assert "  allow done look  " in told
        assert "  allow done checkpoint  " in told
    with closing(opened(office.lakewarden.home, office.lakewarden.environ)) as security:
        codes = {recorded.event.code for recorded in security.audit.tail(after=office.first + EVENTS - 1)}
    assert codes == {"look", "checkpoint"}


def test_a_proof_leads_from_the_event_to_the_signed_root(office: Office) -> None:
    for seq in (0, office.first, office.first + EVENTS - 1):
        proof = office.json("proof", str(seq))
        leaf = sha256(b"\x00" + bytes.fromhex(proof["previous"]) + proof["body"].encode()).digest()
        root = bytes.fromhex(proof["root"])
        path = [bytes.fromhex(step) for step in proof["path"]]
        check_inclusion(leaf, seq, proof["size"], path, root)
        signed = open_checkpoint(proof["checkpoint"], office.keys.verifier)
        assert (signed.size, signed.root) == (proof["size"], root)
        assert proof["holds"] is True
        assert json.loads(proof["body"])["action"] == proof["event"]["action"]
    beyond = office.lakewarden("audit", "proof", "99999")
    assert (beyond.code, beyond.out) == (65, "")


def test_a_checkpoint_is_a_signed_note_with_the_key_to_check_it(office: Office) -> None:
    document = office.json("checkpoint")
    signed = open_checkpoint(document["note"], NoteVerifier.parse(document["verifier"]))
    assert document["checkpoint"] == {"origin": signed.origin, "size": signed.size, "root": signed.root.hex()}
    printed = office.lakewarden("audit", "checkpoint")
    assert open_checkpoint(printed.out, office.keys.verifier).size > signed.size
    assert office.keys.verifier.text() in printed.err


@pytest.mark.parametrize("kind", ["ocsf", "cef", "leef", "syslog", "hec"])
def test_an_export_is_one_line_an_event(office: Office, kind: str) -> None:
    everything = office.lakewarden("audit", "export", "--format", kind)
    assert (everything.code, everything.err) == (0, "")
    lines = everything.out.splitlines()
    assert len(lines) == office.first + EVENTS + 1, "every event, the one of the export included"
    some = office.lakewarden("audit", "export", "--format", kind, "--after", str(office.first + 9))
    assert some.out.splitlines()[: EVENTS - 10] == lines[office.first + 10 : office.first + EVENTS]
    for line in lines:
        match kind:
            case "ocsf" | "hec":
                json.loads(line)
            case "cef":
                assert line.startswith("CEF:0|Lakewarden|")
            case "leef":
                assert line.startswith("LEEF:2.0|Lakewarden|")
            case "syslog":
                assert line.startswith("<")
    done = office.json("search", "--action", "read_audit", "--limit", "9")
    assert [event["count"] for event in done if "count" in event][-1] == len(lines)


def test_a_sound_log_verifies_with_exactly_these_keys(office: Office) -> None:
    report = office.json("verify")
    assert list(report) == ["ok", "events", "root", "checkpoint", "problems", "outside"]
    assert report["outside"] == 0
    assert (report["ok"], report["problems"]) == (True, [])
    assert report["events"] == office.first + EVENTS + 1
    assert report["checkpoint"]["size"] == office.first + EVENTS
    told = office.lakewarden("audit", "verify")
    assert told.code == 0
    assert told.out.startswith(f"sound: {report['events'] + 2} events, root ")
    assert "set audit.checkpoint_file" in told.err


@pytest.mark.parametrize("user", ["doctor", "operator", "data-scientist", "partner", "guest"])
def test_who_may_not_read_the_log_is_told_so_and_is_in_it(lakewarden: Lakewarden, user: str) -> None:
    office = open_office(lakewarden, user)
    for command in COMMANDS:
        ended = lakewarden("audit", *command)
        assert (ended.code, ended.out) == (77, ""), (command, ended)
        assert "auditor or officer" in ended.err or "the role" in ended.err
        assert ended.err.count("\n") == 1
    with closing(
        opened(lakewarden.home, {**lakewarden.environ, "LAKEWARDEN_SESSION": str(lakewarden.folder / "s")})
    ) as s:
        refused = [one.event for one in s.audit.tail(after=office.first + EVENTS - 1)]
    assert len(refused) == len(COMMANDS)
    for event in refused:
        assert (event.principal, event.action, event.resource) == (user, "read_audit", "audit")
        assert (event.outcome, event.decision) == (Outcome.REFUSED, Decision.DENY)


def test_nobody_signed_in_is_refused_everything(lakewarden: Lakewarden) -> None:
    office = open_office(lakewarden)
    lakewarden.environ["LAKEWARDEN_SESSION"] = str(lakewarden.folder / "none")
    for command in COMMANDS:
        ended = lakewarden("audit", *command)
        assert (ended.code, ended.out) == (77, ""), command
        assert "sign-in USER" in ended.err
    assert office.log.exists()


def test_an_officer_reads_it_too(lakewarden: Lakewarden) -> None:
    office = open_office(lakewarden, "officer")
    assert office.json("verify")["ok"] is True
    assert office.json("tail", "--limit", "1")[0]["policies"] == ["officer-reads-audit"]


def edit(connection: sqlite3.Connection, at: int) -> None:
    connection.execute("UPDATE event SET body = replace(body, 'operator', 'officer') WHERE seq = ?", (at,))


def delete(connection: sqlite3.Connection, at: int) -> None:
    connection.execute("DELETE FROM event WHERE seq = ?", (at,))


def delete_and_close_up(connection: sqlite3.Connection, at: int) -> None:
    delete(connection, at)
    (newest,) = connection.execute("SELECT max(seq) FROM event").fetchone()
    for seq in range(at + 1, newest + 1):
        connection.execute("UPDATE event SET seq = ?1 - 1 WHERE seq = ?1", (seq,))


def insert(connection: sqlite3.Connection, at: int) -> None:
    (newest,) = connection.execute("SELECT max(seq) FROM event").fetchone()
    for seq in range(newest, at - 1, -1):
        connection.execute("UPDATE event SET seq = ?1 + 1 WHERE seq = ?1", (seq,))
    connection.execute("INSERT INTO event SELECT ?1, body, nodes, mac FROM event WHERE seq = ?1 + 1", (at,))


def reorder(connection: sqlite3.Connection, at: int) -> None:
    for old, new in ((at, -9), (at + 1, at), (-9, at + 1)):
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE event SET seq = ? WHERE seq = ?", (new, old))


def cut_short(connection: sqlite3.Connection, at: int) -> None:
    connection.execute("DELETE FROM event WHERE seq >= ?", (at,))


def swap_key(connection: sqlite3.Connection, _at: int) -> None:
    """Every event stays as it was; all that vouches for them is made anew with another key."""
    bodies = [row[0].encode() for row in connection.execute("SELECT body FROM event ORDER BY seq")]
    connection.executescript("DELETE FROM event; DELETE FROM checkpoint; DELETE FROM block;")
    tree = store.Tree(Frontier(), store.genesis(OTHER.origin))
    store.append(connection, tree, bodies, OTHER.head_key)
    note = Checkpoint(OTHER.origin, len(bodies), tree.frontier.root()).sign(OTHER.signer)
    store.add_checkpoint(connection, len(bodies), note, "2026-03-01T08:00:00.000Z")
    connection.execute("UPDATE log SET origin = ?, key_id = ?", (OTHER.origin, OTHER.id))


def hide(connection: sqlite3.Connection, at: int) -> None:
    """The event stays, and the search index says that nothing is there."""
    connection.execute("INSERT INTO block VALUES (?, ?, 0, 0, x'', x'', zeroblob(32))", (at, at))


def scribble(connection: sqlite3.Connection, _at: int) -> None:
    connection.execute("DROP TABLE event")


# What is done at which event, and the first problem that a verification tells; counted from the first appended.
TAMPERED: list[tuple[Callable[[sqlite3.Connection, int], None], int, str, int | None]] = [
    (edit, 17, "event", 17),
    (delete, 17, "gap", 17),
    (delete_and_close_up, 17, "event", 17),
    (insert, 17, "event", 18),  # two alike: the second does not follow the first
    (reorder, 17, "event", 17),
    (cut_short, 16, "truncated", 16),
    (cut_short, 18, "truncated", 17),  # in the midst of a commit: its last event is no end of one
    (swap_key, 0, "checkpoint", None),
    (hide, 17, "index", 17),
    (scribble, 0, "damaged", None),
]


@pytest.mark.parametrize(("tamper", "at", "fault", "place"), TAMPERED)
def test_each_kind_of_tampering_is_found_and_where(
    office: Office, tamper: Callable[[sqlite3.Connection, int], None], at: int, fault: str, place: int | None
) -> None:
    office.change(lambda connection: tamper(connection, office.first + at))
    report = office.json("verify", code=65)
    assert list(report) == ["ok", "events", "root", "checkpoint", "problems", "outside"]
    assert report["outside"] == 0
    assert report["ok"] is False
    first = report["problems"][0]
    assert first["fault"] == fault, first
    assert place is None or first["seq"] == office.first + place, first
    told = office.lakewarden("audit", "verify")
    assert told.code == 65
    assert told.out.startswith("NOT SOUND")
    assert "Traceback" not in told.err


def test_a_log_cut_to_fit_is_found_by_the_checkpoints_outside(watched: Office) -> None:
    office = watched
    end = office.first + 20  # the end of a commit, and so of a checkpoint

    def cut(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM event WHERE seq >= ?", (end,))
        connection.execute("DELETE FROM checkpoint WHERE size > ?", (end,))

    office.change(cut)
    alone = office.lakewarden("audit", "verify", "--json", env={OUTSIDE: ""})
    assert (alone.code, alone.json["ok"]) == (0, True), "without a copy outside, this cannot be seen"
    problem = office.json("verify", code=65)["problems"][0]
    assert (problem["fault"], problem["seq"]) in {("truncated", end + 2), ("truncated", end + 3)}, problem
    assert "from outside" in problem["text"]


def test_a_log_rolled_back_to_an_older_copy_is_found_even_when_it_went_on(watched: Office, tmp_path: Path) -> None:
    lakewarden, older = watched.lakewarden, tmp_path / "older.db"
    shutil.copy(watched.log, older)
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        fill(security, 8)
    shutil.copy(older, watched.log)
    with closing(opened(lakewarden.home, {**lakewarden.environ, OUTSIDE: ""})) as security:
        fill(security, 16)
    problems = watched.json("verify", code=65)["problems"]
    assert {problem["fault"] for problem in problems} == {"history"}
    assert problems[0]["seq"] == watched.first + EVENTS
    assert "from outside" in problems[0]["text"]


def test_a_key_swapped_in_the_key_folder_too_is_found_by_the_checkpoints_outside(watched: Office) -> None:
    watched.change(lambda connection: swap_key(connection, 0))
    impostor = watched.lakewarden.home / "keys" / f"audit-{OTHER.id}.key"
    impostor.write_bytes(b"\xff" * 32)
    impostor.chmod(0o600)
    alone = watched.lakewarden("audit", "verify", "--json", env={OUTSIDE: ""})
    assert (alone.code, alone.json["ok"]) == (0, True), "who can write keys can do that, unless a copy is elsewhere"
    problems = watched.json("verify", code=65)["problems"]
    assert {problem["fault"] for problem in problems} == {"checkpoint"}
    assert "from outside cannot be trusted" in problems[0]["text"]
    told = watched.lakewarden("audit", "verify")
    assert "no checkpoints are kept elsewhere" not in told.err
    refused = watched.lakewarden("audit", "tail")
    assert (refused.code, "else bring that log back" in refused.err) == (74, True)


def test_a_verification_says_how_many_checkpoints_from_outside_it_compared_and_how_far_they_reach(
    watched: Office,
) -> None:
    def kept() -> list[int]:
        notes = FileKeeper(watched.lakewarden.folder / "elsewhere.txt").kept()
        return sorted({open_checkpoint(note, watched.keys.verifier).size for note in notes})

    sizes = kept()
    assert watched.json("verify")["outside"] == len(sizes) > 1
    sizes = kept()
    told = watched.lakewarden("audit", "verify")
    assert f"compared with {len(sizes)} checkpoints from outside, up to event {sizes[-1] - 1}\n" in told.out
    assert told.err == ""
    assert kept()[-1] > sizes[-1], "the verification itself is covered when it has ended"


def test_a_copy_outside_that_is_gone_is_a_problem_and_not_begun_anew(watched: Office) -> None:
    """Such as on a share that is not mounted: a file made in its place would hide that."""
    outside = watched.lakewarden.folder / "elsewhere.txt"
    outside.unlink()
    told = watched.lakewarden("audit", "verify")
    assert (told.code, told.out.startswith("NOT SOUND: ")) == (65, True)
    assert "from outside" not in told.out
    assert f"checkpoint, the log: {outside}: the copies of checkpoints that were kept there are gone" in told.out
    assert f"{outside}: expected copies of checkpoints, found none" in told.err
    assert "mounted" in told.err
    found = json.loads(watched.lakewarden("audit", "verify", "--json").out)
    assert (found["ok"], found["outside"]) == (False, 0)
    assert not outside.exists()


def test_a_place_for_copies_that_cannot_be_used_is_told_in_a_sentence(watched: Office) -> None:
    beside = watched.lakewarden.folder / "elsewhere.txt"
    for place, reason in ((beside / "checkpoints", "Not a directory"), (watched.lakewarden.folder, "Is a directory")):
        told = watched.lakewarden("audit", "verify", env={OUTSIDE: str(place)})
        assert (told.code, told.out) == (74, "")
        assert f"{place}: expected a file for copies of checkpoints, found: {reason}; set audit" in told.err
        assert "[Errno" not in told.err


def test_a_log_that_cannot_be_opened_is_verified_for_whoever_was_signed_in_and_for_nobody_else(
    office: Office,
) -> None:
    office.change(lambda connection: cut_short(connection, office.first + 8))
    verified = office.lakewarden("audit", "verify", "--json")
    assert (verified.code, verified.json["problems"][0]["seq"]) == (65, office.first + 8)
    assert "this verification is not on record: the audit log is damaged" in verified.err
    for command in (["tail"], ["export", "--format", "hec"], ["proof", "0"], ["checkpoint"]):
        ended = office.lakewarden("audit", *command)
        assert (ended.code, ended.out) == (74, ""), command
        assert "`audit verify` says where" in ended.err
    nobody = office.lakewarden("audit", "verify", env={"LAKEWARDEN_SESSION": str(office.lakewarden.folder / "none")})
    assert (nobody.code, nobody.out) == (77, "")
    assert "--file" in nobody.err


def test_a_doctor_may_not_verify_a_damaged_log(lakewarden: Lakewarden) -> None:
    office = open_office(lakewarden, "doctor")
    office.change(lambda connection: cut_short(connection, office.first + 8))
    ended = lakewarden("audit", "verify")
    assert (ended.code, ended.out) == (77, "")


def test_a_sound_copy_that_lacks_the_newest_events_is_told(office: Office, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(office.log, copy)
    assert "lacks" not in office.lakewarden("audit", "verify", "--file", str(copy)).err
    ended = office.lakewarden("audit", "verify", "--file", str(copy))
    assert (ended.code, ended.out.startswith("sound")) == (0, True)
    assert re.search(r"that file lacks the newest \d event", ended.err)
    assert "-wal" in ended.err


def test_a_copy_of_the_log_is_verified_and_that_is_on_record(office: Office, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(office.log, copy)
    assert office.json("verify", "--file", str(copy))["events"] == office.first + EVENTS
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("DROP TRIGGER event_is_final")
        edit(connection, office.first + 3)
        connection.commit()
    problem = office.json("verify", "--file", str(copy), code=65)["problems"][0]
    assert (problem["fault"], problem["seq"]) == ("event", office.first + 3)
    assert office.json("tail", "--limit", "3")[0]["count"] == office.first + EVENTS


def test_two_processes_at_once_record_everything_in_one_sound_log(office: Office) -> None:
    running = [office.lakewarden.start("audit", "search", "--user", "operator") for _ in range(6)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.count(b"trigger_run")) == (0, EVENTS), err
    report = office.json("verify")
    assert (report["ok"], report["events"]) == (True, office.first + EVENTS + 2 * len(running) + 1)


@pytest.fixture
def audit_key(office: Office) -> Path:
    (path,) = (office.lakewarden.home / "keys").glob("audit-*.key")
    return path


def test_a_key_that_others_could_read_is_refused_in_one_line(office: Office, audit_key: Path) -> None:
    audit_key.chmod(0o644)
    for command in COMMANDS:
        ended = office.lakewarden("audit", *command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1), (command, ended)
        assert "expected mode 0600, found mode 0644" in ended.err


def test_without_its_key_the_log_is_neither_read_nor_begun_anew(office: Office, audit_key: Path) -> None:
    audit_key.unlink()
    for command in COMMANDS:
        ended = office.lakewarden("audit", *command)
        assert ended.code in (74, 78), (command, ended)
        assert ended.out == ""
        assert "expected the key" in ended.err
        assert "Traceback" not in ended.err
    assert not list(audit_key.parent.glob("audit-*.key"))


def test_on_a_full_disk_nothing_is_disclosed_and_the_log_stays_sound(office: Office) -> None:
    for command in COMMANDS:
        process = office.lakewarden.start("audit", *command, largest_file=1024)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (74, b""), (command, err)
        assert b"Check that the disk is not full" in err
        assert err.count(b"\n") == 1
    assert office.json("verify")["ok"] is True


def test_a_disk_that_fills_up_while_the_log_is_open_discloses_nothing(office: Office) -> None:
    """The files open and can be read; only the append that announces the disclosure does not fit."""
    with closing(sqlite3.connect(office.log, isolation_level=None)) as holding:
        holding.execute("PRAGMA wal_autocheckpoint = 0")
        holding.execute("CREATE TABLE filler (body BLOB)")
        holding.execute("INSERT INTO filler VALUES (zeroblob(90000))")  # what is appended next lies behind it
        holding.execute("DROP TABLE filler")
        for command in (["tail"], ["search"], ["export", "--format", "cef"], ["proof", "0"], ["checkpoint"]):
            process = office.lakewarden.start("audit", *command, largest_file=90_000)
            out, err = process.communicate(timeout=60)
            assert (process.returncode, out) == (74, b""), (command, err)
            assert b"nothing is disclosed" in err
        process = office.lakewarden.start("audit", "verify", "--json", largest_file=90_000)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, json.loads(out)["ok"]) == (0, True), err
        assert b"this verification is not on record" in err


def test_seals_and_notes_stand_as_they_were_signed(office: Office) -> None:
    """What is printed passes the redaction of secrets unchanged."""
    note = office.json("checkpoint")["note"]
    signature = base64.b64decode(note.splitlines()[-1].split(" ")[-1])
    assert len(signature) == 68


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_no_look_at_a_workspace_costs_the_last_events_of_a_log_whose_file_is_gone(workspace: Path, how: str) -> None:
    """SQLite removes a write-ahead log that it finds beside an empty database."""
    with closing(opened(workspace, {}, keeper=InMemory())) as security:
        security.audit.append([run_event(security, 0)])
        body = (workspace / "audit.db-wal").read_bytes()
    (workspace / "audit.db").unlink()
    if how == "emptied":
        (workspace / "audit.db").touch()
    (workspace / "audit.db-wal").write_bytes(body)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    key_uses(settings)
    check = next(doctor_security.audit(settings))
    assert (check.ok, "audit.db-wal beside it" in check.detail) == (False, True)
    assert f"bring {workspace / 'audit.db'} back; with a backup in its place" in str(check.remedy)
    with closing(Security(settings, {}, InMemory())) as security, pytest.raises(AuditUnavailable):
        security.begin_audit()
    assert (workspace / "audit.db-wal").read_bytes() == body


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_log_that_is_missing_is_not_begun_anew_until_that_is_said_and_then_says_so_first(
    lakewarden: Lakewarden, how: str
) -> None:
    none_yet = lakewarden("audit", "begin")
    assert (none_yet.code, "found one that has had none yet" in none_yet.err) == (64, True)
    lakewarden.sign_in("auditor")
    there = lakewarden("audit", "begin")
    assert (there.code, "move audit.db, audit.db-wal and audit.db-shm aside together" in there.err) == (64, True)
    path = lakewarden.home / "audit.db"
    path.unlink()
    for name in ("audit.db-wal", "audit.db-shm"):
        lakewarden.home.joinpath(name).unlink(missing_ok=True)
    if how == "emptied":
        path.touch()
    assert lakewarden("audit", "verify").code == (74 if how == "removed" else 65)
    for command in (["audit", "tail"], ["records", "find"]):
        refused = lakewarden(*command)
        assert (refused.code, refused.out) == (74, ""), command
    assert "expected the audit log" in lakewarden("audit", "tail").err
    check = next(one for one in lakewarden("doctor", "--json").json["checks"] if one["name"] == "audit log")
    assert (check["ok"], "audit begin" in check["remedy"]) == (False, True)
    assert not path.exists() or not path.stat().st_size
    assert lakewarden("audit", "begin").code == 0
    check = next(one for one in lakewarden("doctor", "--json").json["checks"] if one["name"] == "audit log")
    assert (check["ok"], "an earlier log is missing" in check["detail"]) == (True, True)
    told = json.loads(lakewarden("audit", "tail", "--json").out)
    assert '"earlier_log_missing"' in json.dumps(told[0] if isinstance(told, list) else told["events"][0])
