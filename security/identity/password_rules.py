"""Which passwords may be set (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 V6.2), and why another may not.

1. At least 15 characters, or 8 where a second factor is enrolled; at most 1,024. No rule on kinds of characters.
2. Apart from the user name and the product's words, 8 characters must be left.
3. zxcvbn must estimate more than 10^7.5 guesses: that refuses common passwords, words, keyboard rows, repeats,
   sequences and dates, but no 8 random characters.
No message repeats the password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from zxcvbn import zxcvbn

from security.errors import PasswordRefused
from security.identity.passwords import LONGEST, normalised

LEAST_ALONE = 15  # characters
LEAST_WITH_SECOND_FACTOR = 8
LEAST_GUESSES_LOG10 = 7.5
LONGEST_ESTIMATED = 72  # characters; zxcvbn's own limit: more only takes longer
PRODUCT_WORDS = ("lakewarden", "lake", "warden", "healthanalytics", "health", "analytics", "warehouse", "patient")

_REASONS = {
    "user_inputs": "it is little more than the user name or a word of this product",
    "passwords": "it is one of the most common passwords, or like one",
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
_ADVICE = "Several unrelated words make a good one."


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
    found: dict[str, Any] = zxcvbn(text[:LONGEST_ESTIMATED], user_inputs=words, max_length=LONGEST_ESTIMATED)
    if found["guesses_log10"] > LEAST_GUESSES_LOG10:
        return
    raise PasswordRefused(
        f"this password is refused: {_why(found['sequence'])}, so about 10^{found['guesses_log10']:.0f} guesses find "
        f"it, expected more than 10^{LEAST_GUESSES_LOG10:g}. {_ADVICE}"
    )


def _why(sequence: list[dict[str, Any]]) -> str:
    """The reason of the longest part that is easily guessed."""
    weak = [part for part in sequence if part["pattern"] != "bruteforce"]
    if not weak:
        return "it has too few different characters"
    longest = max(weak, key=lambda part: len(part["token"]))
    return _REASONS.get(longest.get("dictionary_name") or longest["pattern"], "it follows a common pattern")
