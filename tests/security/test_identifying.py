"""What in a text tells who the patient is, however it is written; and what only looks a little like it."""

from __future__ import annotations

import pytest

from security.records.identifying import telling, tells_of

FOUND_BY = telling(
    {
        "name": "Anna-Lena Müller-Lüdenscheidt",
        "address": "Hauptstraße 17, Room 12, 97070 Würzburg",
        "phone": "+49 931 555 1234",
        "email": "anna@example.org",
        "ssn": "950-45-7777",
        "insurance_id": "AOK-4711-99",
    }
)

NONE = {"name": "unknown", "address": "none", "phone": "-", "email": "none", "ssn": "950-45-7777", "insurance_id": "-"}


@pytest.mark.parametrize(
    "text",
    [
        "Anna Lena Müller Lüdenscheidt", "ANNA-LENA MUELLER-LUEDENSCHEIDT", "Muller-Ludenscheidt, Anna-Lena",
        "Mu\u0308ller-Lu\u0308denscheidt Anna-Lena", "phone +499315551234", "phone 0931 5551234", "0931/555-1234",
        "555 1234", "٥٥٥-١٢٣٤", "AOK 4711 99", "aok471199", "Hauptstrasse 17", "hauptstraße 17, 1st floor",
        "97070 Wurzburg", "to ANNA@example.org.", "SSN 950/45/7777", "950 457777", "9 5 0 - 4 5 - 7 7 7 7",
        "901-45-1001", "901 - 45 - 1001", "901--45--1001", "901 45 1001", "annalena mullerludenscheidt",
        "9504-57777", "Anna-Lena.Müller-Lüdenscheidt",
    ],
)  # fmt: skip
def test_what_tells_of_the_patient_is_found_however_it_is_written(text: str) -> None:
    assert tells_of(f"Seen: {text}; better.", FOUND_BY)


@pytest.mark.parametrize(
    "text",
    [
        "Anna-Lena sleeps better", "Wilson disease, Graves disease", "moved to room 12", "dose 1000 20 3000",
        "120/80 on 2026-03-01", "BP 128/76 2026-11-28", "BP 130/80 0830, HR 72", "BP 120/80 - 1500 ml intake",
        "infusion 500/50/1000", "4711 steps a day", "Main street 17", "born in Würzburg", "555 1235",
        "the Hauptstrasse is loud", "an Anna, a Lena and a Müller visited",
    ],
)  # fmt: skip
def test_what_tells_of_nobody_may_stand(text: str) -> None:
    assert not tells_of(f"Seen: {text}; better.", FOUND_BY)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "Quetzalcoatlina"),
        ("address", "Hauptstrasse 17, Rimpar"),
        ("address", "7 Elm Rd"),
        ("insurance_id", "AB-71"),
        ("phone", "4711"),
    ],
)
def test_a_short_value_is_found_as_it_stands(column: str, value: str) -> None:
    assert tells_of(f"Seen: {value.upper()}.", telling({**NONE, column: value}))
    assert not tells_of("Seen: AB 711 on 17-4-71 at Rimpar.", telling({**NONE, column: value}))


def test_the_street_of_an_address_is_found_and_no_room() -> None:
    found_by = telling({**NONE, "address": "7 Elm Rd, Ward 3, Oxford OX1 2JD"})
    assert tells_of("lives at 7 Elm Rd.", found_by)
    assert tells_of("moved to Oxford, OX1-2JD", found_by)
    assert not tells_of("to ward 3, room 7; Elm pollen, 7 rd", found_by)


@pytest.mark.parametrize("column", [column for column in NONE if column != "ssn"])
def test_a_word_for_what_is_not_known_tells_of_nobody(column: str) -> None:
    assert not tells_of("unknown; none; patient A; X 1", telling({**NONE, column: "Unknown"}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("John Quincy Smith", "John Smith"), ("John Q. Smith", "Smith, John"), ("Mr. John Smith", "John Smith"),
        ("John Smith Jr.", "Smith John"), ("Dr. Anna Schmidt", "Anna Schmidt"), ("Maria Garcia Lopez", "Maria Lopez"),
        ("Maria Garcia Lopez", "Maria Garcia"), ("Ludwig van Beethoven", "van Beethoven, Ludwig"),
        ("Juan Carlos de la Cruz", "de la Cruz, Juan Carlos"), ("Sean O'Brien", "Sean OBrien"),
        ("Anna-Lena Weiss", "Annalena Weiss"), ("李伟", "患者李伟来诊"), ("Dr. Quetzalcoatlina", "Quetzalcoatlina"),
    ],
)  # fmt: skip
def test_a_name_of_several_words_is_found_in_any_order(name: str, text: str) -> None:
    assert tells_of(f"Seen: {text}, well.", telling({**NONE, "name": name}))
    assert not tells_of(
        "Seen: John, Maria; Smith and Lopez disease, 患者来诊, Dr. Mr.", telling({**NONE, "name": name})
    )


def test_a_short_name_is_not_found_across_the_ends_of_words() -> None:
    found_by = telling({**NONE, "name": "Al Long"})
    assert not tells_of("all ongoing, also a long visit", found_by)
    assert tells_of("AL LONG called", found_by)
