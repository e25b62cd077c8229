"""What an answer other than 200 means for the pipeline, apart from how it was fetched.

The statuses are those of https://openweathermap.org/faq#error401 and the error list that follows it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from etl.errors import (
    BadRequest,
    CityNotFound,
    InvalidKey,
    QuotaExceeded,
    SourceError,
    SourceUnavailable,
    UnexpectedResponse,
)

MAX_RETRY_AFTER_S = 86_400.0
HOW_TO_SET_THE_KEY = "set OPENWEATHER_API_KEY or run `lakewarden secrets set openweather_api_key`"


def error_of(status: int, *, source: str, about: str, wait_s: float | None) -> SourceError:
    """The error for an HTTP `status` of `source`; `about` says which request it was and what the API said."""
    if status == 400:
        return BadRequest(
            f"{source} did not understand the request {about}; "
            "write the city as a name, as latitude,longitude or as a city id"
        )
    if status == 401:
        return InvalidKey(
            f"{source} did not accept the API key {about}; "
            f"a new key may need two hours until it works, otherwise {HOW_TO_SET_THE_KEY}"
        )
    if status == 404:
        return CityNotFound(
            f"{source} knows no such place {about}; "
            "check the spelling, or write it as latitude,longitude or as a city id"
        )
    if status == 429:
        return QuotaExceeded(
            f"{source} has blocked this key after too many calls {about}; "
            "wait about 10 minutes, and lower weather.calls_per_minute or choose another plan",
            retry_after_s=wait_s,
        )
    if 500 <= status <= 599:
        return SourceUnavailable(f"{source} is out of order {about}; try again later", retry_after_s=wait_s)
    return UnexpectedResponse(
        f"{source} gave an answer that its documentation does not know {about}, expected 200; check weather.base_url"
    )


def retry_after_s(retry_after: str, *, sent_at: datetime) -> float | None:
    """The wait that a `Retry-After` field asks for (RFC 9110 §10.2.3), from 0 s to a day; None if unreadable.

    `sent_at` is what the field's date is compared with: best the answer's own date, so that a clock that is
    wrong on one side does not matter.
    """
    if re.fullmatch(r"[0-9]{1,12}", retry_after.strip()):
        return min(float(retry_after), MAX_RETRY_AFTER_S)
    until = http_date(retry_after)
    if until is None:
        return None
    return min(max((until - sent_at).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def http_date(text: str) -> datetime | None:
    """An HTTP date as an aware instant; None if it is not one."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
