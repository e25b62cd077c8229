"""What each role sees in the Records section, and that nothing that identifies a patient shows to those who may not."""

from __future__ import annotations

import pytest

from console.tui.office import SecurityOffice
from console.tui.records import desk as records_desk
from console.tui.records.patient_list import PatientTable
from console.tui.widgets.section_title import SectionTitle
from security.errors import StoreBusy
from tests.console.tui.records.conftest import Open
from tests.console.tui.records.records_app import Desk
from tests.console.tui.workspaces import until
from tests.practice import account_of

KEYS = ("enter", "o", "escape", "slash", "escape", "b", "escape", "a", "escape", "i", "h", "v", "e", "end", "tab", "r")


async def wandered(found: Desk, pilot: object) -> str:
    """Everything that the screen showed while all keys were tried, what was told with it."""
    texts = [found.text()]
    for key in KEYS:
        await pilot.press(key)  # type: ignore[attr-defined] # Textual's pilot
        await pilot.pause()  # type: ignore[attr-defined]
        texts.append(found.text())
    return "\n".join([*texts, *found.app.told, *map(str, found.app.explained), found.app.clipboard])


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, "Nobody is signed in here."),
        ("operator", "An operator runs the pipelines and the warehouse, and reads no record."),
        ("officer", "An officer manages users and keys, and reads no record"),
        ("partner", "A partner is served aggregates through the gateway, and reads no record."),
        ("guest", "A guest may look at pipelines and at the warehouse"),
    ],
)
async def test_a_role_that_reads_no_record_is_told_who_does_and_sees_nobody(
    desk: Open, user: str | None, expected: str
) -> None:
    found = desk(user)
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("The section Records", expected, "the roles auditor and doctor", "on shift, from a known")
        shown = await wandered(found, pilot)
    assert not [text for text in found.personal() if text in shown]


