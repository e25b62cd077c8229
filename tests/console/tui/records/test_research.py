"""The research view: typed questions of the own domain, small groups hidden, every refusal explained."""

from __future__ import annotations

from security.records.research.suppression import SMALLEST
from tests.console.tui.records.conftest import Open

SIZE = (80, 24)


async def test_a_data_scientist_asks_the_own_domain_and_small_groups_are_hidden(desk: Open) -> None:
    found = desk("data-scientist")
    counts = dict(
        found.security.research.query(
            "SELECT diagnosis, count(*) FROM subject WHERE domain = 'oncology' GROUP BY diagnosis"
        )
    )
    small = {diagnosis for diagnosis, count in counts.items() if count < SMALLEST}
    assert small, "the practice data has groups that must be hidden"
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("oncology", "projection built", "of 420 patients", "[diagnosis]", "[patients]")
        await pilot.press("enter")
        text = await found.shows("smaller ones are hidden", f"Groups under {SMALLEST} are hidden")
        shown = {diagnosis for diagnosis in counts if diagnosis in text}
        assert shown
        assert not shown & small
        assert all(f" {counts[diagnosis]}" in text for diagnosis in shown)
        assert not [value for value in found.personal() if value in text]
    assert [str(event.outcome) for event in found.events("query_research")][-2:] == ["intent", "done"]


async def test_two_columns_a_measure_and_a_condition(desk: Open) -> None:
    found = desk("data-scientist")
    async with found.app.run_test(size=(120, 40)) as pilot:
        await found.shows("oncology")
        await pilot.press("down", "right")  # and by sex
        await pilot.press("down", "right", "right")  # mean_encounters
        await pilot.press("enter")
        text = await found.shows("mean_encounters", " sex ", " male ", "malignant neoplasm")
        assert " female " not in text.partition("Answer")[2], "too few of one diagnosis"
        await pilot.press("down", "right", "down", *"female", "enter")  # where sex is female
        text = await found.shows(f"No group of {SMALLEST} or more patients can be told.", "smaller ones are hidden")
        assert "malignant" not in text


async def test_another_domain_is_denied_and_says_why(desk: Open) -> None:
    found = desk("data-scientist")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("oncology")
        await pilot.press("up", "ctrl+u", *"cardiology", "enter")
        await found.shows(
            "The domain is not open to you",
            "the research domain cardiology: the account's is oncology",
            "an officer assigns the research domain",
        )
    assert [str(event.outcome) for event in found.events("query_research")][-1] == "refused"


async def test_a_question_that_cannot_be_asked_says_why(desk: Open) -> None:
    found = desk("data-scientist-cardiology")
    async with found.app.run_test(size=SIZE) as pilot:
        await found.shows("cardiology")
        await pilot.press("down", "right", "right", "down", "down", "right", "enter")  # three columns
        await found.shows("The question is not answered", "at most 2 columns")
        await pilot.press("left", "down", *"female", "enter")  # a value without a column
        await found.shows("choose one, or empty the value")
