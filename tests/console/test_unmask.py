"""Customers' names and addresses in clear: on request, by decision, on record before and after, and for one query."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.actions.gate import Gate
from console.actions.permissions import FreshCodeNeeded, PermissionDenied
from console.actions.seat import InMemory
from console.actions.warehouse_queries import Asked, WarehouseQueries
from console.wiring.cells import VaultCells
from console.wiring.customer_guard import CustomerGuard
from console.wiring.security import Security
from console.wiring.warehouse import FILE, warehouse_actions
from console.wiring.warehouse_queries import warehouse_queries
from security.audit.event import Event, Kind, Outcome
from security.errors import AuditUnavailable
from security.policy.model import Action
from tests import practice
from tests.conftest import Lakewarden, SteppableClock
from warehouse.browser import Browser
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.masking import UNREADABLE
from warehouse.models import MASK
from warehouse.opened import Opened
from warehouse.ports import Showing
from warehouse.shaping import Order, Shape, parse_condition

NAMES = "SELECT customer_id, customer_name, address FROM Customer_Table"
MORE = (
    "SELECT c.customer_name, f.transaction_id FROM Sales_Transactions_Table f JOIN Customer_Table c USING (customer_id)"
)
FIRST = "Practice Customer 000001"


class Desk:
    """A person at the warehouse of a practice workspace, at a time that passes when told."""

    def __init__(self, home: Path, clock: SteppableClock) -> None:
        self.clock = clock
        self.security = practice.opened(home, {}, keeper=InMemory(), clock=clock)
        self.queries = self.queries_of(self.security.gate)

    def queries_of(self, gate: Gate | None) -> WarehouseQueries:
        return warehouse_queries(self.security.settings, permissions=gate)

    def recorded(self, after: int) -> list[tuple[str, Outcome]]:
        """(action, outcome) of what was recorded since the log had `after` events."""
        events = [found.event for found in self.security.audit.tail(after=after - 1)]
        return [(event.action, event.outcome) for event in events]

    @property
    def size(self) -> int:
        return len(self.security.audit.tail(after=-1, limit=10_000))

    def close(self) -> None:
        self.queries.close()
        self.security.close()


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    made = Desk(workspace, SteppableClock(datetime.now(UTC).replace(microsecond=0)))
    warehouse_actions(made.security.settings).build(rows=600)
    yield made
    made.close()


@pytest.fixture
def operator(desk: Desk) -> Desk:
    practice.sit_down(desk.security, "operator")
    return desk


def first_cells(opened: Opened, column: int = 1) -> set[object]:
    return {row[column] for row in opened.result.first}


def test_clear_columns_are_decided_and_on_record_around_the_query(operator: Desk) -> None:
    before = operator.size
    answer = operator.queries.sql(NAMES, Asked(), unmask=True).answer
    assert answer.rows[0][1] == FIRST
    assert answer.rows[0][2] != MASK
    assert operator.recorded(before) == [
        ("unmask_customer", Outcome.INTENT),
        ("query_warehouse", Outcome.INTENT),
        ("query_warehouse", Outcome.DONE),
        ("unmask_customer", Outcome.DONE),
    ]
    (event,) = [e.event for e in operator.security.audit.tail(after=before - 1)][:1]
    assert set(event.columns) == {"customer_name", "address"}


def test_one_that_cannot_be_put_on_record_ends_the_query_with_the_reason(
    operator: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(operator.security.settings.home / FILE)) as thief, thief:
        thief.execute("UPDATE Customer_Table SET customer_name = address WHERE customer_id = 1")

    def no_room(_: object) -> None:
        raise AuditUnavailable("nothing can be recorded: no room")

    monkeypatch.setattr("security.disclosure.Record.append_broken", no_room)
    with pytest.raises(AuditUnavailable, match="no room"):
        operator.queries.sql(NAMES, Asked(), unmask=True)


def test_a_cell_that_does_not_open_is_told_apart_and_on_record_once(operator: Desk) -> None:
    with closing(sqlite3.connect(operator.security.settings.home / FILE)) as thief, thief:
        thief.execute("UPDATE Customer_Table SET customer_name = address WHERE customer_id <= 2")
    before = operator.size
    assert operator.queries.sql(NAMES, Asked(), unmask=True).answer.rows[0][1] == UNREADABLE
    assert operator.recorded(before)[2] == ("open_sealed", Outcome.FAILED)
    assert [action for action, _ in operator.recorded(before)].count("open_sealed") == 1
    (told,) = [one.event for one in operator.security.audit.tail(after=before - 1) if one.event.code == "seal_broken"]
    assert (told.kind, told.principal, told.resource) == (Kind.KEY, "operator", "warehouse")


def test_without_asking_for_it_an_operator_sees_the_mask(operator: Desk) -> None:
    assert {row[1:] for row in operator.queries.sql(NAMES, Asked()).answer.rows} == {(MASK, MASK)}
    assert ("unmask_customer", Outcome.INTENT) not in operator.recorded(0)


def test_an_old_code_must_be_renewed_and_nothing_else_is_on_record_for_it(operator: Desk) -> None:
    operator.clock.advance(601)
    before = operator.size
    with pytest.raises(FreshCodeNeeded):
        operator.queries.open(NAMES, unmask=True)
    assert operator.recorded(before) == [("unmask_customer", Outcome.REFUSED)]
    code = practice.account_of(operator.security, "operator").code
    assert code is not None
    seat = operator.security.seat
    operator.security.credentials.step_up(seat.token, code, seat.source, now=operator.security.now())
    with closing(operator.queries.open(NAMES, unmask=True).result) as result:
        assert result.first[0][1] == FIRST


@pytest.mark.parametrize("user", [None, "data-scientist", "auditor", "officer", "doctor-nights"])
def test_nobody_else_sees_them(desk: Desk, user: str | None) -> None:
    if user is not None:
        practice.sit_down(desk.security, user)
    for ask in (
        lambda: desk.queries.sql(NAMES, Asked(), unmask=True),
        lambda: desk.queries.open(NAMES, unmask=True),
        lambda: desk.queries.ask("revenue-by-category", Asked(), unmask=True),
        lambda: desk.queries.open_question("revenue-by-category", unmask=True),
    ):
        with pytest.raises(PermissionDenied, match="unmask_customer"):
            ask()


def test_the_program_itself_never_opens_a_cell(desk: Desk) -> None:
    service = desk.queries_of(None)
    assert {row[1] for row in service.sql(NAMES, Asked(), unmask=True).answer.rows} == {MASK}
    guard = CustomerGuard(None)
    assert guard.showing("Customer_Table", "customer_name") is Showing.MASKED


def test_a_grant_of_another_action_clears_nothing(operator: Desk) -> None:
    with operator.security.gate.use(Action.UNMASK_CUSTOMER, "warehouse") as grant:
        assert CustomerGuard(grant).showing("Customer_Table", "address") is Showing.CLEAR
        assert CustomerGuard(grant).showing("Store_Table", "address") is Showing.MASKED
        assert CustomerGuard(replace(grant, action=Action.VIEW_RECORD)).showing("Customer_Table", "address") is (
            Showing.MASKED
        )


def test_no_session_that_opens_cells_is_kept_for_another_query(operator: Desk) -> None:
    for _ in range(4):
        clear = operator.queries.open(NAMES, unmask=True)
        masked = operator.queries.open(NAMES)
        assert (clear.unmasked, masked.unmasked) == (True, False)
        assert FIRST in first_cells(clear)
        assert first_cells(masked) == {MASK}
        clear.result.close()
        masked.result.close()
        with closing(operator.queries.open(NAMES).result) as next_one:
            assert {row[1] for row in next_one.first} == {MASK}


def test_further_pages_are_of_the_same_use_and_clear(operator: Desk) -> None:
    opened = operator.queries.open(MORE, unmask=True)
    operator.clock.advance(601)
    before = operator.size
    with closing(opened.result) as result:
        assert MASK not in {row[0] for row in result.window(300, 50)}
        assert MASK not in {row[0] for row in result.last(50)}
    assert operator.recorded(before) == []


def test_sorting_filtering_and_summing_up_what_is_clear_is_decided_anew(operator: Desk) -> None:
    opened = operator.queries.open(NAMES, unmask=True)
    shape = Shape(order=(Order(1, descending=True),), conditions=(parse_condition(1, "customer 00000"),))
    shaped = operator.queries.reshape(opened, shape)
    assert shaped.unmasked
    assert [row[1] for row in shaped.result.first] == [f"Practice Customer {n:06}" for n in range(9, 0, -1)]
    assert operator.queries.facets(opened, 1).distinct > 1
    operator.clock.advance(601)
    for again in (
        lambda: operator.queries.reshape(opened, shape),
        lambda: operator.queries.facets(opened, 1),
        lambda: operator.queries.summary(opened, 1),
    ):
        with pytest.raises(FreshCodeNeeded):
            again()
    shaped.result.close()
    opened.result.close()


@pytest.mark.parametrize("sql", [NAMES, MORE])
def test_an_export_of_a_clear_result_is_masked(operator: Desk, sql: str) -> None:
    opened = operator.queries.open(sql, unmask=True)
    with closing(opened.result):
        done = operator.queries.export(opened, "csv")
    text = done.path.read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert len(rows) - 1 == done.rows
    assert done.rows > 0
    assert "Practice Customer" not in text
    assert MASK in text


def test_other_engines_and_the_weather_open_no_cell(operator: Desk) -> None:
    before = operator.size
    for ask in (
        lambda: operator.queries.sql(NAMES, Asked(engine="duckdb"), unmask=True),
        lambda: operator.queries.ask("revenue-by-category", Asked(engine="spark"), unmask=True),
        lambda: operator.queries.open("SELECT 1", database="weather", unmask=True),
    ):
        with pytest.raises(QueryRefused, match="sqlite"):
            ask()
    assert operator.recorded(before) == []


class FailsAt:
    """An audit log whose disk is full when events of one outcome come; it keeps what it was given before."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.kept: list[Event] = []

    def append(self, events: Sequence[Event], /) -> object:
        if any(event.outcome is self.outcome for event in events):
            raise AuditUnavailable("the audit log cannot be written")
        self.kept += events
        return None


