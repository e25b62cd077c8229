"""The matrix of roles and actions: it is the engine's, its cell is told in words, and Enter asks the explorer."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.tui.access.condition_words import condition
from console.tui.access.matrix_view import WORDS, MatrixTable
from security.policy.engine import Engine
from security.policy.matrix import Permission, matrix
from security.policy.model import Action
from security.policy.source import read_source
from tests.console.tui.access.access_app import Console, console

ENGINE = Engine(read_source())
EXPECTED = matrix(ENGINE.rules)


async def at(here: Console, role: str, action: Action) -> None:
    """Put the cursor on a cell by keys."""
    table = here.access.query_one(MatrixTable)
    await here.press("home", *["left"] * len(EXPECTED))
    await here.press(*["right"] * list(EXPECTED).index(role), *["down"] * list(Action).index(action))
    assert (table.role, table.action) == (role, action)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_matrix_is_that_of_the_engine(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path / "home", size=size) as here:
        await here.press("f3")
        await here.shows("F3 [Matrix]", "Action", "doctor", "service")
        lines: dict[str, list[str]] = {}
        for action in Action:
            row = next(line for line in here.text.splitlines() if line.startswith(action.value[:15]))
            lines[action.value] = [cell.strip("[]") for cell in row[18 if size[0] > 80 else 16 :].split()]
            await here.press("down")
        for action in Action:
            wanted = [WORDS[EXPECTED[role][action].permission] for role in EXPECTED]
            assert lines[action.value][: len(wanted)] == wanted, action


async def test_the_cell_under_the_cursor_is_told_in_words(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("f3")
        detail = here.access.matrix.detail
        for role, action in (
            ("doctor", Action.BREAK_GLASS),
            ("officer", Action.MANAGE_USERS),
            ("guest", Action.QUERY_WAREHOUSE),
        ):
            await at(here, role, action)
            told = " ".join(detail.text.split())
            for rule in EXPECTED[role][action].policies:
                assert rule.id in told
                assert " ".join(rule.says.split()) in told
                assert all(condition(clause) in told for clause in rule.clauses)
            assert "signed-in" in told
        await at(here, "partner", Action.READ_AUDIT)
        assert EXPECTED["partner"][Action.READ_AUDIT].permission is Permission.NEVER
        assert "never: no policy permits it" in detail.text
        await at(here, "service", Action.TRIGGER_RUN)
        assert "yes: it is the program itself" in detail.text
        assert "signed-in" not in detail.text


async def test_enter_asks_the_explorer_with_an_account_of_the_role(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("f3")
        await at(here, "data_scientist", Action.QUERY_RESEARCH)
        await here.press("enter")
        await here.shows("F2 [Explorer]")
        await here.answers("data-scientist (data scientist, oncology) may query_research dataset:oncology")


async def test_a_cell_that_is_clicked_is_selected_and_a_second_click_asks(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("f3")
        table = here.access.query_one(MatrixTable)
        row = here.text.splitlines()[table.region.y]
        place = (row.index("officer"), 1 + list(Action).index(Action.READ_AUDIT))
        await here.pilot.click(table, offset=place)
        assert (table.role, table.action) == ("officer", Action.READ_AUDIT)
        await here.pilot.click(table, offset=place, times=2)
        await here.answers("officer (officer) may read_audit audit")


async def test_a_role_without_accounts_is_told(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("f3")
        await at(here, "service", Action.TRIGGER_RUN)
        await here.press("enter")
        await here.shows("No account has the role service", "F3 [Matrix]")


async def test_on_a_narrow_screen_the_roles_shown_are_those_around_the_cursor(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(60, 16)) as here:
        await here.press("f3")
        await here.shows("Action", "doctor", "auditor")
        assert " service" not in here.text.splitlines()[3]
        await at(here, "service", Action.VIEW_RECORD)
        await here.shows("service", "[-]")
        assert "doctor " not in here.text.splitlines()[3]
        await here.pilot.resize_terminal(80, 24)
        await here.shows("doctor data sci", "guest service")


async def test_the_text_of_a_policy_of_the_cell_is_a_key_away(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("f3")
        await at(here, "operator", Action.UNMASK_CUSTOMER)
        await here.press("f6", "enter")
        await here.shows("F4 [Policies]", '@id("operator-unmasks-customer")')
        await here.press("escape")
        await here.shows("F3 [Matrix]")
        assert here.access.focused is here.access.matrix.detail


async def test_the_text_of_the_policies_follows_the_list(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("f4")
        policies = here.access.policies
        await here.shows("oversight.cedar", '@id("auditor-reads-audit")')
        wanted = [rule.id for rule in ENGINE.rules]
        assert [line.policy for line in policies.list.listed if line.policy] == wanted
        for number, line in enumerate(policies.list.listed):
            policies.list.move_to(number)
            await here.pilot.pause()
            if line.policy:
                assert policies.cedar.target == line.policy
                await here.shows(f'@id("{line.policy}")'[:44])
        await here.press("enter")
        assert policies.cedar.has_focus
        await here.press("escape")
        assert policies.list.has_focus


async def test_enter_gives_a_decision_although_a_time_and_a_place_that_are_none_were_typed(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        form = here.access.explorer.form
        for name, typed in (("at", "half past nine"), ("ip", "at home"), ("reason", "a reason")):
            form.focus_field(name)
            await here.type(typed)
        await here.press("escape", "f3")
        await at(here, "data_scientist", Action.QUERY_RESEARCH)
        await here.press("enter")
        await here.shows("F2 [Explorer]")
        await here.answers("data-scientist (data scientist, oncology) may query_research dataset:oncology")
        assert (form.values["at"], form.values["ip"], form.values["reason"]) == ("now", "127.0.0.1", "a reason")
