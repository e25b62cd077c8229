"""What in a text tells who the patient is: where identifying values are hidden, no text that is shown may hold one.

Rules:
1. A social security number is told by its form alone, whosesoever it is; the other values are the patient's own.
2. Letter case, white space, width and unseen joiners make no difference.
3. A word such as `unknown`, or a first name alone, tells of nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

JOINERS = "\u200c\u200d"  # unseen, yet part of words in several scripts
IDENTIFIED_BY = ("name", "address", "phone", "email", "ssn", "insurance_id")
LIKE_SSN = re.compile(r"(?<!\d)\d{3}[-._ \u2010-\u2015\u2212]\d{2}[-._ \u2010-\u2015\u2212]\d{4}(?!\d)")
_LEAST_DIGITS = 4  # of a value by which somebody could be found


def tells_of(text: str, values: Iterable[str]) -> bool:
    """Whether `text` has what looks like a social security number, or one of `values`, as `telling` gives them."""
    folded = _folded(text)
    return LIKE_SSN.search(folded) is not None or any(value in folded for value in values)


def telling(columns: Mapping[str, str]) -> list[str]:
    """The values by which a patient could be found, of the columns IDENTIFIED_BY, folded for `tells_of`."""
    return [_folded(value) for value in _telling(columns)]


def is_unseen(character: str) -> bool:
    """Whether nothing is seen of a character but what it does to others; a joiner of letters may stay."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in JOINERS


def _telling(columns: Mapping[str, str]) -> Iterator[str]:
    yield from (columns["ssn"], columns["ssn"].replace("-", ""))
    words = columns["name"].split()
    if len(words) > 1:
        first, last = " ".join(words[:-1]), words[-1]
        yield from (columns["name"], f"{last} {first}", f"{last}, {first}")
    for column in ("address", "phone", "email", "insurance_id"):
        value = columns[column]
        if "@" in value or sum(one.isdigit() for one in value) >= _LEAST_DIGITS:
            yield value


def _folded(text: str) -> str:
    seen = "".join(one for one in unicodedata.normalize("NFKC", text) if one not in JOINERS)
    return " ".join(seen.casefold().split())
