"""Splunk HTTP Event Collector: one JSON object an event, `time` in seconds since 1970 with its fraction."""

from __future__ import annotations

import json

from security.audit.search import Recorded
from security.audit.siem.origin import PRODUCT, Source, epoch_ms, fields, rfc3339, severity


def hec(recorded: Recorded, source: Source) -> str:
    """The event as one JSON line for `/services/collector/event`."""
    milliseconds = epoch_ms(recorded.event)
    body = {
        # A decimal text, since a float would round the fraction; Splunk reads either.
        "time": f"{milliseconds // 1000}.{milliseconds % 1000:03d}",
        "host": source.host,
        "source": source.origin,
        "sourcetype": f"{PRODUCT.lower()}:audit",
        "event": {"at": rfc3339(recorded.event), "severity": severity(recorded.event), **fields(recorded)},
    }
    return json.dumps(body, separators=(",", ":"))
