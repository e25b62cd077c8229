"""Research questions: typed, only of the permitted domain, and no answer or set of answers tells a small group."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from security.errors import QuestionRefused
from security.records.practice_patients import DIAGNOSES
from security.records.research.projection import open_research, rebuild
from security.records.research.query import COLUMNS, MEASURES, Answer, Question, Research
from security.records.research.safe_harbor import Subject, de_identified
from tests.security.clinics import Clinic, filled, patients

COUNT = 420
ALL = patients(COUNT)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    yield from filled(tmp_path_factory.mktemp("clinic"), COUNT)


@pytest.fixture(scope="module")
def research(clinic: Clinic) -> Iterator[Research]:
    folder = clinic.folder
    database = open_research(folder / "research.db", lock_file=folder / "research.lock", now=clinic.clock)
    rebuild(clinic.core, database, random_bytes=os.urandom)
    yield Research(database)
    database.close()


@pytest.fixture(scope="module")
def truth(clinic: Clinic) -> list[Subject]:
    on = clinic.clock.instant.date()
    return [
        de_identified(
            domain=one.domain,
            sex=one.sex,
            birth_date=one.birth_date,
            address=one.address,
            encounters=one.encounters,
            on=on,
        )
        for one in ALL
        if one.domain == "oncology"
    ]


def ask(research: Research, by: str, measure: str = "patients", *where: str, domain: str = "oncology") -> Answer:
    return research.ask(Question.parse(domain, by, measure, where), permitted=[domain])


def test_told_groups_have_their_true_numbers(research: Research, truth: list[Subject]) -> None:
    answer = ask(research, "sex")
    assert answer.columns == ("sex", "patients")
    assert {row[0] for row in answer.rows} <= {"female", "male"}
    assert not answer.complete
    for sex, *measured in _rows_of_every_measure(research):
        told = [one.encounters for one in truth if one.sex == sex]
        assert measured == [len(told), sum(told), round(sum(told) / len(told), 2)]


def _rows_of_every_measure(research: Research) -> list[tuple[object, ...]]:
    answers = [ask(research, "sex", measure).rows for measure in ("patients", "encounters", "mean_encounters")]
    assert [[row[0] for row in rows] for rows in answers] == [[row[0] for row in answers[0]]] * 3
    return [(first[0], first[1], second[1], third[1]) for first, second, third in zip(*answers, strict=True)]


def test_a_condition_is_a_slice_of_the_table_by_both_columns(research: Research, truth: list[Subject]) -> None:
    both = {(row[0], row[1]): row[2] for row in ask(research, "sex,diagnosis").rows}
    assert both
    for sex in {key[0] for key in both}:
        rows = ask(research, "diagnosis", "patients", f"sex={sex}").rows
        assert {(sex, name): count for name, count in rows} == {k: v for k, v in both.items() if k[0] == sex}
    for (sex, name), count in both.items():
        assert count == sum((one.sex, one.diagnosis) == (sex, name) for one in truth)


def test_columns_come_in_the_order_asked(research: Research) -> None:
    first, second = ask(research, "sex,diagnosis"), ask(research, "diagnosis,sex")
    assert second.columns == ("diagnosis", "sex", "patients")
    assert sorted((row[1], row[0], row[2]) for row in second.rows) == sorted(first.rows)


def test_no_answer_at_all_tells_a_group_under_11_or_leaves_a_rest_under_11(research: Research) -> None:
    asked = 0
    for domain in DIAGNOSES:
        told = {column: _counts(ask(research, column, domain=domain)) for column in COLUMNS}
        total = ask(research, "ssn", domain=domain).rows[0][-1]
        for groups in told.values():
            _safe(list(groups.values()), total)
        for one, other in itertools.permutations(COLUMNS, 2):
            try:
                cells = ask(research, f"{one},{other}", domain=domain).rows
            except QuestionRefused:
                continue
            asked += 1
            for group, count in told[one].items():
                _safe([row[2] for row in cells if row[0] == group], count)
            assert {row[0] for row in cells} <= told[one].keys()
    assert asked == len(DIAGNOSES) * len(COLUMNS) * (len(COLUMNS) - 1)


def _counts(answer: Answer) -> dict[object, object]:
    return {row[0]: row[1] for row in answer.rows}


def _safe(told: Sequence[object], total: object) -> None:
    numbers = [int(str(number)) for number in told]
    rest = int(str(total)) - sum(numbers)
    assert all(number >= 11 for number in numbers)
    assert rest == 0 or rest >= 11


def test_every_measure_tells_the_same_groups(research: Research) -> None:
    for one, other in itertools.combinations(COLUMNS, 2):
        answers = [ask(research, f"{one},{other}", measure) for measure in MEASURES]
        assert len({tuple(row[:2] for row in answer.rows) for answer in answers}) == 1


def test_a_hidden_group_and_one_that_is_not_there_answer_alike(research: Research, truth: list[Subject]) -> None:
    hidden = {one.diagnosis for one in truth} - {str(row[0]) for row in ask(research, "diagnosis").rows}
    assert hidden
    answers = [
        ask(research, "sex", "patients", f"diagnosis={value}") for value in (min(hidden), "C99 none", "' OR 1=1 --")
    ]
    assert answers[0].rows == ()
    assert len(set(answers)) == 1


def test_the_social_security_number_is_nothing_but_the_mask(research: Research) -> None:
    assert {row[0] for row in ask(research, "ssn").rows} == {"XXX-XX-XXXX"}
    assert {row[0] for row in ask(research, "ssn,sex").rows} == {"XXX-XX-XXXX"}


def test_another_domain_than_the_permitted_is_refused(research: Research) -> None:
    question = Question("cardiology", ("sex",), "patients")
    for permitted in (["oncology"], []):
        with pytest.raises(QuestionRefused, match="permits"):
            research.ask(question, permitted=permitted)


@pytest.mark.parametrize(
    ("by", "measure", "where", "why"),
    [
        ("name", "patients", (), "by: expected one of sex"),
        ("patient_id", "patients", (), "by: expected one of sex"),
        ("sex; DROP TABLE subject", "patients", (), "by: expected one of .* found another text"),
        ("", "patients", (), "by: expected one of"),
        ("sex,sex", "patients", (), "different columns"),
        ("sex", "count(*)", (), "measure: expected one of patients"),
        ("sex", "patients", ("ssn=000-12-3456",), "where: expected one of"),
        ("sex", "patients", ("state",), "COLUMN=VALUE"),
        ("sex", "patients", ("state=OR", "state=WA"), "each column once"),
        ("sex", "patients", ("state=" + "x" * 201,), "at most 200"),
        ("sex,state", "patients", ("age_band=90+",), "at most 2 columns"),
        ("sex,state,diagnosis", "patients", (), "at most 2 columns"),
    ],
)
def test_other_questions_are_refused_with_the_reason(by: str, measure: str, where: tuple[str, ...], why: str) -> None:
    with pytest.raises(QuestionRefused, match=why) as refused:
        Question.parse("oncology", by, measure, where)
    assert "000-12-3456" not in str(refused.value)


@pytest.mark.parametrize("domain", ["", "on cology", "oncology' --", "x" * 65])
def test_a_text_that_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(QuestionRefused, match="domain"):
        Question.parse(domain, "sex", "patients")


def test_a_domain_of_few_patients_tells_nothing(tmp_path: Path) -> None:
    for clinic in filled(tmp_path, 30):
        database = open_research(tmp_path / "research.db", lock_file=tmp_path / "research.lock", now=clinic.clock)
        try:
            with pytest.raises(QuestionRefused, match="not been built yet"):
                ask(Research(database), "sex")
            rebuild(clinic.core, database, random_bytes=os.urandom)
            with pytest.raises(QuestionRefused, match="fewer than 11"):
                ask(Research(database), "sex")
            assert Research(database).domains() == []
        finally:
            database.close()


def test_the_domains_that_can_be_asked_about(research: Research) -> None:
    assert research.domains() == sorted(DIAGNOSES)
