"""Which passwords may be set (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 V6.2), and why another may not.

1. At least 15 characters, or 8 where a second factor is enrolled; at most 1,024. No rule on kinds of characters.
2. Apart from the user name and the product's words, 8 characters must be left.
3. What zxcvbn takes it apart into must need more than 10^7.5 guesses, as 8 random characters do. Nothing is counted for
   the commonest passwords, the words of rule 2, well-known phrases, keyboard rows, sequences, dates, years, separators
   and the case of letters, nor for a part that was there already: attackers put those together by rule.
No message repeats the password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from zxcvbn.matching import RANKED_DICTIONARIES, build_ranked_dict, omnimatch
from zxcvbn.scoring import most_guessable_match_sequence

from security.errors import PasswordRefused
from security.identity.passwords import LONGEST, normalised

LEAST_ALONE = 15  # characters
LEAST_WITH_SECOND_FACTOR = 8
LEAST_GUESSES_LOG10 = 7.5
COMMONEST = 1_000  # passwords that are worth nothing, however many are put together
LONGEST_ESTIMATED = 72  # characters; zxcvbn's own limit: more only takes longer
PRODUCT_WORDS = ("lakewarden", "lake", "warden", "healthanalytics", "health", "analytics", "warehouse", "patient")
KNOWN_PHRASES = (
    "correct horse battery staple",
    "the quick brown fox jumps over the lazy dog",
    "lorem ipsum dolor sit amet",
    "to be or not to be",
    "that is the question",
    "may the force be with you",
    "never gonna give you up",
    "once upon a time",
    "this is my password",
)

_SEPARATORS = re.compile(r"[\s.,;:_/()\[\]{}<>\"'~*-]+")
_SEPARATORS_AND_YEARS = re.compile(rf"{_SEPARATORS.pattern}|(?<!\d)(?:19|20)\d\d(?!\d)")
_WORTHLESS_FROM = {"spatial": 4, "sequence": 4, "date": 6, "regex": 4}  # characters: shorter ones come about by chance
_REASONS = {
    "user_inputs": "it is little more than the user name or a word of this product",
    "known_phrases": "it is little more than a well-known phrase",
    "passwords": "it is little more than the most common passwords",
    "english_wikipedia": "it is little more than a common word",
    "us_tv_and_film": "it is little more than a common word",
    "surnames": "it is little more than a common name",
    "male_names": "it is little more than a common name",
    "female_names": "it is little more than a common name",
    "spatial": "it is a row of neighbouring keys",
    "repeat": "it repeats itself",
    "sequence": "it is a sequence such as abcd or 1234",
    "regex": "it is little more than a year",
    "date": "it is little more than a date",
}
_ADVICE = "Four or more unrelated, less common words make a good one."


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a password: what it is, as a key of `_REASONS` or `bruteforce`, and how many guesses find it."""

    token: str
    kind: str
    guesses: float


def check_password(password: str, *, user: str, second_factor: bool, context: Sequence[str] = ()) -> None:
    """Return if `password` may be set for `user`. Raises PasswordRefused, saying why."""
    body = normalised(password)
    if body is None:
        raise PasswordRefused(f"expected a password of Unicode text, of at most {LONGEST:,} characters; found another")
    text = body.decode()
    _check_length(text, LEAST_WITH_SECOND_FACTOR if second_factor else LEAST_ALONE)
    words = _context_words(user, context)
    _check_beyond_context(text, words)
    _check_guesses(text, words)


def _check_length(text: str, least: int) -> None:
    if len(text) < least:
        raise PasswordRefused(f"expected a password of at least {least} characters, found {len(text)}. {_ADVICE}")


def _context_words(user: str, context: Sequence[str]) -> list[str]:
    parts = [part for whole in (user, *context) for part in (whole, *re.split(r"[^a-z0-9]+", whole.lower()))]
    return sorted({word.lower() for word in (*parts, *PRODUCT_WORDS) if len(word) >= 3}, key=len, reverse=True)


def _check_beyond_context(text: str, words: list[str]) -> None:
    rest = unicodedata.normalize("NFKC", text).lower()
    for word in words:
        rest = rest.replace(word, "")
    if len(rest) < LEAST_WITH_SECOND_FACTOR and len(rest) < len(text):
        raise PasswordRefused(
            f"this password is refused: {_REASONS['user_inputs']}: without those, {len(rest)} characters are left, "
            f"expected at least {LEAST_WITH_SECOND_FACTOR}. {_ADVICE}"
        )


def _check_guesses(text: str, words: list[str]) -> None:
    parts, log10_guesses = _least(text, words)
    if log10_guesses > LEAST_GUESSES_LOG10:
        return
    raise PasswordRefused(
        f"this password is refused: {_why(parts)}, so about 10^{max(log10_guesses, 1):.0f} guesses find it, expected "
        f"more than 10^{LEAST_GUESSES_LOG10:g}. {_ADVICE}"
    )


def _least(text: str, words: list[str]) -> tuple[list[_Part], float]:
    """The parts of `text` and log10 of the guesses for them, word by word or without separators: which needs fewer."""
    known = {
        "user_inputs": build_ranked_dict(words),
        "known_phrases": build_ranked_dict([phrase.replace(" ", "") for phrase in KNOWN_PHRASES]),
    }
    plain = unicodedata.normalize("NFKC", text[:LONGEST_ESTIMATED]).lower()[:LONGEST_ESTIMATED]
    ways = (_SEPARATORS_AND_YEARS.split(plain), [_SEPARATORS.sub("", plain)])
    taken_apart = [list({part.token: part for word in way for part in _parts(word, known)}.values()) for way in ways]
    return min(((parts, sum(log10(part.guesses) for part in parts)) for parts in taken_apart), key=lambda way: way[1])


def _parts(word: str, known: dict[str, dict[str, int]]) -> Iterator[_Part]:
    """The parts of `word` that take the fewest guesses together; of a repeat what is repeated."""
    if not word:
        return
    for match in most_guessable_match_sequence(word, omnimatch(word, {**RANKED_DICTIONARIES, **known}))["sequence"]:
        if match["pattern"] == "repeat":
            for part in _parts(match["base_token"], known):
                yield _Part(part.token, "repeat" if part.kind == "bruteforce" else part.kind, part.guesses)
        else:
            kind = match.get("dictionary_name") or match["pattern"]
            worthless = kind in known or _is_commonest(match) or _is_pattern(match)
            yield _Part(match["token"], kind, 1.0 if worthless else float(match["guesses"]))


def _is_commonest(match: dict[str, Any]) -> bool:
    rank = RANKED_DICTIONARIES["passwords"].get(match.get("matched_word"))
    return rank is not None and rank <= COMMONEST


def _is_pattern(match: dict[str, Any]) -> bool:
    return len(match["token"]) >= _WORTHLESS_FROM.get(match["pattern"], LONGEST_ESTIMATED + 1)


def _why(parts: list[_Part]) -> str:
    """The reason of the longest part that is easily guessed."""
    weak = [part for part in parts if part.kind in _REASONS]
    if not weak:
        return "it repeats itself, or little is left without separators and years" if parts else _REASONS["regex"]
    return _REASONS[max(weak, key=lambda part: (part.guesses == 1, len(part.token))).kind]
