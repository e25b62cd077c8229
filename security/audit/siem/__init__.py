"""Audit events as lines for a SIEM: one pure function a format, each giving one line without its end."""

from __future__ import annotations

from collections.abc import Callable

from security.audit.search import Recorded
from security.audit.siem.cef import cef
from security.audit.siem.hec import hec
from security.audit.siem.leef import leef
from security.audit.siem.ocsf import ocsf
from security.audit.siem.origin import Source
from security.audit.siem.syslog import syslog

FORMATS: dict[str, Callable[[Recorded, Source], str]] = {
    "ocsf": ocsf,
    "cef": cef,
    "leef": leef,
    "syslog": syslog,
    "hec": hec,
}

__all__ = ["FORMATS", "Source", "cef", "hec", "leef", "ocsf", "syslog"]
