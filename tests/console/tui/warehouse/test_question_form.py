"""Saved questions: the list with the files that are none, the form of the parameters, and keeping a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from textual.widgets import Input

from console.tui.screens.dialogs import Confirm
from console.tui.warehouse.editor.question_form import Answers, QuestionForm, problem_of, uses_as_of
from console.tui.warehouse.editor.question_list import ChosenQuestion, QuestionList
from console.tui.warehouse.editor.question_save import SaveQuestion
from tests.console.tui.warehouse.editor_app import EditorApp
from tests.console.tui.workspaces import until
from warehouse.errors import DataRefused, QueryRefused
from warehouse.question_draft import Draft, checked, draft_of, file_name, keep
from warehouse.question_files import Question, builtin_questions, question_of, user_questions
from warehouse.questions import Questions

TEXT = """-- title: Sales of one region
-- parameter: region text = North | the region to look at
-- parameter: least integer
-- parameter: share number = 0.5
-- parameter: since date = 2026-01-01
SELECT :region, :least, :share, :since, :as_of_year
"""
LAST_DAY = date(2026, 10, 31)


@pytest.fixture
def question() -> Question:
    return question_of("one-region", TEXT)


def values(app: EditorApp) -> Mapping[str, str]:
    return {str(field.name): field.value for field in app.screen.query(Input)}


async def test_defaults_are_filled_in_and_the_last_day_is_shown(tmp_path: Path, question: Question) -> None:
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)):
        app.open(QuestionForm(question, lambda: LAST_DAY))
        await until(lambda: "2026-10-31, the last day with sales" in app.shown(), "the day")
        assert values(app) == {"as-of": "", "region": "North", "least": "", "share": "0.5", "since": "2026-01-01"}
        assert "the region to look at" in app.shown()


async def test_what_is_wrong_stands_at_its_field_and_nothing_is_asked(tmp_path: Path, question: Question) -> None:
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 40)) as pilot:
        app.open(QuestionForm(question, lambda: LAST_DAY))
        await until(lambda: isinstance(app.screen, QuestionForm), "the form")
        await pilot.press(*"31.10.2026", "enter")
        await until(lambda: "expected a date YYYY-MM-DD or nothing, found '31.10.2026'" in app.shown(), "the date")
        assert "expected a whole number, found nothing" in app.shown()
        assert app.results == []
        assert isinstance(app.focused, Input)
        assert app.focused.name == "as-of"
        app.focused.value = "2026-02-28"
        await pilot.press("enter")
        await until(lambda: "expected a date" not in app.shown(), "the date is right")
        assert isinstance(app.focused, Input)
        assert app.focused.name == "least"
        await pilot.press("7", "enter")
        await until(lambda: app.results, "the answers")
        given = {"region": "North", "least": "7", "share": "0.5", "since": "2026-01-01"}
        assert app.results == [Answers(date(2026, 2, 28), given)]


async def test_a_question_without_parameters_asks_for_the_day_alone(tmp_path: Path) -> None:
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open(QuestionForm(builtin_questions()["revenue-by-category"], lambda: LAST_DAY))
        await until(lambda: isinstance(app.screen, QuestionForm), "the form")
        await pilot.press("enter")
        await until(lambda: app.results, "the answers")
        assert app.results == [Answers(None, {})]


async def test_without_sales_the_form_says_so_and_still_works(tmp_path: Path, question: Question) -> None:
    def no_day() -> date:
        raise DataRefused("there are no sales yet")

    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 40)) as pilot:
        app.open(QuestionForm(question, no_day))
        await until(lambda: "there are no sales yet" in app.shown(), "the reason")
        await pilot.press("escape")
        await until(lambda: app.results == [None], "closed")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("least", "7", ""), ("least", "7.5", "expected a value of type integer"), ("least", str(2**63), "expected"),
        ("share", "x", "expected a value of type number"), ("share", "", "found nothing"), ("region", "", ""),
        ("city", "", "expected text, found nothing"), ("city", " ", ""), ("city", "Leeds", ""),
        ("since", "2026-02-30", "expected a date"), ("as-of", "", ""), ("as-of", "tomorrow", "expected a date"),
    ],
)  # fmt: skip
def test_each_kind_is_checked(name: str, text: str, told: str) -> None:
    question = question_of("one-city", f"-- parameter: city text\n{TEXT} WHERE :city")
    problem = problem_of(question, name, text)
    assert problem.startswith(told) or told in problem
    assert bool(problem) == bool(told)


def test_the_as_of_date_matters_only_where_it_is_used(question: Question) -> None:
    assert uses_as_of(question)
    assert not uses_as_of(question_of("plain", "-- title: t\nSELECT 1"))


# ---- the list --------------------------------------------------------------------------------------------------------


async def test_bad_files_are_listed_with_their_problem(tmp_path: Path) -> None:
    folder = tmp_path / "questions"
    folder.mkdir()
    (folder / "one-region.sql").write_text(TEXT)
    (folder / "broken.sql").write_text("SELECT 1")
    app = EditorApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.open(QuestionList(Questions(folder).all))
        await until(lambda: "broken.sql" in app.shown(), "the list")
        assert "it has no title" in app.shown()
        assert "top-store-last-month" in app.shown()
        await pilot.press(*"broken", "enter")
        await until(lambda: "This file is no question" in app.shown(), "the reason")
        assert app.results == []
        await pilot.press(*["backspace"] * 6, *"one region")
        await until(lambda: "Asks for region, least, share, since" in app.shown(), "the parameters")
        await pilot.press("ctrl+e")
        await until(lambda: app.results, "the choice")
        assert app.results == [ChosenQuestion(question_of("one-region", TEXT), as_text=True)]


async def test_enter_asks_the_selected_question(tmp_path: Path) -> None:
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open(QuestionList(Questions(tmp_path / "none").all))
        await until(lambda: "top-store-last-month" in app.shown(), "the list")
        await pilot.press("down", "enter")
        await until(lambda: app.results, "the choice")
        assert app.results == [ChosenQuestion(builtin_questions()["top-products-by-region"])]


# ---- keeping one -----------------------------------------------------------------------------------------------------


async def test_a_statement_is_kept_as_a_question_that_the_loader_takes(tmp_path: Path) -> None:
    folder = tmp_path / "questions"
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        draft = draft_of("SELECT :city, :as_of")
        app.open(SaveQuestion(draft, lambda name, draft, *, replace=False: keep(folder, name, draft, replace=replace)))
        await until(lambda: isinstance(app.screen, SaveQuestion), "the form")
        await pilot.press("enter")
        await until(lambda: "A question needs a description" in app.shown(), "what is missing")
        await pilot.press(*"Sales of a city")
        await until(lambda: "sales-of-a-city" in app.shown(), "the name")
        app.screen.query_one("#save-parameter-0", Input).value = "text = Oslo | the city"
        await pilot.press("enter")
        await until(lambda: app.results, "the file")
        assert app.results == [folder / "sales-of-a-city.sql"]
    found, bad = user_questions(folder)
    assert not bad
    assert found["sales-of-a-city"].title == "Sales of a city"
    assert found["sales-of-a-city"].parameters[0].default == "Oslo"
    assert (folder / "sales-of-a-city.sql").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["sales-of-a-city.sql"]


async def test_a_file_is_replaced_only_where_that_is_confirmed(tmp_path: Path) -> None:
    folder = tmp_path / "questions"
    path = keep(folder, "mine", Draft("Old", "SELECT 1", {}))
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        draft = Draft("Mine", "SELECT 2", {})
        app.open(SaveQuestion(draft, lambda name, draft, *, replace=False: keep(folder, name, draft, replace=replace)))
        for key in ("n", "y"):
            await until(lambda: isinstance(app.screen, SaveQuestion), "the form")
            await pilot.press("enter")
            await until(lambda: isinstance(app.screen, Confirm), "the question")
            assert "SELECT 1" in path.read_text()
            await pilot.press(key)
        await until(lambda: app.results, "the file")
        assert "SELECT 2" in path.read_text()


@pytest.mark.parametrize(
    ("name", "draft", "told"),
    [
        ("Bad Name", Draft("t", "SELECT 1", {}), "lower-case"),
        ("../up", Draft("t", "SELECT 1", {}), "lower-case"),
        ("top-store-last-month", Draft("t", "SELECT 1", {}), "comes with the program"),
        ("x", Draft(" ", "SELECT 1", {}), "description"),
        ("x", Draft("t", "SELECT :a", {}), "no `-- parameter:` line"),
        ("x", Draft("t", "SELECT :a", {"a": "a colour"}), "type 'colour'"),
        ("x", Draft("t", "DROP TABLE y", {}), "only one SELECT"),
    ],
)
def test_what_the_loader_would_refuse_is_not_written(tmp_path: Path, name: str, draft: Draft, told: str) -> None:
    with pytest.raises(QueryRefused, match=told):
        checked(name, draft)
    with pytest.raises(QueryRefused):
        keep(tmp_path / "questions", name, draft)
    assert not (tmp_path / "questions").exists()


def test_a_statement_with_a_header_keeps_it() -> None:
    draft = draft_of(TEXT)
    assert draft.title == "Sales of one region"
    assert draft.parameters["region"] == "region text = North | the region to look at"
    assert question_of("again", draft.text) == question_of("again", TEXT)
    assert draft_of("-- title: t\n-- a remark\nSELECT 1").sql == "-- a remark\nSELECT 1"
    with pytest.raises(QueryRefused, match="line 2, column 1") as refused:
        draft_of("-- title: t\nDROP TABLE x")
    assert refused.value.position == 12
    assert Draft("two\nlines -- title: x", "SELECT 1", {}).text.splitlines()[0] == "-- title: two lines -- title: x"


def test_names_are_made_from_titles() -> None:
    assert file_name("Sales of Ünï & a city!") == "sales-of-n-a-city"
    assert file_name("") == ""


async def test_a_choice_names_its_values_completes_one_and_takes_no_other(tmp_path: Path) -> None:
    text = "-- title: x\n-- parameter: level choice(gold, silver) | whose sales\nSELECT :level"
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open(QuestionForm(question_of("x", text), lambda: LAST_DAY))
        await until(lambda: "one of gold, silver; whose sales" in app.shown(), "the field")
        await pilot.press("t", "enter")
        await until(lambda: "expected one of gold, silver, found 't'" in app.shown(), "the refusal")
        await pilot.press("backspace", "s")
        await until(lambda: app.screen.query_one(Input)._suggestion == "silver", "the completion")
        await pilot.press("right", "enter")
        await until(lambda: bool(app.results), "the answers")
        assert app.results == [Answers(None, {"level": "silver"})]
