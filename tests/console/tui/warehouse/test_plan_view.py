"""The plan of a statement: what answers it and why, the steps with their cost, the SQL; read, scrolled and copied."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from console.tui.theme import DARK, tones
from console.tui.warehouse.editor.plan_view import SIGNS, PlanView, plan_text
from tests.console.tui.warehouse.editor_app import EditorApp
from tests.console.tui.workspaces import until
from warehouse.errors import QueryRefused
from warehouse.explain import Explanation, PlanNode

PLAN = Explanation(
    "Sales_Transactions_Table",
    "answered from the facts because no aggregate keeps customer_id",
    (
        PlanNode("works out recent and keeps it", None, "part", (
            PlanNode("scans Sales_Transactions_Table: 10,000,000 rows", 10_000_000, "scan", ()),
            PlanNode("looks up Store_Table by its key", 40, "cheap", ()),
        )),
        PlanNode("sorts", None, "sort", ()),
    ),
    "SELECT [red], '\x1b[31m' FROM Sales_Transactions_Table ORDER BY 1",
)  # fmt: skip


def lines(width: int = 70, *, unicode: bool = True) -> list[str]:
    return plan_text(PLAN, DARK, width=width, unicode=unicode).plain.splitlines()


def test_the_steps_are_a_tree_with_signs_and_rows() -> None:
    found = lines()
    assert found[:2] == ["Answered from Sales_Transactions_Table", PLAN.because]
    assert found[3:7] == [
        "· works out recent and keeps it",
        "  ≡ scans Sales_Transactions_Table: 10,000,000 rows",
        "  ✔ looks up Store_Table by its key: 40 rows",
        "↕ sorts",
    ]


def test_every_cost_has_a_sign_of_its_own_in_ascii_too() -> None:
    assert len({sign for sign, *_ in SIGNS.values()}) == len(SIGNS)
    ascii_signs = {one[1] for one in SIGNS.values()}
    assert len(ascii_signs) == len(SIGNS)
    assert all(sign.isascii() for sign in ascii_signs)
    assert lines(unicode=False)[4] == "  = scans Sales_Transactions_Table: 10,000,000 rows"


def test_a_step_that_reads_very_many_rows_stands_out() -> None:
    text = plan_text(PLAN, DARK, width=70, unicode=True)
    at = text.plain.index("scans Sales")
    assert any(span.start <= at < span.end and span.style == tones(DARK)["bad-strong"] for span in text.spans)


def test_long_steps_are_wrapped_below_their_beginning() -> None:
    found = lines(width=36)
    assert found[4:6] == ["  ≡ scans Sales_Transactions_Table:", "    10,000,000 rows"]


def test_a_reason_that_repeats_the_table_is_shown_once() -> None:
    plan = Explanation("T", "answered from T because it is the smallest", (), "SELECT 1")
    assert plan_text(plan, DARK, width=70, unicode=True).plain.splitlines()[:2] == [
        "Answered from T", "because it is the smallest",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
async def test_it_is_shown_scrolled_copied_and_closed(tmp_path: Path, size: tuple[int, int]) -> None:
    app = EditorApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        app.open(PlanView(lambda _stop: PLAN))
        await until(lambda: "Answered from Sales_Transactions_Table" in app.shown(), "the plan")
        assert "\x1b" not in app.shown()
        plan = app.screen.query_one("#plan")
        await until(lambda: plan.max_scroll_y or "ORDER BY 1" in app.shown(), "the layout")
        await pilot.press("end")
        await until(lambda: "ORDER BY 1" in app.shown(), "the SQL")
        await pilot.press("y")
        await until(lambda: "Sent to the terminal's clipboard" in app.shown(), "the note")
        assert "= scans Sales_Transactions_Table: 10,000,000 rows" in app.clipboard
        await pilot.press("enter")
        await until(lambda: app.results == [None], "closed")


async def test_escape_stops_what_takes_long(tmp_path: Path) -> None:
    stopped = threading.Event()

    def load(stop: threading.Event) -> Explanation:
        if stop.wait(20):
            stopped.set()
        return PLAN

    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open(PlanView(load))
        await until(lambda: "Esc stops" in app.shown(), "the dialog")
        await pilot.press("y", "escape")
        await until(lambda: app.results == [None], "closed")
        await until(stopped.is_set, "the end of the work")


async def test_a_statement_that_cannot_be_explained_gives_its_error(tmp_path: Path) -> None:
    def load(_stop: threading.Event) -> Explanation:
        raise QueryRefused("there is no such table", position=7)

    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)):
        app.open(PlanView(load))
        await until(lambda: bool(app.results), "closed")
        (error,) = app.results
        assert isinstance(error, QueryRefused)
        assert error.position == 7
