"""The exit codes, as the public contract names them, and which error leads to which."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from console.actions.errors import NoSuchRun
from console.actions.permissions import PermissionDenied
from console.config_errors import ConfigError, WorkspaceError
from etl.errors import (
    BadRequest,
    Cancelled,
    CityNotFound,
    DataRejected,
    EtlError,
    HistoryError,
    HistoryNewer,
    InvalidKey,
    LakeError,
    OversizedBody,
    SensorTimeout,
    SourceError,
    StagingError,
)
from etl.errors import DeadlineExceeded as Late
from security import errors as security
from warehouse.errors import (
    DataRefused,
    EngineMissing,
    NotForPractice,
    QueryRefused,
    QueryStopped,
    StoreBusy,
    StoreError,
    StoreNewer,
)

if TYPE_CHECKING:
    from etl.run import RunOutcome


class Exit(IntEnum):
    """What the process tells its caller."""

    DONE = 0  # done, or nothing left to do
    PARTLY = 1  # part of it failed, the rest is done
    USAGE = 64  # the command line is not valid
    DATA = 65  # the data was rejected
    UNAVAILABLE = 69  # the source is unavailable
    INTERNAL = 70  # a fault of this program
    IO = 74  # lake, database or disk failed
    TEMPORARY = 75  # another process holds this work, or a time limit was reached
    DENIED = 77  # not permitted, or not signed in
    CONFIG = 78  # configuration


_OF_SECURITY: tuple[tuple[tuple[type[security.SecurityError], ...], Exit], ...] = (
    (
        (
            security.SecretRefused, security.AccountRefused, security.AccountUnknown, security.QuestionRefused,
            security.RequestRefused,
        ),
        Exit.USAGE,
    ),
    (
        (
            security.AccessDenied, security.SignInRefused, security.SignInDelayed, security.SessionEnded,
            security.FreshFactorNeeded, security.ReadRefused,
        ),
        Exit.DENIED,
    ),
    (
        (
            security.PasswordRefused, security.RecordRefused, security.RecordUnknown, security.SealBroken,
            security.ProofRefused, security.CheckpointRefused,
        ),
        Exit.DATA,
    ),
    ((security.MailNotSent,), Exit.UNAVAILABLE),
    ((security.StoreBusy, security.RecordChanged), Exit.TEMPORARY),
    ((security.StoreNewer,), Exit.CONFIG),
    ((security.AuditError, security.StoreError), Exit.IO),
)  # fmt: skip

# If everything failed for different reasons, the first of these that occurred.
_WORST_FIRST = (Exit.INTERNAL, Exit.IO, Exit.CONFIG, Exit.UNAVAILABLE, Exit.DATA)


class UsageError(Exception):
    """The command line asks for something that cannot be; the message says what would be valid."""


def exit_of(error: BaseException) -> Exit:
    """The exit code of an error that ended a command."""
    if isinstance(error, security.SecurityError):
        return next((code for kinds, code in _OF_SECURITY if isinstance(error, kinds)), Exit.CONFIG)
    match error:
        case QueryRefused():
            return Exit.USAGE
        case QueryStopped() | StoreBusy():
            return Exit.TEMPORARY
        case NotForPractice() | EngineMissing() | StoreNewer():
            return Exit.CONFIG
        case DataRefused():
            return Exit.DATA
        case HistoryNewer() | InvalidKey() | ConfigError():
            return Exit.CONFIG
        case UsageError() | NoSuchRun():
            return Exit.USAGE
        case PermissionDenied():
            return Exit.DENIED
        case BadRequest() | CityNotFound() | OversizedBody() | DataRejected():
            return Exit.DATA
        case SourceError() | SensorTimeout():
            return Exit.UNAVAILABLE
        case Late() | Cancelled():
            return Exit.TEMPORARY
        case LakeError() | StagingError() | HistoryError() | StoreError() | WorkspaceError() | OSError():
            return Exit.IO
        case _:
            return Exit.INTERNAL


def exit_of_run(outcome: RunOutcome) -> Exit:
    """The exit code of a run: done, partly, busy, or why all of it failed."""
    if outcome.failures:
        if outcome.loaded or outcome.already_loaded:
            return Exit.PARTLY
        return worst(outcome.failures)
    return Exit.TEMPORARY if outcome.busy else Exit.DONE


def worst(failures: Sequence[EtlError]) -> Exit:
    """The exit code where everything failed."""
    codes = {exit_of(error) for error in failures}
    return next((code for code in _WORST_FIRST if code in codes), codes.pop())
