"""`lakewarden research`: aggregates of one's own domain alone, small groups hidden, and the rebuilding."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.cli.parser import build_parser
from security.audit.event import Kind, Outcome
from security.errors import AuditUnavailable, QuestionRefused
from security.policy.columns import IDENTIFYING
from security.records.research.query import COLUMNS, CONSTANT, MEASURES, Question
from security.records.research.suppression import SMALLEST
from tests.conftest import Lakewarden
from tests.console.desk import Desk, desk_at, identifiers_of
from tests.practice import prepare

USERS = (
    "doctor", "doctor-nights", "auditor", "operator", "officer", "partner", "guest", "nobody signed in",
    "data-scientist", "data-scientist-cardiology",
)  # fmt: skip
DOMAIN_OF = {"data-scientist": "oncology", "data-scientist-cardiology": "cardiology"}
BY_SEX = ("--by", "sex", "--measure", "patients")


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


@pytest.mark.parametrize("user", USERS)
def test_a_data_scientist_asks_the_own_domain_and_nobody_else_any(desk: Desk, user: str) -> None:
    if user in DOMAIN_OF or user != "nobody signed in":
        desk.sit_down(user)
    for domain in ("oncology", "cardiology", "neurology", "no-such-domain"):
        ended = desk("research", "query", domain, *BY_SEX)
        assert ended.code == (0 if DOMAIN_OF.get(user) == domain else 77), ended
        assert (ended.out != "") == (ended.code == 0)
    listed = desk("research", "domains")
    assert (listed.code, listed.out) == ((0, f"{DOMAIN_OF[user]}\n") if user in DOMAIN_OF else (77, ""))


def test_the_help_names_the_columns_that_are_taken_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["research", "query", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert f"{', '.join((*COLUMNS, CONSTANT))}; ssn is nothing but the mask" in told
    assert "of any of those but ssn" in told
    with pytest.raises(QuestionRefused, match=f"^by: expected one of {', '.join((*COLUMNS, CONSTANT))}, found foo$"):
        Question.parse("oncology", "foo", "patients")
    with pytest.raises(QuestionRefused, match=f"^where: expected one of {', '.join(COLUMNS)}, found ssn$"):
        Question.parse("oncology", "sex", "patients", ["ssn=1"])
    assert ", ".join(MEASURES) in told


@pytest.mark.parametrize("guests", ["true", "false"])
def test_without_a_session_nobody_is_told_even_that_there_is_no_domain(lakewarden: Lakewarden, guests: str) -> None:
    """Neither in a workspace that is new, nor where the projection has not been built."""
    for is_new in (True, False):
        if not is_new:
            prepare(lakewarden.home)
        (lakewarden.home / "research.db").unlink(missing_ok=True)
        ended = lakewarden("research", "domains", "--json", env={"LAKEWARDEN_ACCESS__ALLOW_GUEST": guests})
        assert (ended.code, ended.out) == (77, "")
        assert "not signed in: query_research is for data_scientist" in ended.err


@pytest.mark.parametrize("emptied", ["subject", "patient"])
def test_before_there_is_a_domain_to_ask_about_the_role_decides_who_is_told_so(desk: Desk, emptied: str) -> None:
    for database, sql in (
        (desk.security.research, "DELETE FROM subject"),
        (desk.security.clinical.database, "DELETE FROM patient" if emptied == "patient" else "SELECT 1"),
    ):
        with database.transaction() as connection:
            connection.execute(sql)
    for user in USERS:
        desk.security.seat.leave()
        if user != "nobody signed in":
            desk.sit_down(user)
        listed = desk("research", "domains")
        assert (listed.code, listed.out) == (0 if user in DOMAIN_OF else 77, ""), user
        assert ("there is no domain" in listed.err) is (user in DOMAIN_OF), user


def test_an_answer_counts_the_patients_and_hides_small_groups(desk: Desk) -> None:
    stored = Counter(one.columns["sex"] for one in desk.records() if one.columns["domain"] == "oncology")
    desk.sit_down("data-scientist")
    answer = desk("research", "query", "oncology", *BY_SEX, "--json").json
    assert set(answer) == {"columns", "rows", "complete", "built_at", "smallest_group"}
    assert (answer["columns"], answer["smallest_group"]) == (["sex", "patients"], SMALLEST)
    assert answer["rows"]
    assert all(count == stored[sex] >= SMALLEST for sex, count in answer["rows"])
    assert answer["complete"] is (len(answer["rows"]) == len(stored))
    text = desk("research", "query", "oncology", *BY_SEX)
    assert text.out.splitlines()[0].split() == ["sex", "patients"]
    assert ("may be hidden" in text.err) is not answer["complete"]
    assert str(SMALLEST) in text.err


def test_a_condition_narrows_an_answer(desk: Desk) -> None:
    desk.sit_down("data-scientist")
    asked = ("research", "query", "oncology", "--by", "state", "--measure", "encounters", "--json")
    both = {row[0]: row[1] for row in desk(*asked).json["rows"]}
    narrow = desk(*asked, "--where", "sex=male").json["rows"]
    assert narrow
    assert all(count < both.get(state, 1_000_000) for state, count in narrow)


def test_the_ssn_of_the_projection_is_the_mask(desk: Desk) -> None:
    desk.sit_down("data-scientist")
    answer = desk("research", "query", "oncology", "--by", "ssn", "--measure", "patients", "--json").json
    assert [row[0] for row in answer["rows"]] == ["XXX-XX-XXXX"]
    text = desk("research", "query", "oncology", "--by", "ssn", "--measure", "patients")
    assert text.err.startswith(f"lakewarden: all groups are shown, each of at least {SMALLEST} patients; as of ")


def test_a_condition_that_nobody_meets_is_told_in_words(desk: Desk) -> None:
    desk.sit_down("data-scientist")
    asked = ("research", "query", "oncology", "--by", "sex", "--measure", "patients", "--where", "sex=femal")
    ended = desk(*asked)
    assert (ended.code, ended.out) == (0, "")
    assert f"no group of oncology has sex = femal, or it is hidden: under {SMALLEST} patients" in ended.err
    assert (desk(*asked, "--json").json["rows"], desk(*asked, "--json").err) == ([], "")


def test_a_domain_that_there_is_not_is_refused_with_the_own_to_those_who_have_one_alone(desk: Desk) -> None:
    desk.sit_down("data-scientist")
    ended = desk("research", "query", "nope", *BY_SEX)
    assert (ended.code, ended.out) == (77, "")
    assert ended.err == "lakewarden: expected a research domain: oncology; found nope\n"
    for user in ("operator", "nobody signed in"):
        if user == "operator":
            desk.sit_down(user)
        else:
            desk.security.seat.leave()
        assert desk("research", "query", "nope", *BY_SEX) == desk("research", "query", "cardiology", *BY_SEX)


@pytest.mark.parametrize(
    "column", [*(column for column in IDENTIFYING if column != "ssn"), "patient_id", "1; DROP TABLE subject", "*"]
)
def test_a_column_that_research_does_not_have_is_64(desk: Desk, column: str) -> None:
    desk.sit_down("data-scientist")
    for words in (["--by", column], ["--by", "sex", "--where", f"{column}=x"]):
        ended = desk("research", "query", "oncology", *words, "--measure", "patients")
        assert (ended.code, ended.out) == (64, ""), ended


@pytest.mark.parametrize(
    "words",
    [
        ["--by", "", "--measure", "patients"],
        ["--by", "sex,sex", "--measure", "patients"],
        ["--by", "sex,state,age_band", "--measure", "patients"],
        ["--by", "sex", "--measure", "names"],
        ["--by", "sex", "--measure", "patients", "--where", "sex"],
        ["--by", "sex"],
        ["--measure", "patients"],
    ],
)
def test_what_is_no_question_is_64(desk: Desk, words: list[str]) -> None:
    desk.sit_down("data-scientist")
    ended = desk("research", "query", "oncology", *words)
    assert (ended.code, ended.out) == (64, "")
    assert len(ended.err.splitlines()) == 1


def test_a_question_is_recorded_before_and_after(desk: Desk) -> None:
    desk.sit_down("data-scientist")
    before = desk.size()
    rows = desk("research", "query", "oncology", *BY_SEX, "--json").json["rows"]
    intent, done = desk.events(before)
    assert [(one.outcome, one.kind, one.action, one.resource) for one in (intent, done)] == [
        (Outcome.INTENT, Kind.QUERY, "query_research", "dataset:oncology"),
        (Outcome.DONE, Kind.QUERY, "query_research", "dataset:oncology"),
    ]
    assert (intent.principal, intent.columns, done.count) == ("data-scientist", (), len(rows))


@pytest.mark.parametrize("written", [0, 1])
def test_no_answer_is_shown_if_the_audit_log_cannot_be_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    desk.sit_down("data-scientist")
    append, appended = desk.security.audit.append, list[object]()

    def failing(events: object) -> object:
        if len(appended) == written:
            raise AuditUnavailable("the audit log cannot be written")
        appended.append(events)
        return append(events)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.security.audit, "append", failing)
    ended = desk("research", "query", "oncology", *BY_SEX)
    assert (ended.code, ended.out) == (74, "")


def test_a_rebuild_is_the_programs_own_and_tells_what_the_records_hold_now(desk: Desk) -> None:
    patient = next(one.patient_id for one in desk.records() if one.columns["domain"] == "oncology")
    before = desk.size()
    done = desk("research", "rebuild", "--json").json
    assert done["subjects"] == desk.security.admission.count()
    told = [event for event in desk.events(before) if event.action == "rebuild_projection"]
    assert {event.principal for event in told} == {"service"}
    assert (told[0].outcome, told[-1].outcome) == (Outcome.INTENT, Outcome.DONE)
    assert {"dataset:oncology", "dataset:cardiology", "dataset:neurology"} <= {event.resource for event in told}
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("DELETE FROM patient WHERE patient_id = ?", (patient,))
    assert desk("research", "rebuild").out.startswith(f"{done['subjects'] - 1} subjects")


def test_the_projection_holds_nobody(desk: Desk, workspace: Path) -> None:
    assert desk("research", "rebuild").code == 0
    secrets = identifiers_of(desk.records())
    with closing(sqlite3.connect(workspace / "research.db")) as connection:
        cells = {str(cell) for row in connection.execute("SELECT * FROM subject") for cell in row}
    assert not cells & {value for values in secrets.values() for value in values}
    assert not cells & {one.patient_id for one in desk.records()}


def test_a_rebuild_in_a_new_practice_workspace_makes_its_patients_first(lakewarden: Lakewarden) -> None:
    assert lakewarden("init").code == 0
    assert lakewarden("research", "rebuild", "--json").json["subjects"] == 420


def test_a_rebuild_in_an_empty_production_workspace_has_no_subjects(lakewarden: Lakewarden) -> None:
    assert lakewarden("init", "--production").code in (0, 64, 77)  # it may want a terminal for the first officer
    ended = lakewarden("research", "rebuild", "--json")
    assert (ended.code, ended.json["subjects"]) == (0, 0), ended


def test_a_broken_cell_keeps_the_projection_there_is(desk: Desk) -> None:
    desk.sit_down("data-scientist")
    before = desk("research", "query", "oncology", *BY_SEX, "--json").json
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("UPDATE patient SET birth_date = address WHERE patient_id = 'P0001'")
    ended = desk("research", "rebuild")
    assert (ended.code, ended.out) == (65, "")
    assert "patient.birth_date of P0001" in ended.err
    assert desk("research", "query", "oncology", *BY_SEX, "--json").json == before
