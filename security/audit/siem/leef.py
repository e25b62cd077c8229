r"""IBM QRadar Log Event Extended Format 2.0.

`LEEF:2.0|vendor|product|version|event id|delimiter|attributes`, where the delimiter is written `x09` for a tab. LEEF
has no escapes: a delimiter, a pipe in the header or a line end inside a value becomes a space.
"""

from __future__ import annotations

from security.audit.search import Recorded
from security.audit.siem.origin import PRODUCT, VENDOR, Source, epoch_ms, fields, severity

_KEYS = {"kind": "cat", "principal": "usrName", "address": "src", "session": "session", "policies": "policy"}


def leef(recorded: Recorded, source: Source) -> str:
    """The event as one LEEF line."""
    event = recorded.event
    # Without devTimeFormat, devTime is milliseconds since 1970.
    attributes = {"devTime": str(epoch_ms(event)), "sev": str(severity(event)), "identHostName": source.host}
    attributes |= {_KEYS.get(name, name): str(value) for name, value in fields(recorded).items()}
    header = "|".join(_plain(part, "|") for part in (VENDOR, PRODUCT, source.version, event.action))
    return f"LEEF:2.0|{header}|x09|" + "\t".join(f"{key}={_plain(value)}" for key, value in attributes.items())


def _plain(text: str, also: str = "") -> str:
    return "".join(" " if character in "\t\r\n" or character in also else character for character in text)
