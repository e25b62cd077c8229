"""Passwords: Argon2id with named parameters, normalised, hashed anew when parameters rise; refusals that say why."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace

import pytest
from argon2 import Parameters, extract_parameters
from argon2.low_level import Type
from hypothesis import given, settings
from hypothesis import strategies as st

from security.errors import PasswordRefused
from security.identity.password_rules import check_password
from security.identity.passwords import LONGEST, NAMED_PARAMETERS, PasswordHashing, normalised
from tests.security.identities import CHEAP, PASSWORD, seeded

# From the reference implementation's test.c (P-H-C/phc-winner-argon2): argon2id, version 19.
PUBLISHED = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
HASHING = PasswordHashing(os.urandom, CHEAP)


def test_the_named_parameters_are_the_second_recommended_option_of_rfc_9106() -> None:
    assert NAMED_PARAMETERS.type is Type.ID
    assert NAMED_PARAMETERS.version == 0x13
    assert (NAMED_PARAMETERS.memory_cost, NAMED_PARAMETERS.time_cost, NAMED_PARAMETERS.parallelism) == (65_536, 3, 4)
    assert (NAMED_PARAMETERS.salt_len, NAMED_PARAMETERS.hash_len) == (16, 32)
    made = PasswordHashing(os.urandom).hash(PASSWORD)
    assert extract_parameters(made) == NAMED_PARAMETERS


def test_a_published_hash_is_recognised() -> None:
    assert HASHING.matches("password", PUBLISHED)
    assert not HASHING.matches("Password", PUBLISHED)


def test_the_same_password_never_gives_the_same_hash() -> None:
    first, second = HASHING.hash(PASSWORD), HASHING.hash(PASSWORD)
    assert first != second
    assert HASHING.matches(PASSWORD, first)
    assert HASHING.matches(PASSWORD, second)


@pytest.mark.parametrize("typed", ["", "x", PASSWORD, "a" * LONGEST, "a" * 1_000_000, "\udcff" * 20, "\0" * 20])
def test_without_a_hash_nothing_matches(typed: str) -> None:
    assert not HASHING.matches(typed, None)


@pytest.mark.parametrize("damaged", ["", "$argon2id$", "plain", PUBLISHED[:-1], PUBLISHED.replace("id", "i"), "é" * 60])
def test_a_damaged_hash_matches_nothing(damaged: str) -> None:
    assert not HASHING.matches("password", damaged)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_every_spelling_of_the_same_text_is_the_same_password(text: str) -> None:
    encoded = HASHING.hash(unicodedata.normalize("NFC", text))
    assert HASHING.matches(unicodedata.normalize("NFD", text), encoded)
    assert not HASHING.matches(text + "x", encoded)


@pytest.mark.parametrize(
    "greater",
    [
        replace(CHEAP, time_cost=2),
        replace(CHEAP, memory_cost=128),
        replace(CHEAP, hash_len=64),
        replace(CHEAP, salt_len=32),
    ],
)
def test_a_hash_of_lesser_parameters_is_outdated_and_one_of_greater_is_not(greater: Parameters) -> None:
    better = PasswordHashing(os.urandom, greater)
    assert better.is_outdated(HASHING.hash(PASSWORD))
    assert not HASHING.is_outdated(better.hash(PASSWORD))
    assert not HASHING.is_outdated(HASHING.hash(PASSWORD))


def test_too_long_or_no_text_cannot_be_a_password() -> None:
    assert normalised("a" * LONGEST) is not None
    assert normalised("a" * (LONGEST + 1)) is None
    assert normalised("\udcff") is None
    with pytest.raises(ValueError, match="at most 1024 characters"):
        HASHING.hash("a" * (LONGEST + 1))


@pytest.mark.parametrize(
    ("password", "because"),
    [
        ("short77", "at least 8 characters, found 7"),
        ("Password123456", "most common passwords"),
        ("qwertyuiop", "common"),
        ("aaaaaaaaaaaaaaaaaaaa", "repeats itself"),
        ("abcdefghijklm", "sequence"),
        ("19.04.1985", "date"),
        ("lakewarden2026!", "user name or a word of this product"),
        ("Lakewarden", "user name or a word of this product"),
        ("doctor-nights", "user name or a word of this product"),
        ("nights-doctor!!", "user name or a word of this product"),
        ("p@ssw0rd", "most common passwords"),
        ("x" * 1_025, "at most 1,024 characters"),
        ("x" * 1_000_000, "at most 1,024 characters"),
        ("\ud800" * 20, "Unicode text"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason_and_without_itself(password: str, because: str) -> None:
    with pytest.raises(PasswordRefused, match=because) as refusal:
        check_password(password, user="doctor-nights", second_factor=True)
    assert password not in str(refusal.value)


def test_without_a_second_factor_fifteen_characters_are_expected() -> None:
    check_password("kX9#mQ2v", user="doctor", second_factor=True)
    with pytest.raises(PasswordRefused, match="at least 15 characters, found 8"):
        check_password("kX9#mQ2v", user="doctor", second_factor=False)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "lantern orbit velvet mason",
        "ветер синий чайник 7",  # not of one alphabet
        "日本語のながいあいことば 海の青い",
        "gondola" + "\u00e9" * 3 + "walrus",
        "tulip orbit cavern " * 50,  # long ones are welcome
        "tangerine-doctor-viaduct",  # a context word is no harm beside enough else
    ],
)
def test_a_good_password_of_any_characters_is_taken(password: str) -> None:
    check_password(password, user="doctor", second_factor=False)


def test_eight_random_characters_are_enough_beside_a_second_factor() -> None:
    generator = seeded()
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789#%&+=?"
    refusals = 0
    for _ in range(200):
        try:
            check_password("".join(generator.choices(alphabet, k=8)), user="doctor", second_factor=True)
        except PasswordRefused:
            refusals += 1  # by chance some hold a word
    assert refusals < 20


def test_length_is_counted_in_characters_after_normalising() -> None:
    decomposed = "e\u0301" * 7  # 14 code points, 7 characters
    with pytest.raises(PasswordRefused, match="found 7"):
        check_password(decomposed, user="doctor", second_factor=True)
