"""Everything that can go wrong in the pipeline, as one tree.

EtlError
├── SourceError                 the weather API
│   ├── InvalidKey              401
│   ├── BadRequest              400
│   ├── CityNotFound            404
│   ├── QuotaExceeded           429, or our own quota cannot be met in time
│   ├── SourceUnavailable       5xx, time-out, connection refused or cut (retried)
│   ├── UnexpectedResponse      a redirect or a status the API does not document
│   └── OversizedBody           more bytes than a weather report can have
├── SensorTimeout               the API never became available
├── DataRejected                a body that must not be loaded
│   └── MissedHour              the hour is past and no raw file was kept
├── StagingError                the staging folder cannot be read or written
├── LakeError                   the data lake
│   ├── LakeUnavailable         slow, cut, 5xx (retried)
│   ├── LakeRefused             credentials, permissions, no such bucket
│   └── ObjectConflict          another body lies under this key; it is never overwritten
├── HistoryError                etl.db
│   ├── HistoryDamaged
│   └── HistoryNewer            written by a newer version
├── DeadlineExceeded            the run's time is up
└── Cancelled                   by the operator

A message says what was expected, what arrived and what to do; `kind` names the class for scripts.
"""

from __future__ import annotations


class EtlError(Exception):
    """Base of the tree. `kind` is the stable name in JSON; `retryable` says if a retry may help."""

    kind = "internal"
    retryable = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SourceError(EtlError):
    kind = "source_error"


class InvalidKey(SourceError):
    kind = "invalid_api_key"


class BadRequest(SourceError):
    kind = "bad_request"


class CityNotFound(SourceError):
    kind = "city_not_found"


class QuotaExceeded(SourceError):
    kind = "quota_exceeded"


class SourceUnavailable(SourceError):
    kind = "source_unavailable"
    retryable = True


class UnexpectedResponse(SourceError):
    kind = "unexpected_response"


class OversizedBody(SourceError):
    kind = "oversized_body"


class SensorTimeout(EtlError):
    kind = "sensor_timeout"


class DataRejected(EtlError):
    kind = "data_rejected"


class MissedHour(DataRejected):
    kind = "missed_hour"


class StagingError(EtlError):
    kind = "staging_failed"


class LakeError(EtlError):
    kind = "lake_error"


class LakeUnavailable(LakeError):
    kind = "lake_unavailable"
    retryable = True


class LakeRefused(LakeError):
    kind = "lake_refused"


class ObjectConflict(LakeError):
    kind = "object_conflict"


class HistoryError(EtlError):
    kind = "history_failed"


class HistoryDamaged(HistoryError):
    kind = "history_damaged"


class HistoryNewer(HistoryError):
    kind = "history_newer"


class DeadlineExceeded(EtlError):
    kind = "deadline_exceeded"


class Cancelled(EtlError):
    kind = "cancelled"
