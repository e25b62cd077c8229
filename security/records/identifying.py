"""What in a text tells who the patient is: where identifying values are hidden, no text that is shown may hold one.

Rules:
1. A social security number is told by its form alone, whosesoever it is; the other values are the patient's own.
2. Letter case, accents, white space, punctuation, width and unseen joiners make no difference, nor how ü or ø are
   written in ASCII. Numbers are told by their digits, a telephone number by its last seven.
3. A name is the whole name in any order that it is written in, the first with any one of the others, or the only one
   there is; titles are left out. A word such as `unknown`, or one name of several, tells of nobody: Wilson and Graves
   are diagnoses too.
4. Of an address, the street with its number and the town with its code are told alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

JOINERS = "\u200c\u200d"  # unseen, yet part of words in several scripts
IDENTIFIED_BY = ("name", "address", "phone", "email", "ssn", "insurance_id")
# The same sign twice, so that 128/76 before a date is none.
LIKE_SSN = re.compile(r"(?<!\d)\d{3}([-._ \u2010-\u2015\u2212]{1,3})\d{2}\1\d{4}(?!\d)")
TITLES = frozenset(("dr", "ii", "iii", "jr", "med", "miss", "mr", "mrs", "ms", "prof", "sir", "sr"))
NOBODY = frozenset(("anonymous", "baby", "doe", "newborn", "nobody", "none", "patient", "test", "unknown", "unnamed"))
_LEAST_DIGITS = 4  # of a number by which somebody could be found
_LEAST_OF_ID = 4  # letters and digits
_OF_PHONE = 7  # digits, the last, which are the same however the rest is dialled
_LEAST_SQUEEZED = 8  # characters of a value that is looked for across the ends of words
INDOORS = frozenset(
    ("apartment", "bed", "block", "building", "flat", "floor", "level", "room", "suite", "unit", "ward")
)
_LEAST_LETTERS = 3  # of a word of a street or town, which with its number could be found
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]")  # scripts
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[\W_]{1,3}(?=[0-9])")
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Telling:
    """What a patient could be found by: in each of a text's spellings, as words, as digits, and as it is squeezed."""

    words: frozenset[str]  # with a space at each end
    digits: frozenset[str]
    squeezed: frozenset[str]  # letters and digits alone


def tells_of(text: str, telling: Telling) -> bool:
    """Whether `text` has what looks like a social security number, or something of `telling`."""
    found = [_Read(spelling) for spelling in _spellings(text)]
    return LIKE_SSN.search(unicodedata.normalize("NFKC", text)) is not None or any(
        any(one in read.words for one in telling.words)
        or any(one in read.digits for one in telling.digits)
        or any(one in read.squeezed for one in telling.squeezed)
        for read in found
    )


def telling(columns: Mapping[str, str]) -> Telling:
    """What a patient could be found by, of the columns IDENTIFIED_BY."""
    digits = {_digits(columns["ssn"])} | {_digits(columns["phone"])[-_OF_PHONE:]}
    numbered = [one for one in (columns["insurance_id"],) if _count_digits(one)]
    squeezed = {_Read(one).squeezed for value in (*numbered, columns["name"]) for one in _spellings(value)}
    return Telling(
        frozenset(_Read(one).words for value in _in_words(columns) for one in _spellings(value)),
        frozenset(one for one in digits if len(one) >= _OF_PHONE),
        frozenset(one for one in squeezed if len(one) >= (2 if _WITHOUT_SPACES.search(one) else _LEAST_SQUEEZED)),
    )


def is_unseen(character: str) -> bool:
    """Whether nothing is seen of a character but what it does to others; a joiner of letters may stay."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in JOINERS


def first_unseen(text: str, *, but: str = "") -> str | None:
    """The first such character of `text`, none of `but`, and where it stands; None where there is none."""
    for index, one in enumerate(text):
        if one not in but and is_unseen(one):
            before = text[:index]
            line = f" of line {before.count(chr(10)) + 1}" if "\n" in text else ""
            return f"U+{ord(one):04X} as character {index - before.rfind(chr(10))}{line}"
    return None


class _Read:
    """One spelling of a text, read in three ways."""

    __slots__ = ("digits", "squeezed", "words")

    def __init__(self, spelling: str) -> None:
        words = _WORDS.findall(spelling)
        self.words = f" {' '.join(words)} "
        self.squeezed = "".join(words)
        self.digits = _BETWEEN_DIGITS.sub("", spelling)


def _in_words(columns: Mapping[str, str]) -> Iterator[str]:
    """The values that are told by their words, one after the other."""
    names = [word for word in columns["name"].split() if word.strip(".,").casefold() not in TITLES]
    for at in range(len(names) if len(names) > 1 else 0):
        yield " ".join(names[at:] + names[:at])
        yield from (f"{names[0]} {names[at]}", f"{names[at]} {names[0]}") if at else ()
    if len(names) == 1 and len(names[0]) > 1 and names[0].casefold() not in NOBODY:
        yield names[0]
    for column, least in (("address", 1), ("phone", _LEAST_DIGITS), ("insurance_id", 1)):
        value = columns[column]
        if _count_digits(value) >= least and sum(map(str.isalnum, value)) >= _LEAST_OF_ID:
            yield value
    if "@" in columns["email"]:
        yield columns["email"]
    parts = columns["address"].split(",")
    yield from (part for part in parts if len(parts) > 1 and _is_place(part))


def _is_place(part: str) -> bool:
    """A street with its number or a town with its code; no floor, room or state."""
    words = [word for word in _WORDS.findall(part.casefold()) if len(word) >= _LEAST_LETTERS and word.isalpha()]
    return _count_digits(part) > 0 and bool(set(words) - INDOORS)


def _count_digits(value: str) -> int:
    return sum(one.isdecimal() for one in value)


def _digits(value: str) -> str:
    (spelling, *_) = _spellings(value)
    return "".join(one for one in spelling if one.isdecimal())


def _spellings(text: str) -> list[str]:
    """A text without case and accents, and so too with ü, ø and the like as they are spelled in ASCII."""
    if text.isascii():
        return [text.casefold()]
    seen = "".join(one for one in unicodedata.normalize("NFKC", text) if one not in JOINERS).casefold()
    seen = "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in seen)
    both = dict.fromkeys((seen, seen.translate(_SPELLED)))
    return [_without_accents(one).translate(_PLAIN) for one in both]


def _without_accents(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text) if unicodedata.category(one) != "Mn")
