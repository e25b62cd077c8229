r"""Syslog, RFC 5424: `<PRI>1 TIMESTAMP HOST APP PROCID MSGID [structured data] message`.

Facility 13 (log audit). In the structured data `"`, `\` and `]` are escaped with `\` (§6.3.3); the header's fields are
printable ASCII without spaces, within their lengths, or `-`.
"""

from __future__ import annotations

from security.audit.search import Recorded
from security.audit.siem.origin import PRODUCT, Source, fields, is_glass, refused, rfc3339

_FACILITY = 13
_NOTICE, _WARNING = 5, 4
# An SD-ID of one's own needs an enterprise number; 32473 is the one reserved for documentation (RFC 5612).
_SD_ID = "audit@32473"


def syslog(recorded: Recorded, source: Source) -> str:
    """The event as one syslog message, without framing."""
    event = recorded.event
    priority = _FACILITY * 8 + (_WARNING if refused(event) or is_glass(event) else _NOTICE)
    header = f"<{priority}>1 {rfc3339(event)} {_word(source.host, 255)} {_word(PRODUCT.lower(), 48)} -"
    data = "".join(f' {name}="{_in_data(str(value))}"' for name, value in fields(recorded).items())
    words = (event.principal, event.action, event.resource)
    message = " ".join(_word(word, 130) for word in words) + f": {event.outcome.value}"
    return f'{header} {_word(event.kind.value, 32)} [{_SD_ID} origin="{_in_data(source.origin)}"{data}] {message}'


def _word(text: str, longest: int) -> str:
    return "".join(character for character in text if "!" <= character <= "~")[:longest] or "-"


def _in_data(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
    return escaped.replace("\r", " ").replace("\n", " ")
