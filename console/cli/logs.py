"""Where log records go: one file that all processes share, and on request stderr; never with a secret in them.

Redaction sits in the record itself, so that a sink attached by anybody, now or later, never sees the original.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from console.cli.log_file import SharedLogFile
from console.redaction import one_line, redact
from etl.models import TASK_LOGGER

CHATTY = ("httpx", "httpcore", "botocore", "boto3", "s3transfer", "urllib3")  # and may log request details

_COLOURS = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31;1", logging.DEBUG: "2"}


class RedactedRecord(logging.LogRecord):
    """A record whose message, traceback and stack are already text, without secrets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.msg = _clean(_message(self))
        self.args = None
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = _clean("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))
        self.exc_info = None
        if self.stack_info:
            self.stack_info = _clean(self.stack_info)


def _clean(text: str) -> str:
    """`text` without secrets, and without half characters, which would break a sink that writes UTF-8."""
    return redact(text).encode("utf-8", "backslashreplace").decode()


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments may raise anything, and a log line never breaks the work
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{message} (its arguments cannot be shown)"


def set_up_logging(*, level: str, log_file: Path | None, to_stderr: bool, verbose: bool, colour: bool = False) -> None:
    """Send every record of at least `level` to `log_file`, and with `verbose` also progress to stderr.

    `to_stderr` is False while stderr is not ours to write, as under the console. A second call replaces the
    first. The file is opened with the first record; if it cannot be written, one line on stderr says so and the
    work goes on.
    """
    shut_down_logging()
    logging.raiseExceptions = False  # a sink that fails never prints its own traceback over the work
    logging.setLogRecordFactory(RedactedRecord)
    threshold = logging.getLevelNamesMapping()[level]
    root = logging.getLogger()
    sinks: list[logging.Handler] = [_Silence()]
    if log_file is not None:
        shared = SharedLogFile(log_file)
        shared.setLevel(threshold)
        shared.setFormatter(FileLines())
        sinks.append(shared)
    if to_stderr and verbose:
        lines = StderrLines()
        lines.setLevel(min(threshold, logging.INFO))
        lines.setFormatter(ShortLines(colour=colour))
        sinks.append(lines)
    for sink in sinks:
        root.addHandler(sink)
    root.setLevel(min(sink.level for sink in sinks if sink.level) if len(sinks) > 1 else threshold)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if threshold <= logging.DEBUG else logging.WARNING)
    # What tasks log is kept with their attempts in the history; only who asks for it gets it here as well.
    logging.getLogger(TASK_LOGGER).propagate = verbose or threshold <= logging.DEBUG


def shut_down_logging() -> None:
    """Undo `set_up_logging`: close its sinks and give logging back its defaults."""
    root = logging.getLogger()
    for sink in [sink for sink in root.handlers if isinstance(sink, _Silence | SharedLogFile | StderrLines)]:
        root.removeHandler(sink)
        sink.close()
    if logging.getLogRecordFactory() is RedactedRecord:
        logging.setLogRecordFactory(logging.LogRecord)
        logging.raiseExceptions = True
        logging.getLogger(TASK_LOGGER).propagate = True
        root.setLevel(logging.WARNING)
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.NOTSET)


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that shows colours, and `NO_COLOR` is not set."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and stream.isatty()


class FileLines(logging.Formatter):
    """`2026-11-23T21:00:00.123Z 4711 INFO etl.runner message`: one line a record, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        head = f"{stamp}.{milliseconds:03d}Z {record.process} {record.levelname} {record.name}"
        body = "\n".join(part for part in (record.getMessage(), record.exc_text, record.stack_info) if part)
        return one_line(redact(f"{head} {body}"))


class ShortLines(logging.Formatter):
    """`21:00:00Z WARNING message`, the traceback indented below it."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%H:%M:%SZ", time.gmtime(record.created))
        code = _COLOURS.get(record.levelno) if self._colour else None
        level = f"\x1b[{code}m{record.levelname}\x1b[0m" if code else record.levelname
        lines = [f"{stamp} {level} {one_line(redact(record.getMessage()))}"]
        for part in filter(None, (record.exc_text, record.stack_info)):
            lines += [f"    {one_line(line)}" for line in redact(part).splitlines()]
        return "\n".join(lines)


class StderrLines(logging.Handler):
    """Writes to whatever is stderr at that moment; a stderr that is closed or gone is no failure."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            self.handleError(record)


class _Silence(logging.NullHandler):
    """Keeps Python's last-resort handler from printing warnings where nothing should be printed."""