def gate_with(security: Security, sink: FailsAt) -> Gate:
    access = security.access
    return Gate(replace(access, recorder=replace(access.recorder, sink=sink)), security.seat)


def test_what_cannot_be_recorded_opens_no_cell(operator: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(VaultCells, "open", lambda *_, **place: asked.append(place["row"]))
    queries = operator.queries_of(gate_with(operator.security, FailsAt(Outcome.INTENT)))
    for unmask in (True, False):
        with pytest.raises(AuditUnavailable):
            queries.sql(NAMES, Asked(), unmask=unmask)
        with pytest.raises(AuditUnavailable):
            queries.open(NAMES, unmask=unmask)
    assert asked == []


def test_an_answer_whose_outcome_cannot_be_recorded_is_not_handed_out(
    operator: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FailsAt(Outcome.DONE)
    queries = operator.queries_of(gate_with(operator.security, sink))
    with pytest.raises(AuditUnavailable):
        queries.sql(NAMES, Asked(), unmask=True)
    opened: list[Opened] = []
    browse = Browser.open

    def watched(browser: Browser, text: str, **how: Any) -> Opened:
        opened.append(browse(browser, text, **how))
        return opened[-1]

    monkeypatch.setattr(Browser, "open", watched)
    with pytest.raises(AuditUnavailable):
        queries.open(MORE, unmask=True)
    with pytest.raises(QueryStopped, match="the result is closed"):
        opened[0].result.window(300, 1)
    assert [event.action for event in sink.kept][:2] == ["unmask_customer", "query_warehouse"]


# ---- the command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def shop(lakewarden: Lakewarden) -> Lakewarden:
    assert lakewarden("warehouse", "build", "--rows", "300").code == 0
    return lakewarden


def test_the_command_shows_them_to_an_operator_who_asks(shop: Lakewarden) -> None:
    shop.sign_in("operator")
    assert "Practice Customer" not in shop("warehouse", "sql", NAMES).out
    assert FIRST in shop("warehouse", "sql", NAMES, "--unmask", "--csv").out
    assert shop("warehouse", "ask", "revenue-by-category", "--unmask").code == 0


def test_the_command_asks_for_a_fresh_code_where_one_is_needed(shop: Lakewarden) -> None:
    clock = SteppableClock(datetime.now(UTC) - timedelta(seconds=700))
    with closing(practice.opened(shop.home, shop.environ, clock=clock)) as security:
        practice.sit_down(security, "operator")
    ended = shop("warehouse", "sql", NAMES, "--unmask")
    assert (ended.code, ended.out) == (77, "")
    assert "--stdin" in ended.err
    with closing(practice.opened(shop.home, shop.environ)) as security:
        code = practice.account_of(security, "operator").code
    assert code is not None
    wrong = shop("warehouse", "sql", NAMES, "--unmask", "--stdin", stdin=b"000000\n")
    assert (wrong.code, wrong.out) == (77, "")
    given = shop("warehouse", "sql", NAMES, "--unmask", "--stdin", "--json", stdin=f"{code}\n".encode())
    assert (given.code, given.json["rows"][0][1]) == (0, FIRST)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", NAMES, "--unmask", "--engine", "duckdb"],
        ["ask", "revenue-by-category", "--unmask", "--engine", "spark"],
        ["sql", "SELECT 1", "--unmask", "--database", "weather"],
        ["sql", NAMES, "--stdin"],
    ],
)
def test_the_command_says_where_it_cannot(lakewarden: Lakewarden, arguments: list[str]) -> None:
    ended = lakewarden("warehouse", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "--unmask" in ended.err
