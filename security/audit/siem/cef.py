r"""ArcSight Common Event Format, CEF:0.

`CEF:0|vendor|product|version|event class|name|severity|extension`. In the header `\` and `|` are escaped with `\`; in
the values of the extension `\` and `=`, and line ends are written `\n` and `\r`.
"""

from __future__ import annotations

from security.audit.search import Recorded
from security.audit.siem.origin import PRODUCT, VENDOR, Source, epoch_ms, fields, severity

# CEF's own keys; what it has no key for goes into its labelled custom fields.
_KEYS = {
    "seq": "externalId",
    "kind": "cat",
    "action": "act",
    "outcome": "outcome",
    "principal": "suser",
    "role": "spriv",
    "address": "src",
    "count": "cnt",
    "code": "reason",
    "columns": "msg",
}
_CUSTOM = ("decision", "resource", "subject", "policies", "session", "correlation")  # CEF has six


def cef(recorded: Recorded, source: Source) -> str:
    """The event as one CEF line."""
    event, values = recorded.event, fields(recorded)
    header = (VENDOR, PRODUCT, source.version, event.action, f"{event.kind.value} {event.outcome.value}")
    extension = {"rt": str(epoch_ms(event)), "dvchost": source.host}
    extension |= {_KEYS[name]: str(value) for name, value in values.items() if name in _KEYS}
    if event.address and ":" in event.address:
        extension["c6a2Label"], extension["c6a2"] = "Source IPv6 Address", extension.pop("src")
    for number, name in enumerate(_CUSTOM, start=1):
        if name in values:
            extension[f"cs{number}Label"], extension[f"cs{number}"] = name, str(values[name])
    head = "|".join(_in_header(part) for part in header)
    tail = " ".join(f"{key}={_in_extension(value)}" for key, value in extension.items())
    return f"CEF:0|{head}|{severity(event)}|{tail}"


def _in_header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _in_extension(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
