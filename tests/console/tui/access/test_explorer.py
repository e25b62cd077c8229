"""The decision explorer in the console: it answers what is decided, says why not, and follows every change at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from textual.widgets import Static

from console.tui.access.choice_form import ChoiceField, OfferList
from console.tui.access.explorer import Answer, Explorer
from console.tui.access.policies_view import CedarText
from console.tui.access.question import request_fields
from console.tui.records.screen import RecordsScreen
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from security.policy.model import Decision
from tests.console.tui.access.access_app import Console, console
from tests.console.tui.workspaces import until

NIGHT = "2026-11-28T22:00:00Z"
ESSENTIALS = ("F2 [Explorer]", "F3", "Matrix", "F4", "Policies", "F5", "Accounts", "Help", "Quit")


def questions() -> Iterator[dict[str, str]]:
    """Roles × actions, and what of time, place, factor and reason decides."""
    base = {"at": "2026-11-28T12:00:00Z", "ip": "127.0.0.1", "mfa": "totp", "mfa_age_s": "0", "reason": ""}
    asked = [
        ("view_record", "patient:P0001"),
        ("break_glass", "patient:P0002"),
        ("query_research", "dataset:oncology"),
        ("query_warehouse", "warehouse"),
        ("unmask_customer", "warehouse"),
        ("manage_users", "users"),
    ]
    users = ("doctor", "data-scientist", "auditor", "operator", "officer", "guest", "nobody")
    for user, (action, resource) in itertools.product(users, asked):
        yield {**base, "user": user, "action": action, "resource": resource}
    record = {**base, "user": "doctor", "action": "view_record", "resource": "patient:P0001"}
    changes = [{"at": NIGHT}, {"ip": "203.0.113.7"}, {"ip": "no address"}, {"mfa": "email"}, {"mfa": "none"}]
    changes += [{"resource": "patient:P9999"}, {"resource": "warehouse"}]
    yield from ({**record, **change} for change in changes)
    glass = {**base, "user": "doctor", "action": "break_glass", "resource": "patient:P0002"}
    yield from ({**glass, **change} for change in ({"reason": "fell"}, {"reason": "fell", "mfa_age_s": "601"}))


def missing(answer: str, decision: Decision) -> list[str]:
    """What the decision says and the answer does not."""
    wanted = ["ALLOW" if decision.allowed else "DENY", *decision.determining]
    wanted += [" ".join(error.split()) for error in decision.errors]
    for why in decision.why_not:
        because = why.because if why.failed else why.because.replace("data_scientist", "data scientist")
        wanted += [why.policy, *because.split("; "), *why.change]
    for visibility in set(decision.columns.values()):
        names = [name for name, shown in decision.columns.items() if shown is visibility]
        wanted.append(f"{visibility.value} {' '.join(names)}")
    wanted += sorted(decision.obligations)
    return [text for text in wanted if text not in answer]


async def ask(here: Console, values: Mapping[str, str]) -> str:
    """The answer to a question that is put into the form."""
    explorer = here.access.query_one(Explorer)
    explorer.form.put(values)
    explorer.ask_again()
    await until(lambda: explorer._answered is not None and explorer._answered[0].values == values, f"{values}")
    return here.answer


async def test_the_explorer_answers_what_is_decided(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(120, 40)) as here:
        decisions = here.app.open_office().decisions
        for values in questions():
            answer = await ask(here, values)
            decision = decisions.check(request_fields(values, here.clock.now()))
            assert missing(answer.replace("A L L O W", "ALLOW").replace("D E N Y", "DENY"), decision) == [], answer


async def test_a_denial_names_each_clause_that_failed_with_what_was_found_and_what_would_change_it(
    tmp_path: Path,
) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.press("tab")
        for _ in range(3):
            await here.press("enter")
        await here.type(NIGHT)
        await here.answers("DENY", "doctor-reads-assigned", "on shift 08:00–20:00 UTC: it was 22:00")
        assert "To change it: ask from 08:00 to before 20:00 UTC" in here.answer
        assert "glass broken in the last 15 minutes: it was not broken" in here.answer
        assert "No policy permits it" in here.answer


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_decision_and_its_reason_are_on_the_screen_without_scrolling(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path / "home", size=size) as here:
        await here.shows(*ESSENTIALS, "doctor-reads-assigned", "Permitted by", "Tab Change the question")
        labels = ("User", "Action", "Resource", "Time", "Place", "Factor", "Code age", "Reason")
        await here.shows(*labels, "A L L O W" if size[1] == 40 else "ALLOW")
        await here.press("tab")
        for _ in range(3):
            await here.press("enter")
        await here.type(NIGHT)
        deny = "D E N Y" if size[1] == 40 else "DENY"
        await here.shows(deny, "Why not", "it was 22:00", "To change it", "F1 Help", "Ctrl+Q Quit")


async def test_typing_a_part_asks_about_the_first_choice_that_has_it(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab")
        await here.type("oper")
        await here.answers("operator (operator) may not view_record")
        assert [offer.value for offer in here.access.query_one(OfferList).offers] == ["operator"]
        await here.press("enter")
        assert here.access.query_one("#field-user", ChoiceField).value == "operator"
        assert here.access.focused is here.access.query_one("#field-action")


async def test_up_and_down_take_a_choice_and_the_answer_follows_at_once(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab")
        await here.answers("doctor (doctor")
        await here.press("down")
        await here.answers("doctor-nights (doctor, 20:00-08:00 UTC) may not")
        await here.press("up", "up")
        await here.answers("data-scientist-cardiology (data scientist, cardiology) may not")


async def test_a_choice_that_is_clicked_is_taken(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab")
        offers = here.access.query_one(OfferList)
        await until(lambda: offers.offers, "the accounts")
        names = [offer.value for offer in offers.offers]
        await here.pilot.click(offers, offset=(3, 1 + names.index("officer")))
        await here.answers("officer (officer) may not view_record")
        assert here.access.query_one("#field-user", ChoiceField).has_focus


async def test_another_action_takes_a_resource_that_fits(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab", "enter")
        await here.type("rotate")
        await here.answers("may not rotate_keys keys")
        assert here.access.query_one("#field-resource", ChoiceField).value == "keys"


async def test_a_name_that_is_none_is_asked_as_it_was_typed_and_shown_as_plain_text(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab")
        await here.type("[red]x[/red]")
        await here.answers("[red]x[/red] may not view_record", "expected the name of an account, found '[red]x[/red]'")
        await here.shows("[red]x[/red] may not")


async def test_what_is_no_time_is_told_and_nothing_is_decided(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab", "enter", "enter", "enter")
        await here.type("soon")
        await here.answers("Time: expected now, a time of day such as 22:00")
        assert "ALLOW" not in here.answer.replace(" ", "")
        for _ in "soon":
            await here.press("backspace")
        await here.answers("may view_record", "now,")


async def test_a_place_tells_its_site_and_an_unknown_one_is_denied(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab", "enter", "enter", "enter", "enter")
        await until(lambda: here.access.query_one(OfferList).offers[0].value == "127.0.0.1", "the places")
        assert "this host (127.0.0.0/8)" in [offer.about for offer in here.access.query_one(OfferList).offers]
        await here.press("up")
        await here.answers("203.0.113.7 (no known network)", "203.0.113.7 is in none")


async def test_enter_on_a_policy_shows_its_text_and_escape_goes_back(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        await here.shows("doctor-unmasks-assigned")
        await here.press("down", "enter")
        await here.shows("F4 [Policies]", '@id("doctor-unmasks-assigned")', 'when { context.factor == "totp" }')
        assert isinstance(here.access.focused, CedarText)
        assert here.access.query_one(CedarText).target == "doctor-unmasks-assigned"
        await here.press("escape")
        await here.shows("F2 [Explorer]")
        assert isinstance(here.access.focused, Answer)


async def test_letters_and_digits_are_commands_until_a_field_has_the_focus(tmp_path: Path) -> None:
    async with console(tmp_path / "home") as here:
        await here.press("tab")
        await here.type("4")
        assert here.access.query_one("#field-user", ChoiceField).value == "4"
        await here.press("escape", "4")
        await until(lambda: isinstance(here.app.screen, RecordsScreen), "the records")


async def test_every_key_of_the_section_stands_in_the_help(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(120, 60)) as here:
        await here.press("question_mark")
        await here.shows(
            "Ask what would be decided, and why", "Which role may do what", "The Cedar text of the policies"
        )
        await here.shows("disable and reset accounts", "To the fields of the question", "the selected policy")


async def test_without_unicode_the_answer_is_ascii(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24), LANG="C") as here:
        await here.shows("+  ALLOW")
        assert here.text.isascii()


async def test_a_long_answer_scrolls_to_its_end(tmp_path: Path) -> None:
    async with console(tmp_path / "home", size=(80, 24)) as here:
        values = {**here.access.explorer.form.values, "user": "operator", "at": NIGHT}
        await ask(here, values)
        here.access.set_focus(here.access.explorer.answer)
        assert "encounters history" not in here.text
        await here.press("end")
        await here.shows("encounters history")
        assert here.access.query_one(Answer).scroll_offset.y > 0


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_it_means_that_a_doctor_has_no_shift_stands_in_the_form_and_is_what_is_decided(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path / "home", size=size) as here:
        here.security.accounts.add(NewAccount("rao", Role.DOCTOR), by=SERVICE, now=here.clock.now())
        await here.press("f3", "f2", "tab")
        explorer = here.access.query_one(Explorer)
        note = explorer.form.query_one(".form-note", Static)
        assert not note.display
        explorer.take(
            here.app.open_office().decisions, here.app.open_office().decisions.choices(), (), user="rao", recorded=False
        )
        await here.answers("rao (doctor, no shift) may not view_record", "on shift: the account has no shift")
        await here.shows("A doctor without a shift is", "rao")
        assert note.display
        explorer.form.put({"user": "doctor"})
        explorer.ask_again()
        await here.answers("doctor (doctor, 08:00")
        assert not note.display
