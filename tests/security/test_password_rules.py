"""Which passwords may be set: common ones put together are refused, rarer words and random characters are taken."""

from __future__ import annotations

from random import Random

import pytest

from security.errors import PasswordRefused
from security.identity.password_rules import KNOWN_PHRASES, check_password

COMMON = "most common passwords"
REFUSED = {
    "password password": COMMON,
    "password.password": COMMON,
    "passwordpassword": COMMON,
    "PASSWORD/Password": COMMON,
    "password123 password": COMMON,
    "pa55word pa$$word": COMMON,
    "P@ssw0rd P@ssw0rd": COMMON,
    "P@ssw0rd2026!!": COMMON,
    "password!!!###": COMMON,
    "(password)(qwerty)": COMMON,
    "p a s s w o r d": COMMON,
    "drowssap drowssap": COMMON,
    "12345678 12345678": COMMON,
    "11111111 11111111": COMMON,
    "qwerty qwerty": COMMON,
    "qwerty 123456": COMMON,
    "QWERTY_123456_qwerty": COMMON,
    "123456 password": COMMON,
    "password qwerty dragon letmein": COMMON,
    "monkeydragonmasterpassword": COMMON,
    "letmein letmein": COMMON,
    "L3tm31n-L3tm31n": COMMON,
    "let me in please": COMMON,
    "monkey monkey": COMMON,
    "monkey dragon monkey dragon": COMMON,
    "M0nkey/Dr4gon": COMMON,
    "iloveyou iloveyou": COMMON,
    "iloveyou2 iloveyou3": COMMON,
    "admin admin admin": COMMON,
    "superman:batman": COMMON,
    "trustno1 trustno1": COMMON,
    "welcome1 welcome2": COMMON,
    "summer winter": COMMON,
    "Summer2025Winter2026!!": COMMON,
    "Welcome 2026": COMMON,
    "Winter2026!": COMMON,
    "Football1 Baseball2": COMMON,
    "aaaa bbbb cccc": "repeats itself",
    "xqzvxqzvxqzv": "repeats itself",
    "пароль пароль": "repeats itself",
    "1q2w3e4r5t": "keys|common",
    "qwertyuiop asdfghjkl": "keys|common",
    "abcd1234 abcd": "sequence|common",
    "19.04.1985 21.06.2014": "date",
    "2024 2025 2026": "year",
    "November2026!": "common",
    "january2026 february2026": "common",
    "hospital2026!": "common",
    "john mary robert linda": "common",
    "the and for with": "common",
    "kim kim kim kim": "user name",
    "Lakewarden2026 lakewarden": "user name",
    "patient.patient.warehouse": "user name",
    "correct horse battery staple": "well-known phrase",
    "CorrectHorseBatteryStaple2026!": "well-known phrase",
    "c0rrect-h0rse-battery-staple": "well-known phrase",
    "To be, or not to be: that is the question": "well-known phrase",
    "this is my password": "well-known phrase|common",
}
TAKEN = [
    "lantern orbit velvet mason",
    "tundra copper violin ledger",
    "Lantern-Orbit-Velvet-Mason",
    "lanternorbitvelvetmason",
    "saffron glacier anvil tulip",
    "mustard pelican quartz tunnel",
    "ocelot granite wicker plum",
    "harvest copper meadow sphinx",
    "marble thistle oboe canyon",
    "my cat eats blue paint on sundays",
    "a long walk along the river Ob",
    "walrus tandem quilt 91",
    "zebra mosaic lantern 42",
    "walnut harbour violet 77",
    "walnut harbour 7 lamp",
    "kX9#mQ2v",
    "w7Fq-Kz3p-Hd9x",
    "pj2j-33l2-nyqy-qyrx",
    "8vRk2mWq5tZp",
    "hgqzkwvmtrpy",
    "ветер синий чайник 7",
    "日本語のながいあいことば 海の青い",
    "tangerine-viaduct-patient",
]


@pytest.mark.parametrize(("password", "because"), REFUSED.items())
def test_common_passwords_put_together_are_refused_in_words(password: str, because: str) -> None:
    with pytest.raises(PasswordRefused, match=because) as refused:
        check_password(password, user="kim", second_factor=True)
    assert "unrelated, less common words" in str(refused.value)
    assert password not in str(refused.value)


@pytest.mark.parametrize("phrase", KNOWN_PHRASES)
def test_a_well_known_phrase_is_refused_however_it_is_written(phrase: str) -> None:
    for written in (phrase, phrase.title(), phrase.replace(" ", ""), phrase.replace(" ", "-"), f"{phrase} 2026"):
        with pytest.raises(PasswordRefused):
            check_password(written, user="kim", second_factor=False)


@pytest.mark.parametrize("password", TAKEN)
def test_rarer_words_and_random_characters_are_taken(password: str) -> None:
    check_password(password, user="kim", second_factor=True)


@pytest.mark.parametrize(
    "alphabet", ["abcdefghijkmnpqrstuvwxyz23456789", "ABCDEFabcdefghijkmnpqrstuvwxyz23456789#%&+=?"]
)
def test_twelve_random_characters_are_taken_but_by_a_rare_chance(alphabet: str) -> None:
    generator = Random(7)
    refused = 0
    for _ in range(500):
        try:
            check_password("".join(generator.choices(alphabet, k=12)), user="kim", second_factor=True)
        except PasswordRefused:
            refused += 1
    assert refused <= 1


def test_passwords_as_a_practice_workspace_makes_them_are_taken() -> None:
    generator = Random(11)
    for _ in range(200):
        groups = ("".join(generator.choices("abcdefghijklmnopqrstuvwxyz234567", k=4)) for _ in range(4))
        check_password("-".join(groups), user="doctor-nights", second_factor=True)
