"""What makes a text fit to leave the process: secrets become `***`, control characters are escaped.

The registry of secrets is process-wide on purpose: a log line may come from any library.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from urllib.parse import quote

MARK = "***"
SHORTEST = 4  # a shorter secret would blot out ordinary words

_VALUE = r"""(?:=|%3D|%253D|['"]?\s*[:,=]\s*b?['"]?)(?:Bearer\s+)?)[^\s&'"\\,;)}\]<>]+"""
_KEYED = re.compile(rf"(?i)((?:appid|x-amz-security-token|x-amz-signature){_VALUE}")


class Redactor:
    """The secrets known so far. Safe between threads: the pattern is replaced whole."""

    def __init__(self) -> None:
        self._patterns: dict[str, str] = {}
        self._known: re.Pattern[str] | None = None

    def register(self, secret: str) -> None:
        """From now on `secret` is never shown; one of fewer than 4 characters is ignored."""
        if len(secret) < SHORTEST or secret in self._patterns:
            return
        pieces = re.findall(r"\\+|[^\\]", secret)
        patterns = {**self._patterns, secret: "".join(map(_spellings, pieces))}
        longest_first = sorted(patterns, key=len, reverse=True)
        self._known = re.compile("|".join(patterns[known] for known in longest_first))
        self._patterns = patterns

    def redact(self, text: str) -> str:
        """`text` with every registered secret, however escaped, and every `appid` value replaced by `***`.

        Found are the secret as it is, percent-encoded (as a query or a path), and as JSON and Python write it.
        """
        if self._known is not None:
            text = self._known.sub(MARK, text)
        return _KEYED.sub(rf"\1{MARK}", text)


@lru_cache(maxsize=512)
def _spellings(character: str) -> str:
    """A pattern of every way in which one character, or one run of backslashes, may be written."""
    if character[0] == "\\":  # as a run, since each alone could be any of several: exponential in their number
        count = len(character)
        return rf"(?:\\{{{count},{4 * count}}}|(?:%(?:25)?5[Cc]){{{count}}})"
    if character.isascii() and character.isalnum():
        return character
    encoded = character.encode("utf-8", "surrogatepass")
    percent = "".join(f"%{byte:02X}" for byte in encoded)
    spellings = {
        character,
        percent,
        percent.lower(),
        quote(percent, safe=""),
        json.dumps(character)[1:-1],
        json.dumps(json.dumps(character)[1:-1])[1:-1],
        repr(character)[1:-1],
        ascii(character)[1:-1],
        repr(encoded)[2:-1],
        f"\\{character}",
    }
    if character == " ":
        spellings.add("+")
    return f"(?:{'|'.join(re.escape(form) for form in sorted(spellings, key=len, reverse=True))})"


def one_line(text: str) -> str:
    """`text` with every control and invisible character escaped, so that no input can forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_PROCESS = Redactor()

register = _PROCESS.register
redact = _PROCESS.redact