async def test_nobody_signed_in_is_offered_the_sign_in(desk: Open) -> None:
    found = desk(None)
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("Enter signs in.")
        await pilot.press("enter")
        assert found.app.told == ["sign-in is shown"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_auditor_sees_every_patient_masked(desk: Open, size: tuple[int, int]) -> None:
    found = desk("auditor")
    async with found.app.run_test(size=size) as pilot:
        await found.shows("420", "P0001", "XXXXXXXX", "names are masked")
        await pilot.press("enter")
        text = await found.shows("version", "# masked XXX-XX-XXXX", "# masked XXXX-XX-XX", "= clear")
        assert "i Identifiers" not in text, "an auditor reveals nothing"
        assert found.app.records.is_denied("screen.do('reveal')"), "nor does the help say so"
        assert not found.app.records.is_denied("screen.do('copy')")
        shown = text + await wandered(found, pilot)
    assert not [value for value in found.personal() if value in shown]
    assert not found.events("unmask_ssn")


async def test_a_doctor_reads_an_assigned_patient_with_identifiers_hidden(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("P0001", "assigned to you")
        assert not [one for one in found.events("view_record") if one.count == 1], "moving in the list reads no record"
        await pilot.press("down", "up", "enter")
        text = await found.shows("= clear  " + found.column("P0001", "name"), "# hidden XXX-XX-XXXX   i shows it")
        assert found.column("P0001", "ssn") not in text
        assert found.column("P0001", "insurance_id") not in text


async def test_a_doctor_finds_patients_by_name_and_by_id(desk: Open) -> None:
    found = desk("doctor")
    name = found.column("P0002", "name")
    async with found.app.run_test(size=(120, 40)) as pilot:
        await found.shows("P0001", name)
        await pilot.press("slash", *name.split()[1].lower(), "enter")
        await found.shows(name, "Esc shows all")
        await found.hides("P0001 ")
        await pilot.press("slash", *"P0005", "enter")
        await found.shows("P0005")
        await found.hides("P0002")
        await pilot.press("escape")
        await found.shows("P0001", "P0002", "P0005")


@pytest.mark.parametrize(
    ("user", "rule", "none"),
    [
        (
            "doctor",
            ("Whole words of a name, or", "how an id begins"),
            ("None of your patients;", "names are found by whole", "words."),
        ),
        ("auditor", ("names are", "masked, so none is found by"), ("No patient's id begins", "clear")),
    ],
)
async def test_at_80x24_a_search_says_whole_how_it_finds_and_what_it_found(
    desk: Open, user: str, rule: tuple[str, ...], none: tuple[str, ...]
) -> None:
    found = desk(user)
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("P0001")
        await pilot.press("slash")
        text = await found.shows(*rule)
        assert "Esc shows all" not in text
        await pilot.press(*"zzz", "enter")
        await found.shows(*none, "only zzz; Esc shows all", "No record is open")
        await found.hides("Whole words of a name")
        await pilot.press("escape")
        await found.shows("P0001")
        await found.hides("Esc shows all")


@pytest.mark.parametrize("user", ["doctor", "auditor"])
async def test_the_first_enter_after_the_list_appears_opens_a_record(desk: Open, user: str) -> None:
    found = desk(user)
    async with found.app.run_test(size=(80, 24)) as pilot:
        await until(lambda: [one for one in found.app.screen.query(PatientTable) if one.lines], "the list")
        await pilot.press("enter")
        await found.shows("P0001   version")


async def test_a_doctor_off_shift_is_told_what_is_missing_and_sees_no_name(desk: Open) -> None:
    found = desk("doctor-nights")
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows(
            "The list of patients is not open to you", "on shift 20:00–08:00 UTC: it was 12:00", "ask from 20:00"
        )
        await found.shows("b opens one in an emergency")
        shown = await wandered(found, pilot)
    assert not [text for text in found.personal() if text in shown]


@pytest.mark.parametrize("user", ["doctor", "auditor"])
async def test_from_an_unknown_place_nothing_is_shown_and_the_place_is_named(desk: Open, user: str) -> None:
    environ = {"LAKEWARDEN_ACCESS__TRUST_SSH_CONNECTION": "true", "SSH_CONNECTION": "203.0.113.9 5022 10.0.0.1 22"}
    found = desk(user, environ=environ)
    async with found.app.run_test(size=(120, 30)) as pilot:
        await found.shows(
            "The list of patients is not open to you", "203.0.113.9 is in none", "ask from a known network"
        )
        await pilot.press("o", *"P0001", "enter")
        await found.shows("The record of P0001 is not open to you", "203.0.113.9 is in none")
        shown = await wandered(found, pilot)
    assert not [value for value in found.personal() if value in shown]


async def test_a_factor_weaker_than_the_authenticator_leaves_the_identifiers_masked(desk: Open) -> None:
    found = desk("doctor")
    sign_in = found.app.office.sign_in
    codes = sign_in.new_recovery_codes()
    sign_in.sign_out()
    password = account_of(found.security, "doctor").password
    assert password is not None
    found.app.who = sign_in.recover("doctor", password, codes[0])
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("P0001")
        await pilot.press("enter")
        await found.shows(found.column("P0001", "name"), "# masked XXX-XX-XXXX")
        await pilot.press("i")
        assert found.app.told == ["SSN and insurance id are not shown in clear to this session."]
    assert not found.events("unmask_ssn")


async def test_records_that_cannot_be_opened_say_why_and_are_tried_again(
    desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = desk("doctor")
    opened = found.app.open_office

    def broken() -> SecurityOffice:
        raise StoreBusy("expected to write clinical.db, found another process writing it; try again")

    monkeypatch.setattr(found.app, "open_office", broken)
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows(
            "The section Records cannot be shown", "found another process writing it", "Enter tries again"
        )
        monkeypatch.setattr(found.app, "open_office", opened)
        await pilot.press("enter")
        await found.shows("P0001", "No record is open")


async def test_the_next_patient_that_is_denied_leaves_nothing_of_the_one_before(desk: Open) -> None:
    found = desk("doctor")
    stranger = next(
        facts.patient_id for facts in found.security.admission.all_facts() if "doctor" not in facts.assigned
    )
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("P0001")
        await pilot.press("enter")
        await found.shows(found.column("P0001", "email"))
        await pilot.press("o", *stranger, "enter")
        await found.shows(f"The record of {stranger} is not open to you", "assigned to the patient: not assigned")
        assert found.column("P0001", "email") not in found.text()
        lines = found.app.records.query_one("#record")
        assert lines.opened is None  # type: ignore[attr-defined]
        assert not lines._lines  # type: ignore[attr-defined]
        assert not lines._painted  # type: ignore[attr-defined]


async def test_a_patient_that_there_is_not_is_refused_as_one_who_is_not_assigned(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("P0001")
        await pilot.press("o", *"P9999", "enter")
        await found.shows("The record of P9999 is not open to you", "assigned to the patient: not assigned")


async def test_what_can_be_no_id_is_refused_where_it_is_typed(desk: Open) -> None:
    found = desk("auditor")
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("P0001")
        asked = len(found.events("view_record"))
        for text in (found.column("P0002", "ssn"), found.column("P0002", "name")):
            await pilot.press("o", *text.replace(" ", "_?"), "enter")
            await found.shows("Expected a patient id of letters, digits")
            await pilot.press("escape")
        assert len(found.events("view_record")) == asked, "nothing of it goes on"


async def test_an_officer_assigns_and_unassigns_with_a_fresh_code(desk: Open) -> None:
    found = desk("officer")
    before = found.security.admission.facts("P0001").assigned
    assert "doctor-nights" not in before
    async with found.app.run_test(size=(80, 24)) as pilot:
        await found.shows("a assigns a patient")
        found.go_on(11)  # the code of the sign-in is no longer fresh
        await pilot.press("a", *"P0001", "enter", *"doctor-nights", "enter")
        await found.shows("doctor-nights treats P0001 from now on.")
        assert found.security.admission.facts("P0001").assigned == (*before, "doctor-nights")
        await pilot.press("x", *"P0001", "enter", *"doctor-nights", "enter")
        await found.shows("doctor-nights no longer treats P0001.")
        await pilot.press("a", *"P0001", "enter", *"auditor", "enter")
        await found.shows("Expected an account with the role doctor")
    assert found.security.admission.facts("P0001").assigned == before
    assert len(found.app.explained) == 1, "the fresh code was asked for once"


@pytest.mark.parametrize(("user", "how"), [("doctor", "a name or id"), ("auditor", "an id")])
async def test_a_list_that_is_cut_off_says_so_and_how_the_others_are_found(
    desk: Open, monkeypatch: pytest.MonkeyPatch, user: str, how: str
) -> None:
    monkeypatch.setattr(records_desk, "MOST_PATIENTS", 3)
    found = desk(user)
    async with found.app.run_test(size=(80, 24)) as pilot:
        text = await found.shows("Patients ", " first 3 ", "The first 3 by id; / finds")
        assert how in " ".join(line[:29].strip() for line in text.splitlines())
        await pilot.press("slash", *"P0009", "enter")
        await found.shows("P0009")
        await found.hides("The first")


async def test_a_note_beside_a_short_heading_has_all_the_room_there_is(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=(80, 24)):
        await found.shows("P0001")
        title = found.app.records.query_one("#patients-title", SectionTitle)
        title.say("first 500")
        await found.shows("── Patients ──── first 500 ──")
        title.say("first 500 of very many")
        await found.shows("── Patients  first 500 of… ──")


async def test_the_heading_that_is_marked_is_that_of_the_panel_with_the_keys(desk: Open) -> None:
    found = desk("doctor")
    async with found.app.run_test(size=(80, 24)) as pilot:

        def marked() -> list[str]:
            titles = found.app.records.query(SectionTitle)
            return [str(title.id) for title in titles if title._active]

        await found.shows("P0001")
        for _ in range(3):
            await pilot.press("enter")
            await found.shows("version")
            await until(lambda: marked() == ["record-title"], lambda: str(marked()))
            await pilot.press("escape")
            await found.shows("No record is open")
            await pilot.pause()
            assert found.app.records.focused is found.app.records.query_one(PatientTable)
            assert marked() == ["patients-title"]
